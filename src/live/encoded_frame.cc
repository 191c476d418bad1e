#include "live/encoded_frame.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "core/digest.h"
#include "embed/resize.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

// Width and height for a long side of at most `max_side`, in proportion.
ImageSize SizeWithin(int width, int height, int max_side) {
  const double scale = static_cast<double>(max_side) / std::max(width, height);
  const auto scaled = [&](int side) {
    return std::max(static_cast<int>(std::lround(side * scale)), 1);
  };
  return {scaled(width), scaled(height)};
}

bool IsTooLarge(int width, int height, int max_side) {
  return max_side > 0 && std::max(width, height) > max_side;
}

YuvImage Shrunk(YuvView from, ImageSize size) {
  // Kept by the picture whose planes they are.
  auto planes = std::make_shared<std::array<Image, 3>>();
  const int chroma_width = (size.width + 1) / 2;
  const int chroma_height = (size.height + 1) / 2;
  (*planes)[0] = Resize(from.LumaPlane(), size.width, size.height,
                        ResizeFilter::kBilinear);
  (*planes)[1] = Resize(from.UPlane(), chroma_width, chroma_height,
                        ResizeFilter::kBilinear);
  (*planes)[2] = Resize(from.VPlane(), chroma_width, chroma_height,
                        ResizeFilter::kBilinear);
  YuvView view;
  view.y = std::as_const((*planes)[0]).view().data;
  view.u = std::as_const((*planes)[1]).view().data;
  view.v = std::as_const((*planes)[2]).view().data;
  view.width = size.width;
  view.height = size.height;
  view.y_stride = size.width;
  view.uv_stride = chroma_width;
  view.color = from.color;
  return {view, std::move(planes)};
}

}  // namespace

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

YuvImage Within(const YuvImage& pixels, int max_side) {
  if (!IsTooLarge(pixels.width(), pixels.height(), max_side)) return pixels;
  return Shrunk(pixels, SizeWithin(pixels.width(), pixels.height(), max_side));
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
  int width = image.width(), height = image.height();
  Image smaller;
  if (IsTooLarge(width, height, max_side)) {
    const ImageSize size = SizeWithin(width, height, max_side);
    width = size.width;
    height = size.height;
    smaller = Resize(image, width, height, ResizeFilter::kBilinear);
  }
  auto jpeg =
      EncodeJpeg(smaller.empty() ? image.view() : smaller.view(), quality);
  if (!jpeg) return jpeg.Failure();
  return MakeEncodedFrame(*std::move(jpeg), width, height);
}

}  // namespace ocelli
