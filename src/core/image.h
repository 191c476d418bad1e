#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace ocelli {

enum class PixelFormat {
  kGrey8,  // One byte a pixel.
  kRgb8,   // Three bytes a pixel: red, green, blue.
};

constexpr int Channels(PixelFormat format) {
  return format == PixelFormat::kRgb8 ? 3 : 1;
}

// A rectangle of pixels that somebody else owns. Rows are `stride` bytes
// apart, so a crop is a view too. Copying a view copies no pixel.
template <typename Byte>
struct BasicImageView {
  Byte* data = nullptr;
  int width = 0;
  int height = 0;
  std::ptrdiff_t stride = 0;
  PixelFormat format = PixelFormat::kRgb8;

  bool empty() const { return width <= 0 || height <= 0; }
  Byte* Row(int y) const { return data + y * stride; }
  Byte* Pixel(int x, int y) const { return Row(y) + x * Channels(format); }

  // The part of this view inside the given rectangle; empty where they do
  // not meet.
  BasicImageView Crop(int x, int y, int crop_width, int crop_height) const;

  operator BasicImageView<const Byte>() const requires(!std::is_const_v<Byte>) {
    return {data, width, height, stride, format};
  }
};

using ImageView = BasicImageView<const std::uint8_t>;
using MutableImageView = BasicImageView<std::uint8_t>;

// Owns its pixels, packed without gaps between rows. Moves, and copies only
// through Clone(). Any number of threads may read one at a time.
class Image {
 public:
  Image() = default;
  // The pixels start undefined. Needs width, height >= 0.
  Image(int width, int height, PixelFormat format);
  Image(Image&&) noexcept = default;
  Image& operator=(Image&&) noexcept = default;

  int width() const { return width_; }
  int height() const { return height_; }
  PixelFormat format() const { return format_; }
  bool empty() const { return width_ == 0 || height_ == 0; }
  std::size_t size_bytes() const;

  ImageView view() const;
  MutableImageView view();
  operator ImageView() const { return view(); }

  Image Clone() const;

 private:
  std::unique_ptr<std::uint8_t[]> pixels_;
  int width_ = 0;
  int height_ = 0;
  PixelFormat format_ = PixelFormat::kRgb8;
};

// A packed copy of what the view shows.
Image CopyOf(ImageView view);

}  // namespace ocelli
