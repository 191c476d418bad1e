#include "core/shared_library.h"

#include <dlfcn.h>

namespace ocelli {

Result<SharedLibrary> SharedLibrary::Open(
    std::initializer_list<std::string> names, const std::string& purpose) {
  std::string reasons;
  for (const std::string& name : names) {
    if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      return SharedLibrary(handle);
    }
    if (!reasons.empty()) reasons += "; ";
    reasons += dlerror();
  }
  return Fail(ErrorCode::kFailedPrecondition, purpose + " (" + reasons + ")");
}

void* SharedLibrary::Find(const char* name) const {
  return dlsym(handle_, name);
}

}  // namespace ocelli
