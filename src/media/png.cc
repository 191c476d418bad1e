#include <png.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

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

// Pixels of 4 or, where `white` is to shine through, 3 bytes. The simplified
// interface keeps libpng's longjmp inside the library.
template <typename Make>
Result<> ReadPng(std::span<const std::byte> encoded, const ImageLimits& limits,
                 png_uint_32 format, const png_color* white, Make make) {
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
  png.format = format;
  // Nobody who writes 16-bit files without gAMA means linear light.
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  std::uint8_t* pixels =
      make(static_cast<int>(png.width), static_cast<int>(png.height));
  if (!png_image_finish_read(&png, white, pixels, 0, nullptr)) return damaged();
  return {};
}

Result<Image> DecodePng(std::span<const std::byte> encoded,
                        const ImageLimits& limits) {
  Image image;
  const png_color white = {255, 255, 255};
  const auto read = ReadPng(encoded, limits, PNG_FORMAT_RGB, &white,
                            [&](int width, int height) {
                              image = Image(width, height, PixelFormat::kRgb8);
                              return image.view().data;
                            });
  if (!read) return read.Failure();
  return Upright(std::move(image), Orientation(encoded));
}

Result<ImageWithAlpha> DecodePngWithAlpha(std::span<const std::byte> encoded,
                                          const ImageLimits& limits) {
  std::vector<std::uint8_t> rgba;
  ImageWithAlpha image;
  const auto read = ReadPng(
      encoded, limits, PNG_FORMAT_RGBA, nullptr, [&](int width, int height) {
        image.color = Image(width, height, PixelFormat::kRgb8);
        image.alpha = Image(width, height, PixelFormat::kGrey8);
        rgba.resize(static_cast<std::size_t>(width) *
                    static_cast<std::size_t>(height) * 4);
        return rgba.data();
      });
  if (!read) return read.Failure();
  const std::uint8_t* from = rgba.data();
  for (int y = 0; y < image.color.height(); ++y) {
    std::uint8_t* color = image.color.view().Row(y);
    std::uint8_t* alpha = image.alpha.view().Row(y);
    for (int x = 0; x < image.color.width(); ++x, from += 4, color += 3) {
      std::copy_n(from, 3, color);
      *alpha++ = from[3];
    }
  }
  const int orientation = Orientation(encoded);
  image.color = Upright(std::move(image.color), orientation);
  image.alpha = Upright(std::move(image.alpha), orientation);
  return image;
}

}  // namespace

Result<ImageWithAlpha> DecodeImageWithAlpha(std::span<const std::byte> encoded,
                                            const ImageLimits& limits) {
  // DecodeImage() knows what else can be wrong.
  if (RecognizesPng(encoded) && encoded.size() <= limits.max_bytes) {
    try {
      return DecodePngWithAlpha(encoded, limits);
    } catch (const std::bad_alloc&) {
      return Fail(ErrorCode::kResourceExhausted,
                  "not enough memory to decode the image");
    }
  }
  auto color = DecodeImage(encoded, limits);
  if (!color) return color.Failure();
  Image alpha(color->width(), color->height(), PixelFormat::kGrey8);
  for (int y = 0; y < alpha.height(); ++y) {
    std::fill_n(alpha.view().Row(y), alpha.width(), std::uint8_t{255});
  }
  return ImageWithAlpha{std::move(*color), std::move(alpha)};
}

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
