#include "media/still_image.h"

#include <new>
#include <string>

#include "media/codec.h"

namespace ocelli {
namespace {

// A new format is a file with its Codec, and a line here.
constexpr const Codec* kCodecs[] = {
    &kJpegCodec, &kPngCodec, &kWebpCodec, &kHeifCodec, &kSvgCodec,
};

const Codec* FindCodec(std::span<const std::byte> encoded) {
  for (const Codec* codec : kCodecs) {
    if (codec->recognizes(encoded)) return codec;
  }
  return nullptr;
}

std::string KnownFormats() {
  std::string names;
  for (const Codec* codec : kCodecs) {
    if (!names.empty()) names += ", ";
    names += codec->name;
  }
  return names;
}

Result<const Codec*> CodecOf(std::span<const std::byte> encoded,
                             const ImageLimits& limits) {
  if (encoded.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "not an image: the file is empty");
  }
  if (encoded.size() > limits.max_bytes) {
    return Fail(ErrorCode::kResourceExhausted,
                "the image has " + std::to_string(encoded.size()) +
                    " bytes, more than the limit of " +
                    std::to_string(limits.max_bytes));
  }
  const Codec* codec = FindCodec(encoded);
  if (!codec) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "not an image: no known format; Ocelli reads " + KnownFormats());
  }
  return codec;
}

tl::unexpected<Error> NoMemory() {
  return Fail(ErrorCode::kResourceExhausted,
              "not enough memory to decode the image");
}

}  // namespace

Result<Image> DecodeImage(std::span<const std::byte> encoded,
                          const ImageLimits& limits) {
  const auto codec = CodecOf(encoded, limits);
  if (!codec) return codec.Failure();
  try {
    return (*codec)->decode(encoded, limits);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

Result<YuvImage> DecodeToYuv(std::span<const std::byte> encoded,
                             const ImageLimits& limits) {
  const auto codec = CodecOf(encoded, limits);
  if (!codec) return codec.Failure();
  try {
    if (*codec == &kJpegCodec) {
      auto planes = DecodeJpegPlanes(encoded, limits);
      if (!planes) return planes.Failure();
      if (*planes) return *std::move(*planes);
    }
    const auto image = (*codec)->decode(encoded, limits);
    if (!image) return image.Failure();
    return ToYuv(image->view(), {YuvColor::Matrix::kBt601, true});
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

std::string_view ImageFileEnding(std::span<const std::byte> encoded) {
  const Codec* codec = FindCodec(encoded);
  if (!codec) return {};
  const bool avif = codec == &kHeifCodec && (HasTextAt(encoded, 8, "avif") ||
                                             HasTextAt(encoded, 8, "avis"));
  return avif ? ".avif" : codec->ending;
}

Result<> CheckSize(std::int64_t width, std::int64_t height,
                   const ImageLimits& limits) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width <= 0 || height <= 0) {
    return Fail(ErrorCode::kDataLoss, "damaged image: its size is " + size);
  }
  // No format here has more than 2^31 - 1 columns or rows.
  const auto pixels = static_cast<std::uint64_t>(width * height);
  if (pixels > limits.max_pixels) {
    return Fail(ErrorCode::kResourceExhausted,
                "the image has " + size + " pixels, more than the limit of " +
                    std::to_string(limits.max_pixels / 1'000'000) + " million");
  }
  return {};
}

void BlendOntoWhite(const std::uint8_t* rgba, int count, std::uint8_t* rgb) {
  for (int i = 0; i < count; ++i, rgba += 4, rgb += 3) {
    const int alpha = rgba[3];
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<std::uint8_t>(
          (rgba[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

bool HasTextAt(std::span<const std::byte> bytes, std::size_t offset,
               std::string_view text) {
  if (offset > bytes.size() || bytes.size() - offset < text.size()) {
    return false;
  }
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + offset,
                          text.size()) == text;
}

std::uint32_t BigEndian16(std::span<const std::byte> bytes,
                          std::size_t offset) {
  return std::to_integer<std::uint32_t>(bytes[offset]) << 8 |
         std::to_integer<std::uint32_t>(bytes[offset + 1]);
}

std::uint32_t BigEndian32(std::span<const std::byte> bytes,
                          std::size_t offset) {
  return BigEndian16(bytes, offset) << 16 | BigEndian16(bytes, offset + 2);
}

}  // namespace ocelli
