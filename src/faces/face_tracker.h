#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/frame.h"
#include "core/result.h"
#include "core/tracked_face.h"
#include "faces/face_analyzer.h"
#include "faces/gallery.h"
#include "faces/tracker_state.h"
#include "models/model_store.h"

namespace ocelli {

struct FaceTrackerOptions {
  FaceAnalyzerOptions faces;
  int max_faces = 20;
  // Media time from one search for new faces to the next; a lost face is looked
  // for sooner. While somebody is followed, two of three searches only see
  // faces of a fifteenth of the picture's long side and more.
  std::chrono::milliseconds detect_every{1000};
  bool thorough = false;  // All of the searches see small faces.
  // How long a face that is lost keeps its track.
  std::chrono::milliseconds keep_lost{1500};
  // Least media time from one run of the mesh to the next; in between the
  // landmarks are carried along by the pixels. 0: every frame.
  std::chrono::microseconds analyze_every{0};
  bool smooth = true;  // One Euro filter on the landmarks.
  // Whether to say who faces are.
  bool identify = false;
  // Whether to describe faces though nobody asks who they are, so that another
  // tracker knows them again (State()); not where the describer isn't
  // installed.
  bool describe = false;
  IdentifyOptions identification;
  // How long after a face was seen last, the gap between two trackers included,
  // a restored track is given to one found near that place; and to one that
  // looks the same, anywhere.
  std::chrono::milliseconds resume_by_place{10'000};
  std::chrono::milliseconds resume_by_descriptor{60'000};
};

// What Track() spent its time on since it was opened, in seconds.
struct FaceTrackerTimes {
  double detecting = 0;
  double meshing = 0;
  double describing = 0;
  double carrying = 0;
  std::uint64_t detections = 0;  // Runs.
  std::uint64_t meshes = 0;
  std::uint64_t descriptions = 0;
};

// Follows the faces of one video. One for each stream; one thread at a time.
class FaceTracker {
 public:
  // `gallery` may be null where nobody is known; it must outlive the tracker.
  static Result<std::unique_ptr<FaceTracker>> Open(
      const ModelStore& models, const Gallery* gallery,
      const FaceTrackerOptions& options);
  virtual ~FaceTracker() = default;

  // The faces of the next frame, by track. Frames come in the order of their
  // time; some may be missing.
  virtual Result<std::vector<TrackedFace>> Track(const Frame& frame) = 0;

  // The face that was described in the last frame, with its descriptor and
  // quality, for who collects what faces look like. Once.
  virtual std::optional<TrackedFace> TakeDescribed() { return std::nullopt; }

  // As of the last frame.
  virtual FaceTrackerState State() const = 0;
  // Before the first frame: goes on with what another tracker of this video
  // knew `gap` ago. Its tracks are there again once their faces are found; new
  // ones get ids that it never gave. Descriptors and votes of another model
  // are left out.
  virtual void Restore(FaceTrackerState state,
                       std::chrono::microseconds gap) = 0;

  virtual FaceTrackerTimes times() const = 0;
};

}  // namespace ocelli
