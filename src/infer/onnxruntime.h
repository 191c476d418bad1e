#pragma once

// The only way to the vendor's header: its functions come from a library that
// is opened when the first model is.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

struct OnnxRuntime {
  Ort::Env* environment;
  std::string version;  // "1.29.0"
};

// Opens ONNX Runtime, once. $OCELLI_ONNXRUNTIME names another library than the
// one that this program was built with.
Result<OnnxRuntime> OpenOnnxRuntime();

// Runs `call`, which may throw what ONNX Runtime throws.
template <typename Call>
auto CallOnnxRuntime(ErrorCode code, std::string_view doing, Call call)
    -> Result<decltype(call())> {
  try {
    return call();
  } catch (const std::exception& e) {
    return Fail(code, std::string(doing) + ": " + e.what());
  }
}

}  // namespace ocelli
