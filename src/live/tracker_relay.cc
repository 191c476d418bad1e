#include "live/tracker_relay.h"

#include <utility>

namespace ocelli {

void TrackerRelay::Resume(FaceTrackerState state,
                          std::chrono::microseconds gap) {
  resumed_ = std::move(state);
  gap_ = gap;
}

Result<std::vector<TrackedFace>> TrackerRelay::Track(
    const std::shared_ptr<FaceTracker>& tracker, const Frame& frame) {
  if (tracker != tracker_) {
    if (tracker_) {
      tracker->Restore(tracker_->State(), {});
    } else if (resumed_) {
      tracker->Restore(*std::exchange(resumed_, std::nullopt), gap_);
    }
    tracker_ = tracker;
    // What goes by until its first frame is part of its time.
    began_ = last_;
  }
  last_ = frame.time;
  Frame seen = frame;
  seen.time -= began_;
  return tracker_->Track(seen);
}

}  // namespace ocelli
