#include <benchmark/benchmark.h>

#include "embed/resize.h"

namespace ocelli {
namespace {

void BM_Resize(benchmark::State& state) {
  const int width = static_cast<int>(state.range(0));
  Image image(width, width * 2 / 3, PixelFormat::kRgb8);
  std::fill_n(image.view().data, image.size_bytes(), std::uint8_t{77});
  const auto filter =
      state.range(1) ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Resize(image, 224, 224, filter).view().data);
  }
}
// A photo of Corel's size and one of a telephone's, bilinear and bicubic.
BENCHMARK(BM_Resize)
    ->ArgsProduct({{384, 4032}, {0, 1}})
    ->ArgNames({"width", "bicubic"})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
