#include "core/image.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"

namespace ocelli {

template <typename Byte>
BasicImageView<Byte> BasicImageView<Byte>::Crop(int x, int y, int crop_width,
                                                int crop_height) const {
  const int left = std::clamp(x, 0, width);
  const int top = std::clamp(y, 0, height);
  const std::int64_t right =
      std::clamp<std::int64_t>(std::int64_t{x} + crop_width, left, width);
  const std::int64_t bottom =
      std::clamp<std::int64_t>(std::int64_t{y} + crop_height, top, height);
  return {Pixel(left, top), static_cast<int>(right) - left,
          static_cast<int>(bottom) - top, stride, format};
}

template struct BasicImageView<const std::uint8_t>;
template struct BasicImageView<std::uint8_t>;

Image::Image(int width, int height, PixelFormat format)
    : width_(width), height_(height), format_(format) {
  OCELLI_CHECK(width >= 0 && height >= 0);
  pixels_.reset(new std::uint8_t[size_bytes()]);
}

std::size_t Image::size_bytes() const {
  return static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) *
         static_cast<std::size_t>(Channels(format_));
}

ImageView Image::view() const {
  return {pixels_.get(), width_, height_,
          std::ptrdiff_t{width_} * Channels(format_), format_};
}

MutableImageView Image::view() {
  return {pixels_.get(), width_, height_,
          std::ptrdiff_t{width_} * Channels(format_), format_};
}

Image Image::Clone() const { return CopyOf(*this); }

Image CopyOf(ImageView view) {
  Image copy(view.width, view.height, view.format);
  const std::size_t row_bytes = static_cast<std::size_t>(view.width) *
                                static_cast<std::size_t>(Channels(view.format));
  for (int y = 0; y < view.height; ++y) {
    std::memcpy(copy.view().Row(y), view.Row(y), row_bytes);
  }
  return copy;
}

}  // namespace ocelli
