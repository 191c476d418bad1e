#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "core/frame.h"
#include "core/result.h"
#include "core/tracked_face.h"
#include "faces/face_tracker.h"

namespace ocelli {

// The faces of one video by one tracker after another: each goes on with what
// the one before knew, so that tracks stay. One thread at a time.
class TrackerRelay {
 public:
  // Before the first frame: what a tracker of another process knew `gap` ago.
  void Resume(FaceTrackerState state, std::chrono::microseconds gap);

  // By `tracker`, which has seen no frame that did not come from here. Times of
  // frames begin at 0.
  Result<std::vector<TrackedFace>> Track(
      const std::shared_ptr<FaceTracker>& tracker, const Frame& frame);

 private:
  // Shared with who chooses between trackers. Null: none yet.
  std::shared_ptr<FaceTracker> tracker_;
  std::chrono::microseconds began_{};  // Its time 0.
  std::chrono::microseconds last_{};   // When it saw its last frame.
  std::optional<FaceTrackerState> resumed_;
  std::chrono::microseconds gap_{};
};

}  // namespace ocelli
