#include "media/frame_fitter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

namespace ocelli {
namespace {

int EvenHalf(int space) { return space / 4 * 2; }

void FillPlane(MutableImageView plane, std::uint8_t value) {
  for (int row = 0; row < plane.height; ++row) {
    std::memset(plane.Row(row), value, static_cast<std::size_t>(plane.width));
  }
}

void CopyTo(ImageView from, MutableImageView to, int x, int y) {
  for (int row = 0; row < from.height; ++row) {
    std::memcpy(to.Row(y + row) + x, from.Row(row),
                static_cast<std::size_t>(from.width));
  }
}

int CoefficientsOf(YuvColor color) {
  return color.matrix == YuvColor::Matrix::kBt601 ? SWS_CS_ITU601
                                                  : SWS_CS_ITU709;
}

}  // namespace

FrameFitter::FrameFitter(const FFmpeg& ffmpeg, int width, int height,
                         YuvColor color)
    : ffmpeg_(ffmpeg),
      width_(width),
      height_(height),
      color_(color),
      scaler_(nullptr, ffmpeg.sws_freeContext) {}

Result<YuvImage> FrameFitter::Fit(const YuvImage& image) {
  if (image.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "an empty picture in the video");
  }
  if (image.width() == width_ && image.height() == height_ &&
      image.color() == color_) {
    return image;
  }
  const double scale = std::min(static_cast<double>(width_) / image.width(),
                                static_cast<double>(height_) / image.height());
  const auto scaled_size = [&](int from, int most) {
    return std::clamp(static_cast<int>(std::lround(from * scale)), 1, most);
  };
  const int width = scaled_size(image.width(), width_);
  const int height = scaled_size(image.height(), height_);
  auto scaled = Scale(image.view(), width, height);
  if (!scaled || (width == width_ && height == height_)) return scaled;

  YuvImage fitted(width_, height_, color_);
  const MutableYuvView to = fitted.MutableView();
  FillPlane(to.LumaPlane(), color_.full_range ? 0 : 16);
  FillPlane(to.UPlane(), 128);
  FillPlane(to.VPlane(), 128);
  const int left = EvenHalf(width_ - width);
  const int top = EvenHalf(height_ - height);
  const YuvView from = scaled->view();
  CopyTo(from.LumaPlane(), to.LumaPlane(), left, top);
  CopyTo(from.UPlane(), to.UPlane(), left / 2, top / 2);
  CopyTo(from.VPlane(), to.VPlane(), left / 2, top / 2);
  return fitted;
}

Result<YuvImage> FrameFitter::Scale(YuvView from, int width, int height) {
  if (!scaler_ || from_width_ != from.width || from_height_ != from.height ||
      from_color_ != from.color) {
    scaler_.reset(ffmpeg_.sws_getCachedContext(
        nullptr, from.width, from.height, AV_PIX_FMT_YUV420P, width, height,
        AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr,
        nullptr));
    if (!scaler_) {
      return Fail(ErrorCode::kInvalidArgument,
                  "can't scale a picture of " + std::to_string(from.width) +
                      "x" + std::to_string(from.height) + " to " +
                      std::to_string(width) + "x" + std::to_string(height));
    }
    constexpr int kOne = 1 << 16;
    ffmpeg_.sws_setColorspaceDetails(
        scaler_.get(), ffmpeg_.sws_getCoefficients(CoefficientsOf(from.color)),
        from.color.full_range,
        ffmpeg_.sws_getCoefficients(CoefficientsOf(color_)), color_.full_range,
        0, kOne, kOne);
    from_width_ = from.width;
    from_height_ = from.height;
    from_color_ = from.color;
  }
  // swscale writes whole vectors: into rows of its own, never beside others.
  YuvImage scaled(width, height, color_);
  const MutableYuvView to = scaled.MutableView();
  const std::uint8_t* const source[] = {from.y, from.u, from.v, nullptr};
  const int source_strides[] = {static_cast<int>(from.y_stride),
                                static_cast<int>(from.uv_stride),
                                static_cast<int>(from.uv_stride), 0};
  std::uint8_t* const target[] = {to.y, to.u, to.v, nullptr};
  const int target_strides[] = {static_cast<int>(to.y_stride),
                                static_cast<int>(to.uv_stride),
                                static_cast<int>(to.uv_stride), 0};
  ffmpeg_.sws_scale(scaler_.get(), source, source_strides, 0, from.height,
                    target, target_strides);
  return scaled;
}

YuvImage WithEvenSize(const YuvImage& image) {
  const YuvView from = image.view();
  if (from.width % 2 == 0 && from.height % 2 == 0) return image;
  YuvImage even(from.width + from.width % 2, from.height + from.height % 2,
                from.color);
  const MutableYuvView to = even.MutableView();
  CopyTo(from.LumaPlane(), to.LumaPlane(), 0, 0);
  CopyTo(from.UPlane(), to.UPlane(), 0, 0);
  CopyTo(from.VPlane(), to.VPlane(), 0, 0);
  const MutableImageView luma = to.LumaPlane();
  if (to.width > from.width) {
    for (int row = 0; row < from.height; ++row) {
      luma.Row(row)[from.width] = luma.Row(row)[from.width - 1];
    }
  }
  if (to.height > from.height) {
    std::memcpy(luma.Row(from.height), luma.Row(from.height - 1),
                static_cast<std::size_t>(to.width));
  }
  return even;
}

}  // namespace ocelli
