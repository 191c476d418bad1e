#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "core/result.h"
#include "media/video_source.h"

namespace ocelli {

// What FFmpeg is asked to open, and what it may open on the way.
struct StreamAddress {
  std::string url;        // As FFmpeg takes it.
  std::string shown;      // As people may see it.
  std::string protocols;  // Those allowed, "http,tcp"; also for what it names.
  std::string demuxers;   // Likewise.
  std::string forced_demuxer;  // Of libavdevice; empty: told by the bytes.
  bool live = false;           // By its kind. HTTP turns out when it is open.
  bool rtsp = false;
  bool network = false;
};

// One connection to a stream. It is lost with its first error.
class StreamSource : public VideoSource {
 public:
  // What Frame::time is of the first frame, 0 unless called before it.
  virtual void StartAt(std::chrono::microseconds time) = 0;
};

// `stop` and `options.open_timeout` end it whatever it waits for, but for the
// name server. Does not reconnect.
Result<std::unique_ptr<StreamSource>> OpenStream(
    const StreamAddress& address, const VideoSourceOptions& options,
    std::stop_token stop);

// Whether the packets of both may go into the same stream of a sink.
bool IsSameSound(const SoundFormat& a, const SoundFormat& b);

}  // namespace ocelli
