#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

#include "core/clock.h"

namespace ocelli {

// When frames of a file are to be shown. Not thread-safe.
class FramePace {
 public:
  explicit FramePace(const Clock& clock) : clock_(clock) {}

  // How long to wait before the frame of that media time. One that is late by
  // more than a second begins a new count, so that none are hurried after it.
  std::chrono::nanoseconds WaitFor(std::chrono::microseconds time) {
    constexpr std::chrono::seconds kMostBehind{1};
    const auto now = clock_.MonotonicTime();
    if (!begin_ || now - (*begin_ + time) > kMostBehind) begin_ = now - time;
    return std::max<std::chrono::nanoseconds>(*begin_ + time - now, {});
  }

 private:
  const Clock& clock_;
  std::optional<std::chrono::steady_clock::time_point> begin_;
};

// Frames a second over the last seconds. Not thread-safe.
class FrameRate {
 public:
  void Count(std::chrono::steady_clock::time_point now) {
    Forget(now);
    times_.push_back(now);
  }

  double At(std::chrono::steady_clock::time_point now) {
    Forget(now);
    if (times_.size() < 2) return 0;
    const double seconds =
        std::chrono::duration<double>(now - times_.front()).count();
    return seconds > 0 ? static_cast<double>(times_.size() - 1) / seconds : 0;
  }

 private:
  void Forget(std::chrono::steady_clock::time_point now) {
    constexpr std::chrono::seconds kSpan{3};
    constexpr std::size_t kMost = 1000;
    while (!times_.empty() &&
           (now - times_.front() > kSpan || times_.size() >= kMost)) {
      times_.pop_front();
    }
  }

  std::deque<std::chrono::steady_clock::time_point> times_;
};

}  // namespace ocelli
