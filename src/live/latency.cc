#include "live/latency.h"

#include <algorithm>
#include <cmath>

namespace ocelli {
namespace {

constexpr double kShortest = 10'000;  // Nanoseconds.
const double kStep = std::log(1.02);

}  // namespace

void LatencyHistogram::Add(std::chrono::nanoseconds latency) {
  const auto nanoseconds =
      std::max(static_cast<double>(latency.count()), kShortest);
  const auto bin =
      static_cast<std::size_t>(std::log(nanoseconds / kShortest) / kStep);
  ++bins_[std::min(bin, kBins - 1)];
  ++count_;
}

std::chrono::nanoseconds LatencyHistogram::Percentile(double share) const {
  if (count_ == 0) return {};
  const double wanted = share * static_cast<double>(count_);
  double seen = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    seen += bins_[bin];
    if (seen >= wanted && seen > 0) {
      const double middle = (static_cast<double>(bin) + .5) * kStep;
      return std::chrono::nanoseconds(
          std::llround(kShortest * std::exp(middle)));
    }
  }
  return {};
}

}  // namespace ocelli
