#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace ocelli {

// The `k` best of the rows that are offered, and those that come so close to
// the last of them that rounding may have put them behind it: within `slack`.
class TopRows {
 public:
  struct Candidate {
    float score;
    std::uint32_t row;
  };

  // `k` at least 1.
  TopRows(std::size_t k, float slack)
      : k_(k), slack_(slack), limit_(2 * k + 256) {}

  // Below it, no score makes a difference. Never NaN.
  float threshold() const { return threshold_; }

  void Offer(float score, std::uint32_t row) {
    if (!(score >= threshold_)) return;
    candidates_.push_back({score, row});
    if (candidates_.size() < limit_) return;
    Prune();
    // Many that are equal must not be sorted again and again.
    limit_ = std::max(limit_, 2 * candidates_.size());
  }

  // In no order.
  std::vector<Candidate> Take() {
    Prune();
    return std::move(candidates_);
  }

 private:
  void Prune() {
    if (candidates_.size() <= k_) return;
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(candidates_.begin(), last, candidates_.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.score > b.score;
                     });
    threshold_ = last->score - slack_;
    std::erase_if(candidates_, [this](const Candidate& candidate) {
      return candidate.score < threshold_;
    });
  }

  const std::size_t k_;
  const float slack_;
  std::size_t limit_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Candidate> candidates_;
};

}  // namespace ocelli
