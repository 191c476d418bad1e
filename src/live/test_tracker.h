#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "faces/face_tracker.h"

namespace ocelli {

// For tests: what trackers without models were asked for and saw. Thread-safe.
class TrackerLog {
 public:
  void Opened(const FaceTrackerOptions& options) {
    const std::lock_guard lock(mutex_);
    opened_.push_back(options);
  }
  void Saw(const Frame& frame) {
    const std::lock_guard lock(mutex_);
    frames_.push_back(frame);
  }
  std::vector<FaceTrackerOptions> opened() const {
    const std::lock_guard lock(mutex_);
    return opened_;
  }
  std::vector<Frame> frames() const {
    const std::lock_guard lock(mutex_);
    return frames_;
  }

  // Called in Track(); its error is Track()'s. Set before the first frame.
  std::function<Result<>(const Frame&)> before;

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<FaceTrackerOptions> opened_;
  std::vector<Frame> frames_;
};

// Sees one face, called Ada, in every frame; its id is the first that no
// tracker before gave, or that of the track which it goes on with.
class OneFaceTracker final : public FaceTracker {
 public:
  explicit OneFaceTracker(TrackerLog& log) : log_(log) {}

  Result<std::vector<TrackedFace>> Track(const Frame& frame) override {
    if (log_.before) {
      if (auto done = log_.before(frame); !done) return done.Failure();
    }
    log_.Saw(frame);
    if (id_ == 0) {
      id_ = state_.tracks.empty() ? state_.next_id++ : state_.tracks[0].id;
    }
    TrackedFace face;
    face.track = id_;
    face.face.box = {4, 4, 8, 8};
    face.name = "Ada";
    face.similarity = .5f;
    face.decided = true;
    return std::vector{face};
  }
  FaceTrackerState State() const override {
    FaceTrackerState state = state_;
    state.tracks.clear();
    if (id_ > 0) state.tracks.push_back({id_, {4, 4, 8, 8}, {}, {}, {}});
    return state;
  }
  void Restore(FaceTrackerState state, std::chrono::microseconds) override {
    state_ = std::move(state);
  }
  FaceTrackerTimes times() const override { return {}; }

 private:
  TrackerLog& log_;
  FaceTrackerState state_;
  std::int64_t id_ = 0;  // 0: none yet.
};

// Makes such trackers; `log` outlives them.
inline auto OpenOneFaceTracker(TrackerLog& log) {
  return [&log](const FaceTrackerOptions& options)
             -> Result<std::unique_ptr<FaceTracker>> {
    log.Opened(options);
    return std::make_unique<OneFaceTracker>(log);
  };
}

}  // namespace ocelli
