#include <benchmark/benchmark.h>

#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

// One frame of 720p with one face of a third of its height; pixels are this
// frame's own, so that none are copied.
void BM_Effect(benchmark::State& state, const char* text) {
  EffectRegistry registry;
  AddBuiltinEffects(registry);
  const auto chosen = registry.Parse(text);
  if (!chosen) return state.SkipWithError(chosen.error().message.c_str());
  const auto effect = chosen->Make({});
  if (!effect) return state.SkipWithError(effect.error().message.c_str());
  Frame frame = NoiseFrame(1280, 720);
  const TrackedFace face = FaceAt({640, 360}, 240);
  std::vector<TrackedFace> faces;
  for (auto _ : state) {
    faces = {face};
    if (!(*effect)->Apply(frame, faces)) state.SkipWithError("Apply failed");
    frame.time += std::chrono::milliseconds(33);
  }
}
void BM_Crop(benchmark::State& state, const char* text) {
  const auto effect = MakeEffect(CropKind(), text);
  const Frame whole = NoiseFrame(1280, 720);
  const TrackedFace face = FaceAt({640, 360}, 240);
  for (auto _ : state) {
    Frame frame = whole;
    std::vector<TrackedFace> faces = {face};
    if (!effect->Apply(frame, faces)) state.SkipWithError("Apply failed");
  }
}

BENCHMARK_CAPTURE(BM_Effect, beauty, "beauty")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Effect, reshape, "reshape")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Effect, makeup, "makeup")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Effect, anonymize, "anonymize")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Effect, overlay, "overlay")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Crop, whole, "crop:width=640,height=480")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Crop, scaled, "crop:width=640,height=480,zoom=1.3")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
