#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/result.h"
#include "media/video_sink.h"

namespace ocelli {

// A place that FFmpeg's muxers write to.
struct MuxerTarget {
  enum class Kind { kFile, kHls, kRtmp, kRtsp };
  Kind kind = Kind::kFile;
  const char* format = "mp4";  // FFmpeg's name of the container.
  std::string address;         // Path, folder or URL.
  std::string shown;           // The address without user and password.
};

// As VideoSink::Open().
Result<std::unique_ptr<VideoSink>> OpenMuxerSink(
    MuxerTarget target, const VideoFormat& format,
    const VideoSinkOptions& options, std::stop_token stop);

}  // namespace ocelli
