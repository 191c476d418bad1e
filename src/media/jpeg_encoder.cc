#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "media/jpeg_colors.h"
#include "media/still_image.h"
#include "media/turbo_jpeg.h"

namespace ocelli {
namespace {

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

}  // namespace ocelli
