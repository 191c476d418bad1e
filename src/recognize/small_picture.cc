#include "recognize/small_picture.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "embed/resize.h"

namespace ocelli {

Result<Image> DecodeSentImage(std::span<const std::byte> encoded,
                              const ImageLimits& limits) {
  auto image = DecodeImage(encoded, limits);
  if (!image && (image.error().code == ErrorCode::kDataLoss ||
                 image.error().code == ErrorCode::kResourceExhausted)) {
    return Fail(ErrorCode::kInvalidArgument, image.error().message);
  }
  return image;
}

Image ShrinkTo(Image image, int side) {
  const int longest = std::max(image.width(), image.height());
  if (longest <= side) return image;
  const auto scaled = [&](int length) {
    return std::max(1, static_cast<int>(std::int64_t{length} * side / longest));
  };
  return Resize(image, scaled(image.width()), scaled(image.height()),
                ResizeFilter::kBicubic);
}

Result<std::vector<std::byte>> SmallJpeg(Image image, int side) {
  constexpr int kQuality = 82;
  return EncodeJpeg(ShrinkTo(std::move(image), side), kQuality);
}

}  // namespace ocelli
