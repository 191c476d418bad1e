#pragma once

#include "core/yuv_image.h"

namespace ocelli {

// Whether the planes are what a JPEG holds: full range, BT.601 (JFIF 1.02).
inline bool HasJpegColors(YuvColor color) {
  return color.full_range && color.matrix == YuvColor::Matrix::kBt601;
}

// The picture with a JPEG's colours. `to` is as large as `from`, odd numbers of
// columns and rows made even: those repeat the last one. Chroma stays where it
// is, so that nothing is blurred.
void ToJpegColors(YuvView from, MutableYuvView to);

// Chroma in as many columns, rows or both as luma has, made that of I420: each
// sample of `to` is the mean of those it stands for. What is as large stays.
void HalveChroma(ImageView from, MutableImageView to);

}  // namespace ocelli
