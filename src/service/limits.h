#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace ocelli {

// How many a request may have: `fallback` where it asks for 0, else as it says,
// 1 to `most`. kInvalidArgument names the field.
inline Result<std::size_t> ResolveLimit(const char* field, std::int32_t asked,
                                        std::int32_t fallback,
                                        std::int32_t most) {
  if (asked < 0 || asked > most) {
    return Fail(ErrorCode::kInvalidArgument,
                field + (": " + std::to_string(asked)) + "; 1 to " +
                    std::to_string(most) + ", or 0 for " +
                    std::to_string(fallback));
  }
  return static_cast<std::size_t>(asked == 0 ? fallback : asked);
}

}  // namespace ocelli
