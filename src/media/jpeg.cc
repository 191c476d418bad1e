#include <turbojpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "media/codec.h"
#include "media/exif.h"
#include "media/jpeg_colors.h"

namespace ocelli {
namespace {

struct DestroyTurboJpeg {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using TurboJpeg =
    std::unique_ptr<std::remove_pointer_t<tjhandle>, DestroyTurboJpeg>;

enum Marker : std::uint32_t {
  kStartOfImage = 0xd8,
  kEndOfImage = 0xd9,
  kStartOfScan = 0xda,
  kApp1 = 0xe1,
  kApp14 = 0xee,
};

// True for what stands alone, without a length after it: stuffed bytes and
// restarts inside the scans, and what damage leaves.
bool HasNoPayload(std::uint32_t marker) {
  return marker <= 0x01 || (marker >= 0xd0 && marker <= kStartOfImage);
}

// Calls visit(marker, payload) for each segment until that returns false.
// Whether the end marker was reached. ITU T.81, annex B.
template <typename Visit>
bool WalkSegments(std::span<const std::byte> jpeg, Visit visit) {
  constexpr int kMarkerPrefix = 0xff;
  std::size_t at = 0;
  for (;;) {
    const void* found =
        at < jpeg.size()
            ? std::memchr(jpeg.data() + at, kMarkerPrefix, jpeg.size() - at)
            : nullptr;
    if (!found) return false;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) -
                                  jpeg.data()) +
         1;
    if (at >= jpeg.size()) return false;
    const auto marker = std::to_integer<std::uint32_t>(jpeg[at]);
    if (marker == kMarkerPrefix) continue;  // Any number may precede one.
    ++at;
    if (HasNoPayload(marker)) continue;
    if (marker == kEndOfImage) return true;
    if (at + 2 > jpeg.size()) return false;
    const std::size_t length = BigEndian16(jpeg, at);
    if (length < 2 || length > jpeg.size() - at) continue;
    if (!visit(marker, jpeg.subspan(at + 2, length - 2))) return false;
    at += length;
  }
}

bool ReachesEnd(std::span<const std::byte> jpeg) {
  return WalkSegments(jpeg, [](auto, auto) { return true; });
}

struct Header {
  int orientation = 1;
  bool adobe = false;  // Adobe's writers store CMYK inverted.
};

Header ReadHeader(std::span<const std::byte> jpeg) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  Header header;
  bool exif_seen = false;
  WalkSegments(
      jpeg, [&](std::uint32_t marker, std::span<const std::byte> payload) {
        if (marker == kApp1 && !exif_seen && HasTextAt(payload, 0, kExif)) {
          exif_seen = true;
          header.orientation = ExifOrientation(payload.subspan(kExif.size()));
        }
        if (marker == kApp14 && HasTextAt(payload, 0, "Adobe")) {
          header.adobe = true;
        }
        return marker != kStartOfScan;
      });
  return header;
}

// What TurboJPEG only warns about although pixels are wrong.
bool TellsOfDamage(std::string_view warning) {
  for (const std::string_view words :
       {"Premature end", "premature end", "bad Huffman code",
        "bad arithmetic code", "found marker", "Inconsistent progression"}) {
    if (warning.find(words) != warning.npos) return true;
  }
  return false;
}

tl::unexpected<Error> Damaged(std::span<const std::byte> jpeg,
                              const std::string& reason) {
  if (!ReachesEnd(jpeg)) {
    return Fail(ErrorCode::kDataLoss, "truncated JPEG: ends after " +
                                          std::to_string(jpeg.size()) +
                                          " bytes, before its end marker");
  }
  return Fail(ErrorCode::kDataLoss, "damaged JPEG: " + reason);
}

// SOF0 to SOF15, ITU T.81, table B.1.
bool IsStartOfFrame(std::uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
         marker != 0xcc;
}

