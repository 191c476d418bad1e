#pragma once

namespace ocelli::internal {

[[noreturn]] void CheckFailed(const char* condition, const char* file,
                              int line);

}  // namespace ocelli::internal

// Aborts with a message unless `condition` holds. For bugs in this program
// only, never for what comes from outside.
#define OCELLI_CHECK(condition) \
  ((condition)                  \
       ? void()                 \
       : ::ocelli::internal::CheckFailed(#condition, __FILE__, __LINE__))
