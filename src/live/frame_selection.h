#pragma once

#include <chrono>
#include <memory>

#include "core/frame.h"

namespace ocelli {

struct FrameSelection {
  // At most one frame in this much media time; 0: all. On average exactly that
  // where the source has more: what is over is carried on.
  std::chrono::microseconds every{0};
  // Only frames of which at least this part of the picture differs from the
  // last one taken; 0: all. Noise and a little more light are no difference.
  double changed = 0;
};

// Where somebody walks through 2 % of the picture, that shows.
inline constexpr double kDefaultChange = .01;

// Says which frames of a video are wanted. One thread at a time.
class FrameSelector {
 public:
  explicit FrameSelector(const FrameSelection& selection);
  ~FrameSelector();

  // Whether its time is right, which costs nothing; asked for every frame.
  bool IsDue(std::chrono::microseconds time);

  // `frame` is taken as given where it is wanted.
  bool Wants(const Frame& frame);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
