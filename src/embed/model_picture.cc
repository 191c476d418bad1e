#include "embed/model_picture.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/check.h"
#include "embed/resize.h"

namespace ocelli {
namespace {

// Every value of `picture` through its channel's function, in the layout.
template <typename T, typename Convert>
void Encode(ImageView picture, const ModelCard::Input& input,
            const Convert& convert, std::span<T> out) {
  const auto width = static_cast<std::size_t>(picture.width);
  const std::size_t plane = width * static_cast<std::size_t>(picture.height);
  OCELLI_CHECK(picture.format == PixelFormat::kRgb8 && out.size() == 3 * plane);
  const bool planar = input.layout == "NCHW";
  const bool blue_first = input.order == "BGR";
  const std::size_t step = planar ? 1 : 3;
  for (std::size_t source = 0; source < 3; ++source) {
    const std::size_t channel = blue_first ? 2 - source : source;
    T* target = out.data() + channel * (planar ? plane : 1);
    for (int y = 0; y < picture.height; ++y) {
      const std::uint8_t* pixel = picture.Row(y) + source;
      for (std::size_t x = 0; x < width; ++x, pixel += 3, target += step) {
        *target = convert(source, *pixel);
      }
    }
  }
}

// The middle of the picture, its long side cut halfway down to the short one.
ImageView HalfCrop(ImageView image) {
  const int shorter = std::min(image.width, image.height);
  const int width = shorter + (image.width - shorter) / 2;
  const int height = shorter + (image.height - shorter) / 2;
  return image.Crop((image.width - width) / 2, (image.height - height) / 2,
                    width, height);
}

}  // namespace

Result<Image> FitPicture(ImageView image, const ModelCard::Input& input) {
  constexpr std::int64_t kMaxSide = 32768;
  const ResizeFilter filter = input.resize == "bicubic"
                                  ? ResizeFilter::kBicubic
                                  : ResizeFilter::kBilinear;
  if (input.fit == "half-crop") image = HalfCrop(image);
  if (input.fit != "crop") {
    return Resize(image, input.width, input.height, filter);
  }
  // As Hugging Face's processors do: the long side and the corner of the crop
  // are rounded down.
  const std::int64_t shorter = std::min(image.width, image.height);
  const std::int64_t longer = std::int64_t{input.short_side} *
                              std::max(image.width, image.height) / shorter;
  if (longer > kMaxSide) {
    return Fail(ErrorCode::kInvalidArgument,
                "a picture of " + std::to_string(image.width) + "x" +
                    std::to_string(image.height) +
                    " pixels is too narrow for this model");
  }
  const int side = static_cast<int>(longer);
  const bool upright = image.width < image.height;
  const int width = upright ? input.short_side : side;
  const int height = upright ? side : input.short_side;
  return Resize(image, width, height, filter,
                {(width - input.width) / 2, (height - input.height) / 2,
                 input.width, input.height});
}

void EncodePicture(ImageView picture, const ModelCard::Input& input,
                   std::span<float> out) {
  std::array<float, 3> bias;
  for (std::size_t c = 0; c < 3; ++c) bias[c] = -input.mean[c] * input.scale[c];
  Encode(
      picture, input,
      [&](std::size_t channel, std::uint8_t pixel) {
        return static_cast<float>(pixel) * input.scale[channel] + bias[channel];
      },
      out);
}

void EncodePicture(ImageView picture, const ModelCard::Input& input,
                   std::span<std::uint8_t> out) {
  Encode(
      picture, input, [](std::size_t, std::uint8_t pixel) { return pixel; },
      out);
}

}  // namespace ocelli
