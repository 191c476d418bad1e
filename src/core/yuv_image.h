#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "core/image.h"

namespace ocelli {

// How luma and chroma stand for colours.
struct YuvColor {
  enum class Matrix { kBt601, kBt709 };
  Matrix matrix = Matrix::kBt709;
  bool full_range = false;  // Luma 0 to 255 instead of 16 to 235.
  bool operator==(const YuvColor&) const = default;
};

// Planar 4:2:0 pixels (I420) that somebody else owns: a luma plane of width x
// height and two chroma planes of half of each, rounded up. The chroma sample
// (x, y) lies amid the luma samples (2x, 2y) to (2x + 1, 2y + 1).
template <typename Byte>
struct BasicYuvView {
  Byte* y = nullptr;
  Byte* u = nullptr;  // Cb.
  Byte* v = nullptr;  // Cr.
  int width = 0;
  int height = 0;
  std::ptrdiff_t y_stride = 0;  // Bytes from row to row.
  std::ptrdiff_t uv_stride = 0;
  YuvColor color;

  int chroma_width() const { return (width + 1) / 2; }
  int chroma_height() const { return (height + 1) / 2; }
  bool empty() const { return width <= 0 || height <= 0; }

  // Each plane as grey pixels.
  BasicImageView<Byte> LumaPlane() const {
    return {y, width, height, y_stride, PixelFormat::kGrey8};
  }
  BasicImageView<Byte> UPlane() const {
    return {u, chroma_width(), chroma_height(), uv_stride, PixelFormat::kGrey8};
  }
  BasicImageView<Byte> VPlane() const {
    return {v, chroma_width(), chroma_height(), uv_stride, PixelFormat::kGrey8};
  }

  operator BasicYuvView<const Byte>() const requires(!std::is_const_v<Byte>) {
    return {y, u, v, width, height, y_stride, uv_stride, color};
  }
};

using YuvView = BasicYuvView<const std::uint8_t>;
using MutableYuvView = BasicYuvView<std::uint8_t>;

// I420 pixels. Copies share them until one of the copies is written to.
class YuvImage {
 public:
  YuvImage() = default;
  // Pixels start undefined. Needs width, height >= 0. Rows begin at multiples
  // of 64 bytes.
  YuvImage(int width, int height, YuvColor color);
  // Pixels that `owner` keeps alive and nobody writes to while this image or a
  // copy of it lives: a decoder's, for example.
  YuvImage(YuvView pixels, std::shared_ptr<const void> owner);

  int width() const { return view_.width; }
  int height() const { return view_.height; }
  bool empty() const { return view_.empty(); }
  YuvColor color() const { return view_.color; }
  YuvView view() const { return view_; }
  operator YuvView() const { return view_; }

  // Pixels to write to: copied first, unless nobody else has them.
  MutableYuvView MutableView();

  // Keeps the pixels of view() alive and unchanged.
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  YuvView view_;
  // Shared with the image's copies, with encoders that still read, or with the
  // decoder.
  std::shared_ptr<const void> owner_;
  // Where view_ points when the pixels are this class's own; else null.
  std::uint8_t* pixels_ = nullptr;
};

// The rectangle, cut to the picture, as RGB. ITU-R BT.601 and BT.709; each
// pixel takes the chroma sample it lies in.
Image ToRgb(YuvView yuv, int x, int y, int width, int height);
Image ToRgb(YuvView yuv);

// The mean of each 2 * `half` squared block as one RGB pixel; sizes are
// rounded up, blocks at the border average what there is. 1 <= half <= 64.
Image ShrinkToRgb(YuvView yuv, int half);

// The nearest I420 of RGB or grey pixels.
YuvImage ToYuv(ImageView image, YuvColor color);

// One colour, red, green and blue from 0 to 255, as Y, U and V.
struct YuvPixel {
  std::uint8_t y = 0;
  std::uint8_t u = 128;
  std::uint8_t v = 128;
};
YuvPixel ToYuv(std::uint8_t red, std::uint8_t green, std::uint8_t blue,
               YuvColor color);

}  // namespace ocelli
