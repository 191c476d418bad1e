#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/image.h"
#include "core/result.h"
#include "media/still_image.h"

namespace ocelli {

// DecodeImage() of what somebody sent: whatever is wrong with the picture is
// kInvalidArgument, as it is the sender's to change.
Result<Image> DecodeSentImage(std::span<const std::byte> encoded,
                              const ImageLimits& limits);

// At most `side` x `side` pixels, in proportion, never enlarged; side >= 1.
Image ShrinkTo(Image image, int side);

// A JPEG of that.
Result<std::vector<std::byte>> SmallJpeg(Image image, int side);

}  // namespace ocelli
