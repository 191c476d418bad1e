// Pictures: JPEG, PNG, WebP, HEIC, AVIF, SVG.
#include "fuzz_target.h"
#include "media/still_image.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  ImageLimits limits;
  limits.max_pixels = 1 << 20;
  limits.max_svg_seconds = 1;
  const auto bytes = BytesOf(data, size);
  if (const auto image = DecodeImage(bytes, limits)) {
    const auto pixels = static_cast<std::uint64_t>(image->width()) *
                        static_cast<std::uint64_t>(image->height());
    Require(pixels > 0 && pixels <= limits.max_pixels, "within the limits");
  }
  if (const auto image = DecodeImageWithAlpha(bytes, limits)) {
    Require(image->color.width() == image->alpha.width() &&
                image->color.height() == image->alpha.height(),
            "colour and alpha of one size");
  }
  static_cast<void>(ReadJpegSize(bytes, limits).has_value());
  return 0;
}
