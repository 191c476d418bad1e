#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace ocelli {

// How long things took, in constant memory: bins that grow by 2 %, so a
// percentile is off by at most that. From 10 us to 10 minutes; what is shorter
// or longer counts as these.
class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds latency);

  // The latency that `share` (0 to 1) of all did not exceed; 0 without any.
  std::chrono::nanoseconds Percentile(double share) const;
  std::uint64_t count() const { return count_; }

 private:
  static constexpr std::size_t kBins = 910;
  std::array<std::uint32_t, kBins> bins_{};
  std::uint64_t count_ = 0;
};

}  // namespace ocelli
