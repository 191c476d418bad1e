// What the rewrite at import gains: each graph as published (TensorFlow Lite
// only converted) and rewritten, one thread. The published files come from
// their packages; without them the benchmark is skipped. For ratios run both in
// one go: --benchmark_enable_random_interleaving.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "core/file.h"
#include "infer/session.h"
#include "models/fetch.h"
#include "models/import.h"
#include "models/model_store.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// A folder for the files, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern =
        (fs::temp_directory_path() / "ocelli-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const fs::path& Folder() {
  static const Scratch scratch;
  return scratch.path();
}

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// As published, in ONNX.
Result<std::string> Published(const std::string& name) {
  static std::map<std::string, std::string> fetched;
  if (const auto found = fetched.find(name); found != fetched.end()) {
    return found->second;
  }
  const auto card = ModelStore(Folder() / "models").Find(name);
  if (!card) return card.Failure();
  auto file = FetchModel(*card, Folder() / "downloads", {});
  if (!file) return file.Failure();
  auto onnx =
      card->format == "onnx" ? std::move(file) : TfliteToOnnx(Bytes(*file));
  if (onnx) fetched[name] = *onnx;
  return onnx;
}

Result<std::unique_ptr<Session>> OpenGraph(const std::string& name,
                                           bool rewritten) {
  auto onnx = Published(name);
  if (onnx && rewritten) onnx = RewriteForSpeed(Bytes(*onnx));
  if (!onnx) return onnx.Failure();
  const fs::path file =
      Folder() / (name + (rewritten ? "-rewritten" : "") + ".onnx");
  if (const auto written = WriteFileAtomically(file, *onnx); !written) {
    return written.Failure();
  }
  return Session::Open(file);
}

// `size` is height and width where the graph leaves them free.
void RunGraph(benchmark::State& state, const std::string& name, bool rewritten,
              std::int64_t size) {
  const auto session = OpenGraph(name, rewritten);
  if (!session) {
    state.SkipWithError(session.error().message.c_str());
    return;
  }
  const TensorInfo& info = (*session)->inputs()[0];
  std::vector<std::int64_t> shape = info.shape;
  if (shape[0] < 0) shape[0] = 1;
  for (std::int64_t& axis : shape) {
    if (axis < 0) axis = size;
  }
  Tensor input = Tensor::Floats(shape);
  // Both signs: PRelu's cost depends on how they mix.
  std::uint32_t random = 1;
  for (float& value : input.floats()) {
    random = random * 1664525 + 1013904223;
    value = static_cast<float>(random >> 8) / 8388608 - 1;
  }
  const NamedTensor named{info.name, input};
  for (auto _ : state) {
    const auto outputs = (*session)->Run(std::span(&named, 1));
    if (!outputs) state.SkipWithError(outputs.error().message.c_str());
  }
}

void BM_Import(benchmark::State& state, const std::string& name) {
  const auto onnx = Published(name);
  if (!onnx) {
    state.SkipWithError(onnx.error().message.c_str());
    return;
  }
  for (auto _ : state) {
    if (!RewriteForSpeed(Bytes(*onnx))) state.SkipWithError("rewrite failed");
  }
}
BENCHMARK_CAPTURE(BM_Import, sface, std::string("sface"))
    ->Unit(benchmark::kMillisecond);

[[maybe_unused]] const bool kRegistered = [] {
  for (const auto& [name, size] :
       {std::pair("sface", 112), std::pair("facemesh", 192),
        std::pair("facemesh-attention", 192), std::pair("blazeface-full", 192),
        std::pair("blazeface-short", 128)}) {
    for (const bool rewritten : {false, true}) {
      benchmark::RegisterBenchmark(
          (std::string(rewritten ? "BM_Rewritten/" : "BM_Published/") + name)
              .c_str(),
          [name = std::string(name), rewritten,
           size = size](benchmark::State& state) {
            RunGraph(state, name, rewritten, size);
          })
          ->Unit(benchmark::kMillisecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace ocelli
