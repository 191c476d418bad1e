#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/yuv_image.h"
#include "media/ffmpeg.h"
#include "media/frame_fitter.h"
#include "media/video_sink.h"

namespace ocelli {

// What an encoder is called here ("x264") and by FFmpeg ("libx264").
struct EncoderName {
  std::string_view name;
  const char* codec;
  AVCodecID id;
};

// The encoders that a choice like "auto" means, best first; kInvalidArgument
// lists those there are. `webm`: VP9 is what "auto" means.
Result<std::vector<EncoderName>> EncodersFor(const std::string& choice,
                                             bool webm);

// Pictures to packets. One thread at a time.
class VideoEncoder {
 public:
  // Takes a packet's content; its times are in the encoder's time base.
  using Consumer = std::function<Result<>(AVPacket& packet)>;

  // `ffmpeg` must outlive it. Every picture is made one of the format's size,
  // rounded up to even numbers, and of `color`. kFailedPrecondition: this
  // machine or its FFmpeg has no such encoder.
  static Result<std::unique_ptr<VideoEncoder>> Open(
      const FFmpeg& ffmpeg, const EncoderName& name, const VideoFormat& format,
      YuvColor color, bool global_header, const VideoSinkOptions& options);

  // Times must grow.
  Result<> Encode(const YuvImage& image, std::chrono::microseconds time,
                  const Consumer& consumer);
  // What is still inside. Nothing after it.
  Result<> Flush(const Consumer& consumer);

  const AVCodecContext& context() const { return *context_; }
  YuvColor color() const { return color_; }

 private:
  VideoEncoder(const FFmpeg& ffmpeg, const VideoFormat& format, YuvColor color,
               const VideoSinkOptions& options);
  Result<> Start(const EncoderName& name, const VideoFormat& format,
                 bool global_header, const VideoSinkOptions& options);
  Result<> PrepareVaapi();
  Result<AVFramePointer> Upload(const AVFrame& frame);
  Result<> Send(const AVFrame* frame, const Consumer& consumer);

  const FFmpeg& ffmpeg_;
  YuvColor color_;
  FrameFitter fitter_;
  AVCodecContextPointer context_;
  AVPacketPointer packet_;
  std::chrono::microseconds keyframe_interval_;
  bool started_ = false;
  std::chrono::microseconds last_keyframe_{};
};

}  // namespace ocelli
