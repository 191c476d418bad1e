#pragma once

#include <cstddef>
#include <span>

#include "core/image.h"

namespace ocelli {

// The orientation, 1 to 8, that an EXIF block (from its TIFF header on) gives;
// 1, as it is, where there is none that is valid. EXIF 2.32, 4.6.4.
int ExifOrientation(std::span<const std::byte> exif);

// The picture turned and mirrored as `orientation` says it is to be seen.
Image Upright(Image image, int orientation);

}  // namespace ocelli
