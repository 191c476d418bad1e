#pragma once

#include "core/yuv_image.h"
#include "media/still_image.h"

namespace ocelli {

// `size` made smaller, in proportion, so that its longer side is at most
// `max_side`; 0: as it is. No side falls below 1.
ImageSize SizeWithin(ImageSize size, int max_side);

// The picture so much smaller: each pixel is the mean of the area that it shows
// then, so that nothing flickers or is jagged. Without a copy where it fits.
YuvImage Within(const YuvImage& pixels, int max_side);

}  // namespace ocelli