Image CmykToRgb(const std::vector<std::uint8_t>& cmyk, int width, int height,
                bool inverted) {
  Image image(width, height, PixelFormat::kRgb8);
  const std::uint8_t flip = inverted ? 0 : 255;
  const std::uint8_t* source = cmyk.data();
  for (int y = 0; y < height; ++y) {
    std::uint8_t* target = image.view().Row(y);
    for (int x = 0; x < width; ++x, source += 4, target += 3) {
      const int light = source[3] ^ flip;
      for (int c = 0; c < 3; ++c) {
        target[c] =
            static_cast<std::uint8_t>(((source[c] ^ flip) * light + 127) / 255);
      }
    }
  }
  return image;
}

bool RecognizesJpeg(std::span<const std::byte> encoded) {
  return HasTextAt(encoded, 0, "\xff\xd8\xff");
}

Result<Image> DecodeJpeg(std::span<const std::byte> encoded,
                         const ImageLimits& limits) {
  const TurboJpeg turbo(tjInitDecompress());
  if (!turbo) throw std::bad_alloc();
  const auto* bytes = reinterpret_cast<const unsigned char*>(encoded.data());
  int width = 0;
  int height = 0;
  int subsampling = -1;
  int colorspace = -1;
  // It fails for subsamplings it has no name for, which it decodes all the
  // same, and succeeds where there are only tables: what it fills in counts.
  static_cast<void>(tjDecompressHeader3(turbo.get(), bytes, encoded.size(),
                                        &width, &height, &subsampling,
                                        &colorspace));
  if (width <= 0 || height <= 0 || colorspace < 0) {
    return Damaged(encoded, tjGetErrorStr2(turbo.get()));
  }
  if (const auto size = CheckSize(width, height, limits); !size) {
    return size.Failure();
  }

  const Header header = ReadHeader(encoded);
  const auto decode = [&](std::uint8_t* pixels, int format) -> Result<> {
    if (tjDecompress2(turbo.get(), bytes, encoded.size(), pixels, width, 0,
                      height, format, TJFLAG_LIMITSCANS) == 0) {
      return {};
    }
    const std::string reason = tjGetErrorStr2(turbo.get());
    const bool only_warned = tjGetErrorCode(turbo.get()) == TJERR_WARNING;
    if (only_warned && !TellsOfDamage(reason) && ReachesEnd(encoded)) {
      return {};
    }
    return Damaged(encoded, reason);
  };

  Image image;
  if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK) {
    std::vector<std::uint8_t> cmyk(static_cast<std::size_t>(width) *
                                   static_cast<std::size_t>(height) * 4);
    if (const auto done = decode(cmyk.data(), TJPF_CMYK); !done) {
      return done.Failure();
    }
    image = CmykToRgb(cmyk, width, height, header.adobe);
  } else {
    image = Image(width, height, PixelFormat::kRgb8);
    if (const auto done = decode(image.view().data, TJPF_RGB); !done) {
      return done.Failure();
    }
  }
  return Upright(std::move(image), header.orientation);
}

tl::unexpected<Error> CannotEncode(int width, int height, int quality) {
  return Fail(ErrorCode::kInvalidArgument,
              "encoding a JPEG of " + std::to_string(width) + "x" +
                  std::to_string(height) + " pixels in quality " +
                  std::to_string(quality));
}

// What encoding planes needs, kept for the next picture of the thread.
struct PlaneEncoder {
  PlaneEncoder() : turbo(tjInitCompress()) {}
  ~PlaneEncoder() { tjFree(output); }
  PlaneEncoder(const PlaneEncoder&) = delete;
  PlaneEncoder& operator=(const PlaneEncoder&) = delete;

  TurboJpeg turbo;
  // TurboJPEG's own, which it makes larger; it knows it by its address.
  unsigned char* output = nullptr;
  unsigned long size = 0;
  YuvImage converted;
};

}  // namespace

const Codec kJpegCodec = {"JPEG", ".jpg", RecognizesJpeg, DecodeJpeg};

