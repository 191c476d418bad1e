#include "infer/onnxruntime.h"

#include <cstdlib>
#include <memory>

#include "core/shared_library.h"

namespace ocelli {
namespace {

Result<OnnxRuntime> Load() {
  // Official builds otherwise report to their maker. Safe beside threads that
  // read the environment, since glibc makes the first addition in a copy.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  const char* chosen = std::getenv("OCELLI_ONNXRUNTIME");
  const auto library =
      chosen && *chosen
          ? SharedLibrary::Open({chosen}, "opening OCELLI_ONNXRUNTIME")
          : SharedLibrary::Open(
                {OCELLI_ONNXRUNTIME_LIBRARY, "libonnxruntime.so.1"},
                "ONNX Runtime is needed to run models: ./dev setup");
  if (!library) return library.Failure();
  auto* const get_base =
      library->Function<decltype(OrtGetApiBase)>("OrtGetApiBase");
  const OrtApiBase* base = get_base ? get_base() : nullptr;
  const OrtApi* api = base ? base->GetApi(ORT_API_VERSION) : nullptr;
  if (!api) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the ONNX Runtime library is older than version 1." +
                    std::to_string(ORT_API_VERSION) +
                    ", which this program was built for");
  }
  Ort::InitApi(api);
  return CallOnnxRuntime(ErrorCode::kInternal, "starting ONNX Runtime", [&] {
    // Never destroyed: sessions in other static objects may outlive it.
    return OnnxRuntime{new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "ocelli"),
                       base->GetVersionString()};
  });
}

}  // namespace

Result<OnnxRuntime> OpenOnnxRuntime() {
  static const Result<OnnxRuntime> runtime = Load();
  return runtime;
}

}  // namespace ocelli
