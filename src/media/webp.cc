#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>
#include <string>

#include "media/codec.h"
#include "media/exif.h"

namespace ocelli {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

bool RecognizesWebp(std::span<const std::byte> encoded) {
  return HasTextAt(encoded, 0, "RIFF") && HasTextAt(encoded, 8, "WEBP");
}

std::span<const std::byte> AsBytes(const WebPData& data) {
  return {reinterpret_cast<const std::byte*>(data.bytes), data.size};
}

int Orientation(const WebPDemuxer* demuxer) {
  // Some writers put JPEG's prefix before the TIFF header.
  constexpr std::string_view kExif("Exif\0\0", 6);
  int orientation = 1;
  WebPChunkIterator chunk = {};
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
    const auto exif = AsBytes(chunk.chunk);
    const std::size_t start = HasTextAt(exif, 0, kExif) ? kExif.size() : 0;
    orientation = ExifOrientation(exif.subspan(start));
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

// Decodes into `target`, which has the frame's size.
bool DecodeFrame(const WebPIterator& frame, MutableImageView target) {
  const auto row_bytes = static_cast<int>(target.stride);
  const auto size = static_cast<std::size_t>(target.height - 1) *
                        static_cast<std::size_t>(target.stride) +
                    static_cast<std::size_t>(target.width) * 3;
  if (!frame.has_alpha) {
    return WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size,
                             target.data, size, row_bytes) != nullptr;
  }
  int width = 0;
  int height = 0;
  const std::unique_ptr<std::uint8_t, decltype(&WebPFree)> rgba(
      WebPDecodeRGBA(frame.fragment.bytes, frame.fragment.size, &width,
                     &height),
      WebPFree);
  if (!rgba || width != target.width || height != target.height) return false;
  for (int y = 0; y < height; ++y) {
    BlendOntoWhite(rgba.get() + std::ptrdiff_t{y} * width * 4, width,
                   target.Row(y));
  }
  return true;
}

Result<Image> DecodeWebp(std::span<const std::byte> encoded,
                         const ImageLimits& limits) {
  const WebPData data = {reinterpret_cast<const std::uint8_t*>(encoded.data()),
                         encoded.size()};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const Demuxer demuxer(WebPDemuxPartial(&data, &state), WebPDemuxDelete);
  if (state != WEBP_DEMUX_DONE) {
    return Fail(ErrorCode::kDataLoss, state == WEBP_DEMUX_PARSE_ERROR
                                          ? "damaged WebP"
                                          : "truncated WebP: ends after " +
                                                std::to_string(encoded.size()) +
                                                " bytes");
  }
  const auto width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const auto height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (const auto size = CheckSize(width, height, limits); !size) {
    return size.Failure();
  }

  WebPIterator first = {};
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)>
      owner(&first, WebPDemuxReleaseIterator);
  Image image(static_cast<int>(width), static_cast<int>(height),
              PixelFormat::kRgb8);
  std::memset(image.view().data, 255, image.size_bytes());
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &first)) {
    return Fail(ErrorCode::kDataLoss, "damaged WebP: no picture in it");
  }
  const MutableImageView target = image.view().Crop(
      first.x_offset, first.y_offset, first.width, first.height);
  const bool fits =
      target.width == first.width && target.height == first.height;
  if (!fits || target.empty() || !DecodeFrame(first, target)) {
    return Fail(ErrorCode::kDataLoss, "damaged WebP: its pixels");
  }
  return Upright(std::move(image), Orientation(demuxer.get()));
}

}  // namespace

const Codec kWebpCodec = {"WebP", ".webp", RecognizesWebp, DecodeWebp};

}  // namespace ocelli
