#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tracked_face.h"
#include "faces/face_tracker.h"
#include "faces/gallery.h"
#include "live/session_store.h"
#include "metrics/metrics.h"
#include "models/model_store.h"

namespace ocelli {

struct FrameStreamSettings {
  // As EffectRegistry::Parse() takes them.
  std::vector<std::string> effects = {};
  bool faces = true;      // Whether answers hold faces,
  bool names = false;     // and who they are.
  bool pictures = false;  // And the frame as the effects left it.
  int quality = 85;       // Of those JPEGs.
  bool operator==(const FrameStreamSettings&) const = default;
};

// A frame from a client: nothing of it is believed.
struct StreamedFrame {
  // What DecodeImage() reads; rows of RGB; planes of Y, U, V (limited range,
  // BT.709 from 720 rows on, else BT.601). Rows follow each other without gaps.
  enum class Kind { kEncoded, kRgb, kI420 };
  Kind kind = Kind::kEncoded;
  std::string data;
  int width = 0;  // Of kRgb and kI420.
  int height = 0;
  std::uint64_t sequence = 0;  // The client's own.
  // From any beginning, 0 to 200 years. None: 40 ms after the frame before.
  std::optional<std::chrono::microseconds> time;
};

struct StreamedAnswer {
  std::uint64_t sequence = 0;
  std::chrono::microseconds time{};
  int width = 0;  // Of the picture, or where none is asked for of the frame.
  int height = 0;
  std::vector<TrackedFace> faces;  // In pixels of that size.
  std::string picture;             // JPEG, or empty.
  // The frame could not be read, or not be worked on: others go on.
  std::optional<Error> error;
};

struct FrameStreamOptions {
  std::size_t in_flight = 8;  // Frames pushed and not yet popped.
  int decoders = 2;  // Threads; one more follows faces, and two encode.
  std::uint64_t max_bytes = 32u << 20;  // Of one frame.
  std::uint64_t max_pixels = 7680 * 4320;
  std::string session;  // To go on with; empty: nothing is kept.
  // Where; outlives the stream. Null: nothing is kept.
  SessionStore* sessions = nullptr;
  std::string client;    // WorkScope of its threads, and the sessions' owner.
  bool may_name = true;  // Else settings that need names: kPermissionDenied.
  // identify, describe and how often is searched follow from the settings.
  FaceTrackerOptions tracker;
  MetricsRegistry* metrics = nullptr;  // Outlives the stream; null: nobody's.
};

// Begins to open a tracker, as FaceTracker::Open() does.
using OpenFaceTracker = std::function<Result<std::unique_ptr<FaceTracker>>(
    const FaceTrackerOptions&)>;

// Frames of one video that somebody sends, answered in their order. Decoding,
// faces, effects and encoding go on at the same time for different frames.
// Effects change pictures: without those they are not applied, and load no
// files. Push(), Configure() and Finish() from one thread, Pop() from another.
//
// A session's state is kept every half second and at the end. While its store
// is away answers go on; once another stream took it (its lease had run out),
// Push() and Pop() fail: kFailedPrecondition.
class FrameStream {
 public:
  // The models, `gallery` (may be null) and what `options` names outlive it.
  // kInvalidArgument: an effect, the quality, the session's name.
  // kAlreadyExists: another stream has the session. kPermissionDenied. Errors
  // of FaceTracker::Open(), where the settings need faces.
  static Result<std::unique_ptr<FrameStream>> Open(
      const ModelStore& models, const Gallery* gallery,
      const FrameStreamSettings& settings, const FrameStreamOptions& options,
      const std::stop_token& stop);
  // The same with trackers from elsewhere.
  static Result<std::unique_ptr<FrameStream>> Open(
      OpenFaceTracker open_tracker, const FrameStreamSettings& settings,
      const FrameStreamOptions& options, const std::stop_token& stop);
  virtual ~FrameStream() = default;  // Gives up what is under way.

  // From the next frame on; faces keep their tracks. As Open(), and after an
  // error the settings stay.
  virtual Result<> Configure(const FrameStreamSettings& settings) = 0;

  // Waits while `in_flight` are under way. A frame that can't be read is
  // answered with its error. kInvalidArgument: its time does not grow.
  // kCancelled: `stop` of Open().
  virtual Result<> Push(StreamedFrame frame) = 0;
  // No more frames will come.
  virtual void Finish() = 0;

  // The next answer, in order; none after the last one. kCancelled.
  virtual Result<std::optional<StreamedAnswer>> Pop() = 0;

  // How many tracks of a session were taken up.
  virtual std::size_t resumed_tracks() const = 0;
};

}  // namespace ocelli
