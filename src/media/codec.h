#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/image.h"
#include "core/result.h"
#include "core/yuv_image.h"
#include "media/still_image.h"

namespace ocelli {

// A family of still-image files. Implementations check the size that the
// header claims before they allocate for it, and return RGB, upright.
struct Codec {
  std::string_view name;    // For people: "HEIC, AVIF".
  std::string_view ending;  // Of most such files: ".heic".
  bool (*recognizes)(std::span<const std::byte> encoded);
  Result<Image> (*decode)(std::span<const std::byte> encoded,
                          const ImageLimits& limits);
};

extern const Codec kJpegCodec;
extern const Codec kPngCodec;
extern const Codec kWebpCodec;
extern const Codec kHeifCodec;
extern const Codec kSvgCodec;

// A JPEG without a way over RGB, upright; nothing where its colours or its
// chroma are not such that I420 can come of them, or it is mirrored.
Result<std::optional<YuvImage>> DecodeJpegPlanes(
    std::span<const std::byte> encoded, const ImageLimits& limits);

// kDataLoss for an empty picture, kResourceExhausted for one over the limit.
Result<> CheckSize(std::int64_t width, std::int64_t height,
                   const ImageLimits& limits);

// `count` RGBA pixels, not premultiplied, as RGB in front of white.
void BlendOntoWhite(const std::uint8_t* rgba, int count, std::uint8_t* rgb);

// Whether the bytes from `offset` on begin with `text`.
bool HasTextAt(std::span<const std::byte> bytes, std::size_t offset,
               std::string_view text);
// Needs two, four bytes there.
std::uint32_t BigEndian16(std::span<const std::byte> bytes, std::size_t offset);
std::uint32_t BigEndian32(std::span<const std::byte> bytes, std::size_t offset);

}  // namespace ocelli
