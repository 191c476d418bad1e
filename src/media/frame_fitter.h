#pragma once

#include <memory>

#include "core/result.h"
#include "core/yuv_image.h"
#include "media/ffmpeg.h"

namespace ocelli {

// Makes every picture one of the same size and colours. One thread at a time.
class FrameFitter {
 public:
  // `ffmpeg` must outlive it. Needs width, height > 0.
  FrameFitter(const FFmpeg& ffmpeg, int width, int height, YuvColor color);

  // The picture itself where it fits; else scaled as large as it can be, its
  // proportions kept, amid black, with its colours converted. kInvalidArgument
  // (an empty picture).
  Result<YuvImage> Fit(const YuvImage& image);

 private:
  Result<YuvImage> Scale(YuvView from, int width, int height);

  const FFmpeg& ffmpeg_;
  int width_;
  int height_;
  YuvColor color_;
  std::unique_ptr<SwsContext, void (*)(SwsContext*)> scaler_;
  // What scaler_ was made for.
  int from_width_ = 0;
  int from_height_ = 0;
  YuvColor from_color_;
};

// The picture with its last column and row doubled where their number is odd.
YuvImage WithEvenSize(const YuvImage& image);

}  // namespace ocelli
