#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/frame.h"
#include "core/result.h"
#include "core/tracked_face.h"
#include "effects/effect.h"
#include "faces/face_tracker.h"
#include "live/frame_stream.h"

namespace ocelli {

// Effects one after another. One thread at a time, frames in their order.
class EffectChain {
 public:
  // kInvalidArgument.
  static Result<std::unique_ptr<EffectChain>> Make(
      const EffectRegistry& registry, const std::vector<std::string>& texts);

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces);

  EffectNeed need() const { return need_; }
  bool hides_faces() const { return hides_faces_; }

 private:
  struct Named {
    std::string name;
    std::unique_ptr<Effect> effect;
  };
  std::vector<Named> effects_;
  EffectNeed need_ = EffectNeed::kNothing;
  bool hides_faces_ = false;
};

// What is done with a frame, as the settings were when it came.
struct StreamPlan {
  FrameStreamSettings settings;
  // Shared with other plans: of the same texts, of the same needs. Null: none.
  std::shared_ptr<EffectChain> effects;
  std::shared_ptr<FaceTracker> tracker;
};

// Plans of one stream, each keeping of the one before what need not change.
class StreamPlanner {
 public:
  StreamPlanner(OpenFaceTracker open, const FrameStreamOptions& options);

  // Errors as FrameStream::Configure(); nothing has changed then.
  Result<std::shared_ptr<const StreamPlan>> Plan(
      const FrameStreamSettings& settings);

 private:
  Result<std::shared_ptr<FaceTracker>> TrackerFor(EffectNeed need,
                                                  bool hides_faces);

  const OpenFaceTracker open_;
  const FaceTrackerOptions tracker_options_;
  const bool may_name_;
  const bool describe_;
  EffectRegistry registry_;

  std::vector<std::string> effect_texts_;
  std::shared_ptr<EffectChain> effects_;
  std::shared_ptr<FaceTracker> tracker_;  // The last one, also while not used.
  bool identifies_ = false, hides_faces_ = false;  // Of tracker_.
};

}  // namespace ocelli
