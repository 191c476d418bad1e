#pragma once

#include <chrono>

namespace ocelli {

// Where time comes from, so that tests can say what it is. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::system_clock::time_point WallTime() const = 0;
  virtual std::chrono::steady_clock::time_point MonotonicTime() const = 0;
};

// The machine's own; lives as long as the program.
const Clock& SystemClock();

// Stands still until told. Thread-safe where Advance() is not called.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(std::chrono::system_clock::time_point now) : wall_(now) {}

  std::chrono::system_clock::time_point WallTime() const override {
    return wall_;
  }
  std::chrono::steady_clock::time_point MonotonicTime() const override {
    return monotonic_;
  }
  void Advance(std::chrono::nanoseconds by) {
    wall_ +=
        std::chrono::duration_cast<std::chrono::system_clock::duration>(by);
    monotonic_ += by;
  }

 private:
  std::chrono::system_clock::time_point wall_;
  std::chrono::steady_clock::time_point monotonic_;
};

}  // namespace ocelli
