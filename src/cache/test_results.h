#pragma once

#include <chrono>
#include <string>

#include "cache/result_key.h"
#include "core/clock.h"

namespace ocelli {

inline ResultKey TestKey(int n, const std::string& fingerprint = "models") {
  return {Sha256(std::to_string(n)), Sha256(fingerprint)};
}

inline FixedClock ClockAtNoon() {
  return FixedClock(
      std::chrono::system_clock::time_point(std::chrono::hours(500000)));
}

}  // namespace ocelli
