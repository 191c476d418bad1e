#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "faces/sampler.h"

namespace ocelli {
namespace {

Image Grey(int width, int height) {
  Image image(width, height, PixelFormat::kRgb8);
  std::memset(image.view().data, 128, image.size_bytes());
  return image;
}

// What one face costs before the mesh model sees it.
void BM_SampleTurnedFace(benchmark::State& state) {
  const Image image = Grey(1920, 1280);
  const Region region{{900, 600}, 400, 400, .3f};
  Affine to_image = region.FromUnit();
  for (float* factor : {&to_image.a, &to_image.b, &to_image.c, &to_image.d}) {
    *factor /= 192;
  }
  std::vector<float> out(3 * 192 * 192);
  for (auto _ : state) {
    Sample(image, to_image, 192, 192, Border::kReplicate, {.scale = 1 / 255.f},
           out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_SampleTurnedFace);

// What a photo costs before the detector sees it; the argument is its width.
void BM_SampleReducedPhoto(benchmark::State& state) {
  const int width = static_cast<int>(state.range(0));
  const Image image = Grey(width, width * 2 / 3);
  const float scale = static_cast<float>(width) / 640;
  std::vector<float> out(3 * 640 * 448);
  for (auto _ : state) {
    SampleReduced(image, {scale, 0, 0, 0, scale, 0}, 640, 448, Border::kBlack,
                  {.mean = 127.5f, .scale = 1 / 127.5f}, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_SampleReducedPhoto)->Arg(1024)->Arg(1920)->Arg(6000);

}  // namespace
}  // namespace ocelli
