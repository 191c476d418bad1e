#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/frame.h"
#include "core/result.h"
#include "media/video_source.h"

namespace ocelli {

struct VideoFormat {
  int width = 0;
  int height = 0;
  double frame_rate = 25;  // A hint for rate control; frames carry their time.
  std::optional<SoundFormat> sound = {};
};

struct VideoSinkOptions {
  // "auto" (the first of NVENC, VAAPI, x264 that opens), "x264", "nvenc",
  // "vaapi", "vp9" (webm).
  std::string encoder = "auto";
  std::int64_t bitrate = 0;  // Bits a second; 0: constant quality, CRF 23.
  std::string preset = "veryfast";
  bool low_latency = true;      // x264's zerolatency; files may look ahead.
  int threads = 0;              // Of the encoder; 0: one a processor.
  double keyframe_seconds = 2;  // The longest from one key frame to the next.
  std::chrono::milliseconds open_timeout{10'000};
  std::chrono::milliseconds write_timeout{10'000};
};

struct SinkCounters {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
};

// Encodes frames and writes them somewhere. One thread at a time, but
// counters() from any.
class VideoSink {
 public:
  // By URL:
  //   NAME.mp4, .mov, .mkv, .webm   a file that plays as far as it was written,
  //                                 also after the process was killed
  //   rtmp://, rtmps://             pushed
  //   rtsp://, rtsps://             pushed (ANNOUNCE and RECORD, over TCP)
  //   hls:FOLDER                    FOLDER/index.m3u8 and its segments
  //   -                             raw frames on standard output (Y4M)
  // Errors as those of VideoSource::Open(); kInvalidArgument lists the kinds
  // and encoders that there are. Sound that the container can't hold is left
  // out with a warning in the log.
  static Result<std::unique_ptr<VideoSink>> Open(
      const std::string& url, const VideoFormat& format,
      const VideoSinkOptions& options, std::stop_token stop = {});
  virtual ~VideoSink() = default;  // Without Finish(): as after a kill.

  // Sound first, then the frame. Another size than the format's is fitted into
  // it, with black beside. Times that do not grow are moved on by a
  // millisecond. kResourceExhausted: the disk is full, what was written plays.
  virtual Result<> Write(const SourceFrame& frame) = 0;
  virtual Result<> WriteSound(const std::vector<SoundPacket>& sound) = 0;

  // Encodes what is still inside and ends the file. Nothing after it.
  virtual Result<> Finish() = 0;

  virtual SinkCounters counters() const = 0;
  virtual const std::string& encoder() const = 0;  // The one chosen.
};

}  // namespace ocelli
