#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace ocelli {

// Times as containers want them: each at least a millisecond after the one
// before, which is the finest step of Matroska and FLV.
class GrowingTimes {
 public:
  std::chrono::microseconds Next(std::chrono::microseconds time) {
    constexpr std::chrono::microseconds kStep(1000);
    // A thousand years, so that no arithmetic overflows.
    constexpr std::chrono::microseconds kMost(31'557'600'000'000'000);
    time = std::clamp(time, -kMost, kMost);
    if (last_) time = std::max(time, *last_ + kStep);
    last_ = time;
    return time;
  }

 private:
  std::optional<std::chrono::microseconds> last_;
};

}  // namespace ocelli
