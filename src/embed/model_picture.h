#pragma once

#include <span>

#include "core/image.h"
#include "core/result.h"
#include "models/model_card.h"

namespace ocelli {

// The whole picture as the card's model sees it: resized and cropped to
// input.width x input.height, RGB. kInvalidArgument where the picture is so
// narrow that its scaled side would pass 32768 pixels.
Result<Image> FitPicture(ImageView image, const ModelCard::Input& input);

// A picture of FitPicture() as numbers: (pixel - mean) * scale, in the card's
// layout ([3, H, W] or [H, W, 3]) and order of channels. `out` has
// 3 * width * height.
void EncodePicture(ImageView picture, const ModelCard::Input& input,
                   std::span<float> out);
// The same for models that take the bytes as they are.
void EncodePicture(ImageView picture, const ModelCard::Input& input,
                   std::span<std::uint8_t> out);

}  // namespace ocelli
