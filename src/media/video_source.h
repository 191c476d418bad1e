#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/frame.h"
#include "core/result.h"

namespace ocelli {

// Encoded sound that goes from a source to a sink as it is. What is inside
// belongs to media/.
struct SoundFormat {
  std::shared_ptr<const void> parameters;  // Shared by source and sinks.
  std::string codec;                       // For people: "aac".
};
struct SoundPacket {
  std::shared_ptr<const void> packet;  // Shared by source and sinks.
  std::chrono::microseconds time{};    // On the clock of Frame::time.
};

// A frame and the sound that came since the one before.
struct SourceFrame {
  Frame frame;
  std::vector<SoundPacket> sound;
};

struct VideoInfo {
  int width = 0;  // As shown: rotation applied.
  int height = 0;
  double frame_rate = 0;  // Frames a second; 0: not known.
  bool live = false;      // Frames come when they come: late ones are useless.
  bool kept = false;  // But the server keeps them for a while (HLS), and they
                      // come many at once: better late than dropped.
  std::optional<std::chrono::microseconds> duration;  // Of a file that says it.
  std::string codec;                                  // For people: "h264".
  std::string decoder;  // "cpu", "vaapi" or "cuda".
  std::optional<SoundFormat> sound;
};

// Hostile streams are stopped by these before anything is allocated for them.
struct VideoLimits {
  std::int64_t max_pixels = std::int64_t{7680} * 4320;  // Width times height.
  double max_frame_rate = 240;                          // Frames a second.
  int max_streams = 32;                                 // In one container.
};

struct VideoSourceOptions {
  enum class RtspTransport { kAuto, kTcp, kUdp };
  RtspTransport rtsp_transport = RtspTransport::kAuto;  // TCP, then UDP.
  std::string decoder = "auto";  // "auto", "cpu", "vaapi" or "cuda".
  int decoder_threads = 1;
  bool sound = false;  // Whether sound is wanted.
  std::chrono::milliseconds open_timeout{10'000};
  std::chrono::milliseconds read_timeout{10'000};
  double frame_rate = 25;  // Of a folder of pictures and the test pattern.
  // What is not live begins again at its end, for ever, without its sound.
  bool repeat = false;
  VideoLimits limits;
  // Live sources only: how often a lost connection is made anew before Next()
  // fails; -1: for ever. The wait doubles from the first to the last of these,
  // each time shortened by chance to between half and all of it.
  int reconnects = -1;
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds last_wait{30'000};
  const Clock* clock = &SystemClock();
  std::uint64_t seed = 0;  // Of that chance; 0: one of its own.
};

struct SourceCounters {
  std::uint64_t frames = 0;
  std::uint64_t damaged = 0;     // Packets that could not be decoded.
  std::uint64_t reconnects = 0;  // Connections made anew.
  // Why a live source has no connection; empty: it has one.
  std::string away = {};
};

// Frames of a video or a camera, upright, as I420. One thread at a time, but
// counters() from any.
class VideoSource {
 public:
  // By URL:
  //   PATH, file:PATH     a video file
  //   FOLDER              its pictures in the order of their names, as a video
  //   rtsp://, rtsps://   a camera
  //   rtmp://, rtmps://   a stream
  //   http://, https://   an HLS playlist or a video file
  //   v4l2:/dev/video0    a camera of this machine
  //   test:               a test pattern, "test:640x480@30"
  // Each kind opens only the protocols and containers it needs: nothing that
  // was fetched can name a local file. Errors hold the URL without user and
  // password. kNotFound, kPermissionDenied (wrong password), kUnavailable,
  // kDeadlineExceeded, kDataLoss (not a video), kInvalidArgument (no picture in
  // it, no such kind of URL), kResourceExhausted (over a limit), kCancelled.
  static Result<std::unique_ptr<VideoSource>> Open(
      const std::string& url, const VideoSourceOptions& options,
      std::stop_token stop = {});
  virtual ~VideoSource() = default;

  virtual const VideoInfo& info() const = 0;

  // The next frame; none at the end. Frames may change their size in mid-
  // stream. Packets that can't be decoded are counted and passed over.
  // kCancelled when `stop` was requested.
  virtual Result<std::optional<SourceFrame>> Next(std::stop_token stop) = 0;

  // Sound that came after the last frame.
  virtual std::vector<SoundPacket> TakeSound() = 0;

  virtual SourceCounters counters() const = 0;
};

// The URL as it may be shown: user and password as "***", and no query values.
std::string WithoutSecrets(std::string_view url);

}  // namespace ocelli
