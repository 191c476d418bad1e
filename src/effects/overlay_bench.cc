#include <benchmark/benchmark.h>

#include <cstring>

#include "effects/overlay.h"

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

}  // namespace
}  // namespace ocelli
