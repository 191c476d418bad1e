#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "media/codec.h"
#include "media/exif.h"
#include "media/jpeg_colors.h"
#include "media/turbo_jpeg.h"
#include "media/yuv_conversion.h"

namespace ocelli {
namespace {

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

// A JPEG whose header was read, and its size found to be within the limits.
class JpegDecoder {
 public:
  static Result<JpegDecoder> Open(std::span<const std::byte> encoded,
                                  const ImageLimits& limits) {
    JpegDecoder decoder(encoded);
    if (!decoder.turbo_) throw std::bad_alloc();
    // It fails for subsamplings it has no name for, which it decodes all the
    // same, and succeeds where there are only tables: what it fills in counts.
    static_cast<void>(tjDecompressHeader3(
        decoder.turbo_.get(), decoder.bytes(), encoded.size(), &decoder.width_,
        &decoder.height_, &decoder.subsampling_, &decoder.colorspace_));
    if (decoder.width_ <= 0 || decoder.height_ <= 0 ||
        decoder.colorspace_ < 0) {
      return Damaged(encoded, tjGetErrorStr2(decoder.turbo_.get()));
    }
    if (const auto size = CheckSize(decoder.width_, decoder.height_, limits);
        !size) {
      return size.Failure();
    }
    return decoder;
  }

  int width() const { return width_; }
  int height() const { return height_; }
  int subsampling() const { return subsampling_; }
  int colorspace() const { return colorspace_; }

  Result<> DecodeTo(std::uint8_t* pixels, int format) {
    return Judge(tjDecompress2(turbo_.get(), bytes(), encoded_.size(), pixels,
                               width_, 0, height_, format, TJFLAG_LIMITSCANS));
  }
  Result<> DecodeTo(std::array<std::uint8_t*, 3> planes,
                    std::array<int, 3> strides) {
    return Judge(tjDecompressToYUVPlanes(turbo_.get(), bytes(), encoded_.size(),
                                         planes.data(), width_, strides.data(),
                                         height_, TJFLAG_LIMITSCANS));
  }

 private:
  explicit JpegDecoder(std::span<const std::byte> encoded)
      : encoded_(encoded), turbo_(tjInitDecompress()) {}

  const unsigned char* bytes() const {
    return reinterpret_cast<const unsigned char*>(encoded_.data());
  }

  Result<> Judge(int failed) const {
    if (failed == 0) return {};
    const std::string reason = tjGetErrorStr2(turbo_.get());
    const bool only_warned = tjGetErrorCode(turbo_.get()) == TJERR_WARNING;
    if (only_warned && !TellsOfDamage(reason) && ReachesEnd(encoded_)) {
      return {};
    }
    return Damaged(encoded_, reason);
  }

  std::span<const std::byte> encoded_;
  TurboJpeg turbo_;
  int width_ = 0;
  int height_ = 0;
  int subsampling_ = -1;
  int colorspace_ = -1;
};

Result<Image> DecodeJpeg(std::span<const std::byte> encoded,
                         const ImageLimits& limits) {
  auto decoder = JpegDecoder::Open(encoded, limits);
  if (!decoder) return decoder.Failure();
  const int width = decoder->width(), height = decoder->height();
  const Header header = ReadHeader(encoded);
  Image image;
  if (decoder->colorspace() == TJCS_CMYK ||
      decoder->colorspace() == TJCS_YCCK) {
    std::vector<std::uint8_t> cmyk(static_cast<std::size_t>(width) *
                                   static_cast<std::size_t>(height) * 4);
    if (const auto done = decoder->DecodeTo(cmyk.data(), TJPF_CMYK); !done) {
      return done.Failure();
    }
    image = CmykToRgb(cmyk, width, height, header.adobe);
  } else {
    image = Image(width, height, PixelFormat::kRgb8);
    if (const auto done = decoder->DecodeTo(image.view().data, TJPF_RGB);
        !done) {
      return done.Failure();
    }
  }
  return Upright(std::move(image), header.orientation);
}

// The quarters of a turn that `orientation` asks for; nothing where it mirrors.
std::optional<int> QuartersOf(int orientation) {
  switch (orientation) {
    case 1:
      return 0;
    case 3:
      return 2;
    case 6:
      return 1;
    case 8:
      return 3;
    default:
      return std::nullopt;
  }
}

// Decodes chroma that is finer than that of I420, and takes the means.
Result<> DecodeFinerChroma(JpegDecoder& decoder, const MutableYuvView& to) {
  const int width = tjPlaneWidth(1, decoder.width(), decoder.subsampling());
  const int height = tjPlaneHeight(1, decoder.height(), decoder.subsampling());
  Image u(width, height, PixelFormat::kGrey8);
  Image v(width, height, PixelFormat::kGrey8);
  const auto done = decoder.DecodeTo(
      {to.y, u.view().data, v.view().data},
      {static_cast<int>(to.y_stride), static_cast<int>(u.view().stride),
       static_cast<int>(v.view().stride)});
  if (!done) return done;
  HalveChroma(std::as_const(u).view(), to.UPlane());
  HalveChroma(std::as_const(v).view(), to.VPlane());
  return {};
}

}  // namespace

const Codec kJpegCodec = {"JPEG", ".jpg", RecognizesJpeg, DecodeJpeg};

Result<std::optional<YuvImage>> DecodeJpegPlanes(
    std::span<const std::byte> encoded, const ImageLimits& limits) {
  auto decoder = JpegDecoder::Open(encoded, limits);
  if (!decoder) return decoder.Failure();
  const auto quarters = QuartersOf(ReadHeader(encoded).orientation);
  const int subsampling = decoder->subsampling();
  const bool grey = subsampling == TJSAMP_GRAY;
  if (!quarters || (decoder->colorspace() != TJCS_YCbCr && !grey) ||
      subsampling < 0 || subsampling == TJSAMP_411) {
    return std::nullopt;
  }
  // TurboJPEG writes whole blocks of chroma, so also the luma beside odd sizes.
  YuvImage image((decoder->width() + 1) / 2 * 2,
                 (decoder->height() + 1) / 2 * 2,
                 {YuvColor::Matrix::kBt601, true});
  const MutableYuvView to = image.MutableView();
  const int y_stride = static_cast<int>(to.y_stride);
  const int uv_stride = static_cast<int>(to.uv_stride);
  Result<> done;
  if (grey || subsampling == TJSAMP_420) {
    done =
        decoder->DecodeTo({to.y, to.u, to.v}, {y_stride, uv_stride, uv_stride});
  } else {
    done = DecodeFinerChroma(*decoder, to);
  }
  if (!done) return done.Failure();
  if (grey) {
    for (const MutableImageView plane : {to.UPlane(), to.VPlane()}) {
      for (int row = 0; row < plane.height; ++row) {
        std::memset(plane.Row(row), 128, static_cast<std::size_t>(plane.width));
      }
    }
  }
  if (image.width() != decoder->width() ||
      image.height() != decoder->height()) {
    YuvView inside = image.view();
    inside.width = decoder->width();
    inside.height = decoder->height();
    image = YuvImage(inside, image.owner());
  }
  return Turned(std::move(image), *quarters);
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
