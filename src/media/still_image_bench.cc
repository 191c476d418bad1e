#include <benchmark/benchmark.h>

#include <cmath>

#include "media/exif.h"
#include "media/jpeg_colors.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

// Smooth with some grain: it compresses about as a photo does.
Image Photo(int width, int height) {
  Image image(width, height, PixelFormat::kRgb8);
  std::uint32_t grain = 1;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      grain = grain * 1664525 + 1013904223;
      const double wave = std::sin(x * .013) * std::cos(y * .017);
      const int value =
          static_cast<int>(128 + 100 * wave) + static_cast<int>(grain >> 29);
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(value);
      pixel[1] = static_cast<std::uint8_t>(255 - value);
      pixel[2] = static_cast<std::uint8_t>(value / 2 + 60);
    }
  }
  return image;
}

void CountPixels(benchmark::State& state, const Image& image) {
  state.SetItemsProcessed(state.iterations() * image.width() * image.height());
}

void BM_DecodeJpeg(benchmark::State& state) {
  const Image photo =
      Photo(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const auto jpeg = EncodeJpeg(photo);
  for (auto _ : state) {
    if (!DecodeImage(*jpeg)) state.SkipWithError("decoding failed");
  }
  CountPixels(state, photo);
}
BENCHMARK(BM_DecodeJpeg)
    ->Args({1920, 1080})
    ->Args({4000, 3000})
    ->Unit(benchmark::kMillisecond);

void BM_EncodeJpeg(benchmark::State& state) {
  const Image photo = Photo(1920, 1080);
  for (auto _ : state) {
    if (!EncodeJpeg(photo)) state.SkipWithError("encoding failed");
  }
  CountPixels(state, photo);
}
BENCHMARK(BM_EncodeJpeg)->Unit(benchmark::kMillisecond);

// As decoders give it: BT.709, limited range.
void BM_EncodeJpegOfPlanes(benchmark::State& state) {
  const Image photo = Photo(1920, 1080);
  const YuvImage planes = ToYuv(photo, {});
  for (auto _ : state) {
    if (!EncodeJpeg(planes.view())) state.SkipWithError("encoding failed");
  }
  CountPixels(state, photo);
}
BENCHMARK(BM_EncodeJpegOfPlanes)->Unit(benchmark::kMillisecond);

void BM_ToJpegColors(benchmark::State& state) {
  const Image photo = Photo(1920, 1080);
  const YuvImage planes = ToYuv(photo, {});
  YuvImage converted(1920, 1080, {YuvColor::Matrix::kBt601, true});
  for (auto _ : state) ToJpegColors(planes, converted.MutableView());
  CountPixels(state, photo);
}
BENCHMARK(BM_ToJpegColors)->Unit(benchmark::kMillisecond);

// A quarter turn, what most phone pictures need.
void BM_Upright(benchmark::State& state) {
  Image photo = Photo(4000, 3000);
  for (auto _ : state) photo = Upright(std::move(photo), 6);
  CountPixels(state, photo);
}
BENCHMARK(BM_Upright)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
