#pragma once

#include <turbojpeg.h>

#include <memory>
#include <type_traits>

namespace ocelli {

struct DestroyTurboJpeg {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using TurboJpeg =
    std::unique_ptr<std::remove_pointer_t<tjhandle>, DestroyTurboJpeg>;

}  // namespace ocelli
