#include "live/encoded_frame.h"

#include <utility>

#include "core/digest.h"
#include "embed/resize.h"
#include "live/shrunk_picture.h"
#include "media/still_image.h"

namespace ocelli {

EncodedFrame MakeEncodedFrame(std::vector<std::byte> picture, int width,
                              int height) {
  EncodedFrame encoded;
  encoded.record.width = width;
  encoded.record.height = height;
  encoded.record.bytes = picture.size();
  encoded.record.digest = Sha256(picture);
  encoded.picture = std::move(picture);
  return encoded;
}

Result<EncodedFrame> EncodeFrame(const Frame& frame, int quality,
                                 int max_side) {
  const YuvImage pixels = Within(frame.pixels, max_side);
  auto jpeg = EncodeJpeg(pixels.view(), quality);
  if (!jpeg) return jpeg.Failure();
  EncodedFrame encoded =
      MakeEncodedFrame(*std::move(jpeg), pixels.width(), pixels.height());
  encoded.record.pts = frame.time;
  encoded.record.time = frame.wall_time;
  encoded.taken = frame.decoded_at;
  return encoded;
}

Result<EncodedFrame> EncodePicture(const Image& image, int quality,
                                   int max_side) {
  const auto [width, height] =
      SizeWithin({image.width(), image.height()}, max_side);
  Image smaller;
  if (width != image.width() || height != image.height()) {
    smaller = Resize(image, width, height, ResizeFilter::kBilinear);
  }
  auto jpeg =
      EncodeJpeg(smaller.empty() ? image.view() : smaller.view(), quality);
  if (!jpeg) return jpeg.Failure();
  return MakeEncodedFrame(*std::move(jpeg), width, height);
}

}  // namespace ocelli
