#include "live/streamed_frame.h"

#include <memory>
#include <new>
#include <utility>

#include "media/still_image.h"

namespace ocelli {
namespace {

constexpr int kFirstRowsOfHd = 720;

std::string SizeText(const StreamedFrame& frame) {
  return std::to_string(frame.width) + "x" + std::to_string(frame.height);
}

// Of raw pixels of an accepted size.
std::uint64_t BytesOf(const StreamedFrame& frame) {
  const auto width = static_cast<std::uint64_t>(frame.width);
  const auto height = static_cast<std::uint64_t>(frame.height);
  if (frame.kind == StreamedFrame::Kind::kRgb) return 3 * width * height;
  return width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2);
}

Result<> CheckRaw(const StreamedFrame& frame, std::uint64_t max_pixels) {
  if (frame.width <= 0 || frame.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "a frame of raw pixels has a width and a height, not " +
                    SizeText(frame));
  }
  if (static_cast<std::uint64_t>(frame.width) *
          static_cast<std::uint64_t>(frame.height) >
      max_pixels) {
    return Fail(ErrorCode::kResourceExhausted,
                "the frame has " + SizeText(frame) +
                    " pixels, more than the limit of " +
                    std::to_string(max_pixels));
  }
  if (const std::uint64_t wanted = BytesOf(frame);
      frame.data.size() != wanted) {
    return Fail(ErrorCode::kInvalidArgument,
                "raw pixels of " + SizeText(frame) + " are " +
                    std::to_string(wanted) + " bytes, not " +
                    std::to_string(frame.data.size()));
  }
  return {};
}

YuvImage PlanesOf(StreamedFrame frame, YuvColor color) {
  // Owned by the image and its copies.
  const auto data = std::make_shared<const std::string>(std::move(frame.data));
  YuvView view;
  view.width = frame.width;
  view.height = frame.height;
  view.y_stride = frame.width;
  view.uv_stride = view.chroma_width();
  view.color = color;
  view.y = reinterpret_cast<const std::uint8_t*>(data->data());
  view.u = view.y + view.y_stride * frame.height;
  view.v = view.u + view.uv_stride * view.chroma_height();
  return {view, data};
}

}  // namespace

Result<YuvImage> ReadPixels(StreamedFrame frame,
                            const FrameStreamOptions& options) {
  if (frame.data.size() > options.max_bytes) {
    return Fail(ErrorCode::kResourceExhausted,
                "the frame has " + std::to_string(frame.data.size()) +
                    " bytes, more than the limit of " +
                    std::to_string(options.max_bytes));
  }
  if (frame.kind == StreamedFrame::Kind::kEncoded) {
    ImageLimits limits;
    limits.max_bytes = options.max_bytes;
    limits.max_pixels = options.max_pixels;
    limits.max_svg_seconds = 1;
    return DecodeToYuv(std::as_bytes(std::span(frame.data)), limits);
  }
  if (auto done = CheckRaw(frame, options.max_pixels); !done) {
    return done.Failure();
  }
  const YuvColor color = {frame.height < kFirstRowsOfHd
                              ? YuvColor::Matrix::kBt601
                              : YuvColor::Matrix::kBt709,
                          false};
  if (frame.kind == StreamedFrame::Kind::kI420) {
    return PlanesOf(std::move(frame), color);
  }
  const ImageView rgb = {
      reinterpret_cast<const std::uint8_t*>(frame.data.data()), frame.width,
      frame.height, std::ptrdiff_t{3} * frame.width, PixelFormat::kRgb8};
  try {
    return ToYuv(rgb, color);
  } catch (const std::bad_alloc&) {
    return Fail(ErrorCode::kResourceExhausted,
                "not enough memory for a frame of " + SizeText(frame));
  }
}

}  // namespace ocelli
