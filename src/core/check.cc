#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace ocelli::internal {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ocelli: bug: %s is false at %s:%d\n", condition, file,
               line);
  std::abort();
}

}  // namespace ocelli::internal
