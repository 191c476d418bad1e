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
#include "core/tracked_face.h"
#include "faces/gallery.h"
#include "live/live_session.h"
#include "metrics/metrics.h"
#include "models/model_store.h"

namespace ocelli {

// A video that is to be followed.
struct LiveVideoSettings {
  std::string name;    // As CheckSessionName() wants it; unlike others'.
  std::string source;  // As VideoSource::Open() takes it.
  std::vector<std::string> effects;  // As EffectRegistry::Parse() takes them.
  std::string sink;                  // Empty: none.
  bool repeat = false;               // A file begins again at its end.
  bool real_time = true;             // A file is shown at its own pace.
  bool names = true;
  bool configured = false;  // By the settings of the service.
  VideoSourceOptions source_options;
  FaceTrackerOptions tracker;
};

struct LiveVideoStatus {
  enum class State { kStarting, kRunning, kWaiting, kEnded, kFailed };
  LiveVideoSettings settings;
  State state = State::kStarting;
  std::string error;
  int width = 0;
  int height = 0;
  double frame_rate = 0;  // Of frames that came out, over the last seconds.
  LiveStatus counters;
};

// One frame as it came out, with its faces. What watchers share.
struct LiveShot {
  Frame frame;
  std::vector<TrackedFace> faces;
};

struct LiveBoardOptions {
  std::size_t max_videos = 64;
  // Before a video that failed is begun anew, doubled up to the last.
  std::chrono::milliseconds first_wait{1000};
  std::chrono::milliseconds last_wait{30'000};
};

// The videos that this process follows, by name, each in threads of its own.
// One that fails is begun anew until it is stopped; a file that has ended stays
// with its last frame. Thread-safe.
class LiveBoard {
 public:
  // All outlive it; `gallery` may be null.
  static std::unique_ptr<LiveBoard> Make(const ModelStore& models,
                                         const Gallery* gallery,
                                         MetricsRegistry& metrics,
                                         const LiveBoardOptions& options = {});
  // Stops them all.
  virtual ~LiveBoard() = default;

  // Begins; does not wait for the source. kAlreadyExists, kInvalidArgument (a
  // name, an effect), kResourceExhausted.
  virtual Result<> Start(LiveVideoSettings settings) = 0;
  // Waits until it has ended its sink. kNotFound.
  virtual Result<> Stop(const std::string& name) = 0;

  virtual std::vector<LiveVideoStatus> List() const = 0;  // By name.
  virtual Result<LiveVideoStatus> Find(const std::string& name) const = 0;

  // The last frame: null where none has come yet. kNotFound.
  virtual Result<std::shared_ptr<const LiveShot>> Last(
      const std::string& name) const = 0;
  // Waits for a frame other than `after` (null: any), for so long at most: then
  // null. Who is slow misses frames. kNotFound once the video is stopped,
  // kCancelled.
  virtual Result<std::shared_ptr<const LiveShot>> Next(
      const std::string& name, const std::shared_ptr<const LiveShot>& after,
      std::chrono::milliseconds patience, const std::stop_token& stop) = 0;

  // As a JPEG whose longer side is at most `max_side` (0: as it is); made once
  // for all who ask for the same of the last few frames.
  virtual Result<std::shared_ptr<const std::string>> Jpeg(
      const std::shared_ptr<const LiveShot>& shot, int max_side) = 0;

  // Ends what is under way: sources are no longer read, sinks get their end.
  virtual void StopAll() = 0;
};

}  // namespace ocelli