Result<std::vector<std::byte>> EncodeJpeg(ImageView image, int quality) {
  if (image.empty() || quality < 1 || quality > 100) {
    return CannotEncode(image.width, image.height, quality);
  }
  const TurboJpeg turbo(tjInitCompress());
  if (!turbo) return Fail(ErrorCode::kResourceExhausted, "no memory for JPEG");
  const bool grey = image.format == PixelFormat::kGrey8;
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  const int failed = tjCompress2(turbo.get(), image.data, image.width,
                                 static_cast<int>(image.stride), image.height,
                                 grey ? TJPF_GRAY : TJPF_RGB, &buffer, &size,
                                 grey ? TJSAMP_GRAY : TJSAMP_420, quality, 0);
  const std::unique_ptr<unsigned char, decltype(&tjFree)> owner(buffer, tjFree);
  if (failed) {
    return Fail(ErrorCode::kInvalidArgument,
                std::string("encoding a JPEG: ") + tjGetErrorStr2(turbo.get()));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
  return std::vector<std::byte>(bytes, bytes + size);
}

Result<std::vector<std::byte>> EncodeJpeg(YuvView image, int quality) {
  constexpr int kMostPixels = 65500;  // Of a side, JPEG_MAX_DIMENSION.
  if (image.empty() || quality < 1 || quality > 100 ||
      std::max(image.width, image.height) > kMostPixels) {
    return CannotEncode(image.width, image.height, quality);
  }
  thread_local PlaneEncoder encoder;
  if (!encoder.turbo) {
    return Fail(ErrorCode::kResourceExhausted, "no memory for JPEG");
  }
  YuvView planes = image;
  // TurboJPEG reads whole blocks of chroma, so also the luma beside odd sizes.
  const int width = 2 * image.chroma_width();
  const int height = 2 * image.chroma_height();
  if (!HasJpegColors(image.color) || width != image.width ||
      height != image.height) {
    if (encoder.converted.width() != width ||
        encoder.converted.height() != height) {
      encoder.converted =
          YuvImage(width, height, {YuvColor::Matrix::kBt601, true});
    }
    ToJpegColors(image, encoder.converted.MutableView());
    planes = encoder.converted;
  }
  const unsigned char* sources[] = {planes.y, planes.u, planes.v};
  const int strides[] = {static_cast<int>(planes.y_stride),
                         static_cast<int>(planes.uv_stride),
                         static_cast<int>(planes.uv_stride)};
  if (tjCompressFromYUVPlanes(
          encoder.turbo.get(), sources, image.width, strides, image.height,
          TJSAMP_420, &encoder.output, &encoder.size, quality, 0) != 0) {
    return Fail(
        ErrorCode::kInvalidArgument,
        std::string("encoding a JPEG: ") + tjGetErrorStr2(encoder.turbo.get()));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(encoder.output);
  return std::vector<std::byte>(bytes, bytes + encoder.size);
}

Result<ImageSize> ReadJpegSize(std::span<const std::byte> encoded,
                               const ImageLimits& limits) {
  if (!RecognizesJpeg(encoded)) {
    return Fail(ErrorCode::kInvalidArgument, "not a JPEG");
  }
  ImageSize size;
  const bool whole = WalkSegments(
      encoded, [&](std::uint32_t marker, std::span<const std::byte> payload) {
        if (IsStartOfFrame(marker) && payload.size() >= 5 && size.width == 0) {
          size.height = static_cast<int>(BigEndian16(payload, 1));
          size.width = static_cast<int>(BigEndian16(payload, 3));
        }
        return true;
      });
  if (!whole) return Damaged(encoded, "");
  if (const auto checked = CheckSize(size.width, size.height, limits);
      !checked) {
    return checked.Failure();
  }
  if (ReadHeader(encoded).orientation >= 5) std::swap(size.width, size.height);
  return size;
}

}  // namespace ocelli
