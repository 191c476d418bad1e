#include "core/clock.h"

namespace ocelli {
namespace {

class RealClock final : public Clock {
 public:
  std::chrono::system_clock::time_point WallTime() const override {
    return std::chrono::system_clock::now();
  }
  std::chrono::steady_clock::time_point MonotonicTime() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace ocelli
