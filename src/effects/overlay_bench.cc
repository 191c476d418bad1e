#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "effects/kinds.h"
#include "effects/overlay.h"
#include "effects/test_faces.h"

namespace ocelli {
namespace {

// A group photo: ten named faces of 200 pixels.
void BM_DrawOverlay(benchmark::State& state) {
  Image image(1920, 1080, PixelFormat::kRgb8);
  std::memset(image.view().data, 128, image.size_bytes());
  std::vector<OverlayFace> faces(10);
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const auto column = static_cast<float>(i % 5);
    const float row = i < 5 ? 0 : 1;
    faces[i].box = {100 + 350 * column, 150 + 450 * row, 200, 200};
    faces[i].label = "Person " + std::to_string(i);
    faces[i].detail = "0.71";
    faces[i].known = true;
  }
  for (auto _ : state) DrawOverlay(image.view(), faces);
}
BENCHMARK(BM_DrawOverlay)->Unit(benchmark::kMillisecond);

// One frame of 1280x720 with one named face of a third of its height.
void OneFace(benchmark::State& state, EffectKind kind,
             const std::string& text) {
  EffectRegistry registry;
  registry.Add(std::move(kind));
  const auto chosen = registry.Parse(text);
  if (!chosen) {
    state.SkipWithError(chosen.error().message.c_str());
    return;
  }
  const auto effect = std::move(chosen->Make({})).value();
  Frame frame;
  frame.pixels = YuvImage(1280, 720, {});
  const MutableYuvView view = frame.pixels.MutableView();
  for (const MutableImageView& plane :
       {view.LumaPlane(), view.UPlane(), view.VPlane()}) {
    for (int y = 0; y < plane.height; ++y) {
      std::memset(plane.Row(y), 128, static_cast<std::size_t>(plane.width));
    }
  }
  std::vector<TrackedFace> faces = {FaceAt({640, 360}, 240)};
  faces[0].name = "Grace Hopper";
  for (auto _ : state) {
    if (!effect->Apply(frame, faces)) state.SkipWithError("Apply failed");
  }
}
BENCHMARK_CAPTURE(OneFace, Overlay, OverlayKind(), "overlay")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, OverlayMesh, OverlayKind(), "overlay:mesh=on")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, Pixelate, AnonymizeKind(), "anonymize:mode=pixelate")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, Blur, AnonymizeKind(), "anonymize:mode=blur")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, Fill, AnonymizeKind(), "anonymize:mode=fill")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, Glasses, StickerKind(), "sticker:kind=glasses")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OneFace, Mask, StickerKind(), "sticker:kind=mask")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
