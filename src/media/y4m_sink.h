#pragma once

#include <memory>
#include <stop_token>

#include "core/result.h"
#include "media/video_sink.h"

namespace ocelli {

// YUV4MPEG2 to an open file, which stays the caller's. Each frame is written
// once: the format knows a rate and no times. kUnavailable: the reader of the
// pipe is gone. kCancelled: `stop` while the reader takes nothing.
Result<std::unique_ptr<VideoSink>> OpenY4mSink(int file,
                                               const VideoFormat& format,
                                               std::stop_token stop = {});

}  // namespace ocelli
