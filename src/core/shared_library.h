#pragma once

#include <initializer_list>
#include <string>

#include "core/result.h"

namespace ocelli {

// A library opened on first use. What a cached answer does not need (ONNX
// Runtime, libcurl, libheif) is not loaded at start: each costs a cold
// process 4 to 9 ms. Never closed: their threads and exit handlers outlive
// any owner.
class SharedLibrary {
 public:
  // Opens the first of `names` that the loader finds. `purpose` ends the
  // message of kFailedPrecondition: "libheif.so.1 is needed to read HEIC".
  static Result<SharedLibrary> Open(std::initializer_list<std::string> names,
                                    const std::string& purpose);

  // The function called `name`, with the type its header declares:
  //   const auto version = library->Function<decltype(heif_get_version)>(...)
  // Null where the library has none.
  template <typename Signature>
  Signature* Function(const char* name) const {
    return reinterpret_cast<Signature*>(Find(name));
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* Find(const char* name) const;

  void* handle_;
};

}  // namespace ocelli
