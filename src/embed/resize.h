#pragma once

#include "core/image.h"

namespace ocelli {

enum class ResizeFilter {
  kBilinear,  // Triangle of support 1.
  kBicubic,   // Keys' cubic with a = -0.5, support 2.
};

// A rectangle of the resized picture, pixels.
struct ResizeWindow {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// The picture at width x height, or what `window` shows of that: bit for bit
// what Pillow's Image.resize() makes of 8-bit pictures. Where it shrinks, the
// filter widens with the step, so that every pixel counts; rows first, rounded
// to 8 bits, then columns; weights are fixed-point with 22 bits after the
// point. Needs a picture that is not empty, and a window inside the result.
Image Resize(ImageView image, int width, int height, ResizeFilter filter,
             const ResizeWindow& window);
Image Resize(ImageView image, int width, int height, ResizeFilter filter);

}  // namespace ocelli
