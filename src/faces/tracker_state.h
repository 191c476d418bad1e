#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/geometry.h"
#include "faces/track_identity.h"

namespace ocelli {

// One face that was followed. Times are ages, for the next process has another
// clock.
struct TrackState {
  std::int64_t id = 0;  // 1 and more.
  RectF box;            // Where it was last, in pixels of the picture.
  std::chrono::microseconds unseen_for{};
  std::vector<float> descriptor;  // Unit length, or none.
  TrackVotes votes;
};

// What another FaceTracker needs to go on with the same ids and names. Holds
// descriptors of people: never to be logged.
struct FaceTrackerState {
  int width = 0;  // Of the picture that the boxes are in.
  int height = 0;
  std::int64_t next_id = 1;
  // Fingerprint of the model that described the faces, in hex; empty: none.
  std::string describer;
  std::vector<TrackState> tracks;
};

}  // namespace ocelli
