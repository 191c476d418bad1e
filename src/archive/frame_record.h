#pragma once

#include <chrono>
#include <cstdint>

#include "core/digest.h"

namespace ocelli {

// What an archive knows of a frame before it is stored.
struct FrameRecord {
  std::uint64_t seq =
      0;  // Counts from 0, without gaps, over the whole archive.
  std::uint32_t run = 0;  // Counts starts of the source; media time is its.
  std::chrono::microseconds pts{};
  std::chrono::system_clock::time_point time;  // Wall clock, microseconds.
  std::int32_t width = 0;
  std::int32_t height = 0;
  Digest digest;  // Of the encoded picture.
  std::uint64_t bytes = 0;

  bool operator==(const FrameRecord&) const = default;
};

}  // namespace ocelli
