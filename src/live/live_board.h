#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/clock.h"
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
  std::string source;  // As VideoSource::Open() takes it, secrets included.
  std::vector<std::string> effects;  // As EffectRegistry::Parse() takes them.
  std::string sink;                  // Empty: none.
  bool repeat = false;               // A file begins again at its end.
  bool real_time = true;             // A file is shown at its own pace.
  bool names = true;
  // By the settings of the service; only then effects may load files.
  bool configured = false;
  VideoSourceOptions source_options;
  FaceTrackerOptions tracker;
};

struct LiveVideoStatus {
  // Waiting: away, to be tried again. Ended: a file's end. Failed: there is
  // nothing to try again, such as a source of no known kind.
  enum class State { kStarting, kRunning, kWaiting, kEnded, kFailed };
  LiveVideoSettings settings;
  State state = State::kStarting;
  std::string error;  // Why it waits or failed, without secrets.
  int width = 0;      // Of what comes out.
  int height = 0;
  double frame_rate = 0;    // Of frames that came out, over the last seconds.
  LiveStatus counters;      // Since it was begun anew the last time.
  std::uint64_t begun = 0;  // How often it was.
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
  EffectContext effect_context;  // Of configured videos.
  // Both from the video's thread; what takes long delays the video. `shot`:
  // each frame as it came out. `described`: a face of a frame as it came in,
  // with its descriptor and quality; faces are described for that.
  std::function<void(const std::string& video, const LiveShot& shot)> on_shot;
  std::function<void(const std::string& video, const Frame& frame,
                     const TrackedFace& face)>
      on_described;
  const Clock* clock = &SystemClock();  // Of frame rates and paces.
};

// Opens a session, as LiveSession::Open() does.
using OpenLiveSession = std::function<Result<std::unique_ptr<LiveSession>>(
    LiveOptions options, const std::stop_token& stop)>;

// The videos that this process follows, by name, each in threads of its own,
// whose WorkScope is "camera/NAME". One that fails is begun anew until it is
// stopped; a file that has ended stays with its last frame. Thread-safe.
class LiveBoard {
 public:
  // All outlive it; `gallery` may be null.
  static std::unique_ptr<LiveBoard> Make(const ModelStore& models,
                                         const Gallery* gallery,
                                         MetricsRegistry& metrics,
                                         const LiveBoardOptions& options = {});
  // The same with sessions from elsewhere.
  static std::unique_ptr<LiveBoard> Make(OpenLiveSession open,
                                         MetricsRegistry& metrics,
                                         const LiveBoardOptions& options = {});
  // Stops them all.
  virtual ~LiveBoard() = default;

  // Begins; does not wait for the source. kAlreadyExists, kInvalidArgument (a
  // name, an effect), kResourceExhausted.
  virtual Result<> Start(LiveVideoSettings settings) = 0;
  // Waits until it has ended its sink; who watches learns it at once.
  // kNotFound.
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
  // for all who ask for the same while somebody holds the shot.
  // kInvalidArgument: no shot, a negative side.
  virtual Result<std::shared_ptr<const std::string>> Jpeg(
      const std::shared_ptr<const LiveShot>& shot, int max_side) = 0;

  // As Stop() for each of them, at the same time.
  virtual void StopAll() = 0;
};

}  // namespace ocelli
