#pragma once

#include <chrono>
#include <cstdint>

#include "core/yuv_image.h"

namespace ocelli {

// One picture of a video and where in it. Numbers and clocks are given where
// the frame enters and stay to the end. Copies share the pixels.
struct Frame {
  YuvImage pixels;
  std::uint64_t sequence = 0;  // Counts from 0, without gaps, at the source.
  // Media time since the source's first frame; grows from frame to frame, also
  // over a lost connection.
  std::chrono::microseconds time{};
  std::chrono::system_clock::time_point wall_time;   // When it was decoded.
  std::chrono::steady_clock::time_point decoded_at;  // For latencies.
};

}  // namespace ocelli
