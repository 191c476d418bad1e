#include <png.h>

#include <algorithm>
#include <memory>
#include <string>

#include "media/codec.h"
#include "media/exif.h"

namespace ocelli {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);

bool RecognizesPng(std::span<const std::byte> encoded) {
  return HasTextAt(encoded, 0, kSignature);
}

// Chunks are length, type, data, CRC. The eXIf chunk is what libpng's
// simplified interface does not give.
int Orientation(std::span<const std::byte> png) {
  constexpr std::size_t kAroundData = 12;
  std::size_t at = kSignature.size();
  while (at + kAroundData <= png.size()) {
    const std::size_t length = BigEndian32(png, at);
    if (length > png.size() - at - kAroundData) break;
    if (HasTextAt(png, at + 4, "eXIf")) {
      return ExifOrientation(png.subspan(at + 8, length));
    }
    at += length + kAroundData;
  }
  return 1;
}

// The simplified interface keeps libpng's longjmp inside the library.
Result<Image> DecodePng(std::span<const std::byte> encoded,
                        const ImageLimits& limits) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> owner(
      &png, png_image_free);
  const auto damaged = [&] {
    return Fail(ErrorCode::kDataLoss,
                std::string("truncated or damaged PNG: ") + png.message);
  };
  if (!png_image_begin_read_from_memory(&png, encoded.data(), encoded.size())) {
    return damaged();
  }
  if (const auto size = CheckSize(png.width, png.height, limits); !size) {
    return size.Failure();
  }
  png.format = PNG_FORMAT_RGB;
  // Nobody who writes 16-bit files without gAMA means linear light.
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  Image image(static_cast<int>(png.width), static_cast<int>(png.height),
              PixelFormat::kRgb8);
  const png_color white = {255, 255, 255};
  if (!png_image_finish_read(&png, &white, image.view().data, 0, nullptr)) {
    return damaged();
  }
  return Upright(std::move(image), Orientation(encoded));
}

}  // namespace

Result<std::vector<std::byte>> EncodePng(ImageView image) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(std::max(image.width, 0));
  png.height = static_cast<png_uint_32>(std::max(image.height, 0));
  png.format =
      image.format == PixelFormat::kGrey8 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::byte> encoded;
  // Asks for the size, then writes.
  for (png_alloc_size_t size = 0; encoded.empty();) {
    if (size > 0) encoded.resize(size);
    if (image.empty() ||
        !png_image_write_to_memory(
            &png, encoded.empty() ? nullptr : encoded.data(), &size, 0,
            image.data, static_cast<png_int_32>(image.stride), nullptr)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "encoding a PNG of " + std::to_string(image.width) + "x" +
                      std::to_string(image.height) + " pixels: " + png.message);
    }
    if (!encoded.empty()) encoded.resize(size);
  }
  return encoded;
}

const Codec kPngCodec = {"PNG", ".png", RecognizesPng, DecodePng};

}  // namespace ocelli
