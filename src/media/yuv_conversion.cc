#include "media/yuv_conversion.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ocelli {
namespace {

bool IsFullRange(const AVPixFmtDescriptor& layout, const AVFrame& frame) {
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      // Grey that says nothing comes from photographs.
      return frame.color_range == AVCOL_RANGE_JPEG ||
             (layout.nb_components == 1 &&
              frame.color_range == AVCOL_RANGE_UNSPECIFIED);
  }
}

void TurnPlane(ImageView from, int quarters, MutableImageView to) {
  // Small squares stay in the cache in both directions.
  constexpr int kSquare = 32;
  const int last_x = from.width - 1;
  const int last_y = from.height - 1;
  for (int top = 0; top < to.height; top += kSquare) {
    const int bottom = std::min(top + kSquare, to.height);
    for (int left = 0; left < to.width; left += kSquare) {
      const int right = std::min(left + kSquare, to.width);
      for (int y = top; y < bottom; ++y) {
        std::uint8_t* row = to.Row(y);
        const std::uint8_t* source = nullptr;
        std::ptrdiff_t step = 0;
        switch (quarters) {
          case 1:
            source = from.Row(last_y - left) + y;
            step = -from.stride;
            break;
          case 2:
            source = from.Row(last_y - y) + last_x - left;
            step = -1;
            break;
          default:
            source = from.Row(left) + last_x - y;
            step = from.stride;
            break;
        }
        for (int x = left; x < right; ++x, source += step) row[x] = *source;
      }
    }
  }
}

}  // namespace

Result<YuvImage> YuvConverter::Convert(const AVFrame& frame) {
  if ((frame.format == AV_PIX_FMT_YUV420P ||
       frame.format == AV_PIX_FMT_YUVJ420P) &&
      frame.linesize[1] == frame.linesize[2]) {
    return WrapFrame(ffmpeg_, frame);
  }
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const AVPixFmtDescriptor* layout = ffmpeg_.av_pix_fmt_desc_get(format);
  if (!layout) return Fail(ErrorCode::kDataLoss, "unknown kind of pixels");
  const bool rgb =
      (layout->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;

  YuvColor color = ColorOf(frame);
  if (rgb) {
    color = {frame.height < 720 ? YuvColor::Matrix::kBt601
                                : YuvColor::Matrix::kBt709,
             false};
  } else {
    color.full_range = IsFullRange(*layout, frame);
  }
  SwsContext* before = scaler_.release();
  scaler_.reset(ffmpeg_.sws_getCachedContext(
      before, frame.width, frame.height, format, frame.width, frame.height,
      AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr,
      nullptr));
  if (!scaler_) {
    const char* name = ffmpeg_.av_get_pix_fmt_name(format);
    return Fail(ErrorCode::kDataLoss, "no way from pixels of the kind " +
                                          std::string(name ? name : "?"));
  }
  const int* matrix = ffmpeg_.sws_getCoefficients(
      color.matrix == YuvColor::Matrix::kBt601 ? SWS_CS_ITU601 : SWS_CS_ITU709);
  const int range = color.full_range ? 1 : 0;
  ffmpeg_.sws_setColorspaceDetails(scaler_.get(), matrix, rgb ? 1 : range,
                                   matrix, range, 0, 1 << 16, 1 << 16);
  YuvImage image(frame.width, frame.height, color);
  const MutableYuvView to = image.MutableView();
  std::uint8_t* const planes[] = {to.y, to.u, to.v, nullptr};
  const int strides[] = {static_cast<int>(to.y_stride),
                         static_cast<int>(to.uv_stride),
                         static_cast<int>(to.uv_stride), 0};
  const int rows = ffmpeg_.sws_scale(scaler_.get(), frame.data, frame.linesize,
                                     0, frame.height, planes, strides);
  if (rows != frame.height) {
    return Fail(ErrorCode::kDataLoss, "pixels could not be converted");
  }
  return image;
}

YuvImage Turned(YuvImage image, int quarters) {
  quarters &= 3;
  if (quarters == 0) return image;
  const bool lies = quarters != 2;
  YuvImage turned(lies ? image.height() : image.width(),
                  lies ? image.width() : image.height(), image.color());
  const YuvView from = image.view();
  const MutableYuvView to = turned.MutableView();
  TurnPlane(from.LumaPlane(), quarters, to.LumaPlane());
  TurnPlane(from.UPlane(), quarters, to.UPlane());
  TurnPlane(from.VPlane(), quarters, to.VPlane());
  return turned;
}

}  // namespace ocelli
