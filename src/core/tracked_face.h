#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/face.h"

namespace ocelli {

// One face followed through a video, as it is in one frame.
struct TrackedFace {
  std::int64_t track = 0;  // The same for one person from frame to frame.
  Face face;               // Smoothed; without descriptor.
  // Media time since the face was last seen: 0 in a frame where it is. A face
  // that is lost keeps its last place until its track ends.
  std::chrono::microseconds unseen_for{};
  std::string name;      // Empty: nobody known, or not decided yet.
  float similarity = 0;  // Of `name`: cosine, mean over the votes for it.
  // Whether who this is has been decided, be it that nobody is known.
  bool decided = false;

  bool seen() const { return unseen_for.count() == 0; }
};

}  // namespace ocelli
