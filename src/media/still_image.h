#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/image.h"
#include "core/result.h"
#include "core/yuv_image.h"

namespace ocelli {

// Hostile pictures are stopped by these before any pixel is decoded.
struct ImageLimits {
  std::uint64_t max_bytes = 256u << 20;    // Of the encoded file.
  std::uint64_t max_pixels = 200'000'000;  // Width times height.
  int max_svg_seconds = 10;                // Of a processor, to draw one.
};

// A JPEG, PNG, WebP, HEIC, AVIF or SVG, told by its first bytes, as 8-bit RGB
// with EXIF orientation applied. 16 bits are reduced, CMYK converted,
// transparent pixels blended onto white; of an animation the first picture. An
// SVG is drawn as large as it says it is, but with 512 to 1024 pixels on its
// longer side, and without anything that it refers to outside of itself.
// kInvalidArgument (no known format), kDataLoss (truncated or damaged),
// kResourceExhausted (over a limit).
Result<Image> DecodeImage(std::span<const std::byte> encoded,
                          const ImageLimits& limits = {});

// The same as I420 with the colours of a JPEG (full range, BT.601); of most
// JPEGs without a way over RGB.
Result<YuvImage> DecodeToYuv(std::span<const std::byte> encoded,
                             const ImageLimits& limits = {});

// RGB and, of the same size, how opaque it is: grey, 0 to 255.
struct ImageWithAlpha {
  Image color;
  Image alpha;
};

// As DecodeImage(), but a PNG keeps its transparency, its colours not
// premultiplied. Every other format is opaque.
Result<ImageWithAlpha> DecodeImageWithAlpha(std::span<const std::byte> encoded,
                                            const ImageLimits& limits = {});

// What files of this kind end in: ".jpg"; empty where DecodeImage() knows no
// such format.
std::string_view ImageFileEnding(std::span<const std::byte> encoded);

// Baseline JPEG, 4:2:0; quality from 1 to 100.
Result<std::vector<std::byte>> EncodeJpeg(ImageView image, int quality = 90);
// Without a way over RGB. Keeps memory for the next one of the same thread.
Result<std::vector<std::byte>> EncodeJpeg(YuvView image, int quality = 90);

struct ImageSize {
  int width = 0;
  int height = 0;
  bool operator==(const ImageSize&) const = default;
};
// Of a JPEG, upright, without decoding it. kInvalidArgument (no JPEG),
// kDataLoss (no size, or truncated), kResourceExhausted (over a limit).
Result<ImageSize> ReadJpegSize(std::span<const std::byte> encoded,
                               const ImageLimits& limits = {});

// PNG of 8 bits a channel.
Result<std::vector<std::byte>> EncodePng(ImageView image);

}  // namespace ocelli
