#pragma once

#include <memory>

#include "core/result.h"
#include "core/yuv_image.h"
#include "media/ffmpeg.h"

namespace ocelli {

// Decoded frames as I420. One thread at a time.
class YuvConverter {
 public:
  explicit YuvConverter(const FFmpeg& ffmpeg)
      : ffmpeg_(ffmpeg), scaler_(nullptr, ffmpeg.sws_freeContext) {}

  // Without a copy where the frame is I420 already; otherwise its matrix and
  // range are kept, and RGB becomes what ColorOf() says of its size.
  Result<YuvImage> Convert(const AVFrame& frame);

 private:
  const FFmpeg& ffmpeg_;
  std::unique_ptr<SwsContext, decltype(::sws_freeContext)*> scaler_;
};

// The picture turned clockwise by quarters; 0 is as it is.
YuvImage Turned(YuvImage image, int quarters);

}  // namespace ocelli
