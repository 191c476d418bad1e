#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/geometry.h"
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

// A JPEG of a face with some of what is around it, of at most `side` x `side`
// pixels: what people are shown of it. kInvalidArgument: the box is not in the
// picture.
Result<std::vector<std::byte>> FaceJpeg(ImageView image, const RectF& box,
                                        int side);

}  // namespace ocelli
