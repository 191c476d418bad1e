#pragma once

#include <span>

#include "core/geometry.h"
#include "core/image.h"

namespace ocelli {

// How a model wants its pixels: three floats each, (pixel - mean) * scale with
// pixel from 0 to 255. Grey pictures fill all three.
struct PixelEncoding {
  bool planar = false;  // Channels one after the other (NCHW), not per pixel.
  bool blue_first = false;
  float mean = 0;
  float scale = 1;
};

// What lies outside the picture.
enum class Border { kReplicate, kBlack };

// A width x height input for a model, bilinear and in floating point.
// `to_image` maps its pixels to those of the picture; in both the centre of
// the first pixel is (0.5, 0.5). Needs a picture that is not empty, and
// `out` of 3 * width * height.
void Sample(ImageView image, const Affine& to_image, int width, int height,
            Border border, const PixelEncoding& encoding, std::span<float> out);

// The same where a pixel of `out` covers several of the picture: then all of
// them count, where Sample() looks at four.
void SampleReduced(ImageView image, const Affine& to_image, int width,
                   int height, Border border, const PixelEncoding& encoding,
                   std::span<float> out);

// The mean of each factor x factor pixels; 1 <= factor <= 256. Sizes are
// rounded up: cells at the right and lower border average what there is.
Image Shrink(ImageView image, int factor);

}  // namespace ocelli
