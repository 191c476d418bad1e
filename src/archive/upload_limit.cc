#include "archive/upload_limit.h"

#include <algorithm>

namespace ocelli {
namespace {

using std::chrono::nanoseconds;

constexpr int kFailuresOfAnOutage = 4;
// What was least may have been measured while uploads waited for each other,
// so now and then half as many show it.
constexpr std::chrono::seconds kSearchEvery{60};

}  // namespace

UploadLimit::UploadLimit(int fixed)
    : fixed_(fixed > 0), limit_(fixed > 0 ? fixed : kFirst) {}

void UploadLimit::Learn(UploadOutcome outcome, Time now, nanoseconds took,
                        bool in_demand) {
  if (fixed_) return;
  switch (outcome) {
    case UploadOutcome::kStored:
      LearnStored(now, took, in_demand);
      return;
    case UploadOutcome::kSlowDown:
      // Those that were under way at the cut know nothing of it.
      if (cut_ != Time::min() && now - took < cut_) return;
      cut_ = now;
      climbing_ = false;
      trial_ = Trial::kNone;
      limit_ = std::max(kLeast, limit_ / 2);
      BeginRound(now);
      return;
    case UploadOutcome::kFailed:
      LearnFailed();
      return;
    case UploadOutcome::kNotTried:
      return;
  }
}

void UploadLimit::LearnFailed() {
  if (++failures_ < kFailuresOfAnOutage || restore_to_ > 0) return;
  restore_to_ = std::max(kProbes, limit_ / 2);
  limit_ = std::min(limit_, kProbes);
  trial_ = Trial::kNone;
}

void UploadLimit::LearnStored(Time now, nanoseconds took, bool in_demand) {
  failures_ = 0;
  if (restore_to_ > 0) {
    limit_ = std::min(restore_to_, 2 * limit_);
    if (limit_ < restore_to_) return;
    restore_to_ = 0;
    climbing_ = true;
    BeginRound(now);
    return;
  }
  if (climbing_ && in_demand) limit_ = std::min(kMost, limit_ + 1);
  if (round_began_ != Time::min() && now - took < round_began_) return;
  ++round_count_;
  round_took_ += took;
  round_in_demand_ += in_demand ? 1 : 0;
  if (round_count_ < std::max(kLeast, limit_ / 2)) return;
  const nanoseconds mean = round_took_ / round_count_;
  const bool demanded = 2 * round_in_demand_ >= round_count_;
  BeginRound(now);
  EndRound(now, mean, demanded);
}

void UploadLimit::EndRound(Time now, nanoseconds mean, bool in_demand) {
  if (trial_ != Trial::kNone) {
    // Had they waited for each other, as many fewer would be as much faster;
    // halfway there will do.
    const bool faster =
        2 * limit_before_ * mean < (limit_before_ + limit_) * mean_before_;
    if (faster) {
      least_ = std::min(least_, mean);
      if (trial_ == Trial::kSearch && limit_ > kLeast) {
        Try(Trial::kSearch, limit_ / 2, mean);
        return;
      }
    } else {
      // The store is slow by itself.
      limit_ = limit_before_;
      least_ = mean;
    }
    if (trial_ == Trial::kSearch) searched_ = now;
    trial_ = Trial::kNone;
    return;
  }

  if (least_.count() == 0 || mean < least_) least_ = mean;
  const bool slower = 2 * mean > 3 * least_;
  const bool was_climbing = climbing_;
  if (slower || limit_ == kMost) climbing_ = false;
  // What is under way is still that of a smaller limit: another round tells.
  if (was_climbing && !climbing_) return;
  if (in_demand && !climbing_ &&
      (searched_ == Time::min() || now - searched_ > kSearchEvery)) {
    Try(Trial::kSearch, limit_ / 2, mean);
  } else if (slower) {
    // As many as there would be without waiting for each other.
    const double as_least = limit_ * static_cast<double>(least_.count()) /
                            static_cast<double>(mean.count());
    Try(Trial::kShrunk, std::max(limit_ / 2, static_cast<int>(as_least)), mean);
  } else if (in_demand && !climbing_ && 4 * mean <= 5 * least_) {
    limit_ = std::min(kMost, limit_ + std::max(1, limit_ / 16));
  }
}

void UploadLimit::Try(Trial trial, int limit, nanoseconds mean) {
  trial_ = trial;
  limit_before_ = limit_;
  mean_before_ = mean;
  limit_ = std::max(kLeast, limit);
}

void UploadLimit::BeginRound(Time now) {
  round_began_ = now;
  round_count_ = 0;
  round_in_demand_ = 0;
  round_took_ = nanoseconds{0};
}

}  // namespace ocelli
