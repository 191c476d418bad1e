#pragma once

#include <chrono>

#include "archive/upload_budget.h"

namespace ocelli {

// How many uploads at a time are worth it. It begins with kFirst, grows while
// all of it is used and answers don't become slower for it, and shrinks when
// they do (as TCP Vegas), when the store has too much to do, and to a few that
// try whether it is back when all fail. Not thread-safe.
class UploadLimit {
 public:
  static constexpr int kFirst = 64, kLeast = 2, kMost = 256;
  // While all fail.
  static constexpr int kProbes = 8;

  // `fixed` > 0: that, always.
  explicit UploadLimit(int fixed);

  int now() const { return limit_; }

  // An upload ended. `in_demand`: more would be under way if they might.
  void Learn(UploadOutcome outcome, std::chrono::steady_clock::time_point now,
             std::chrono::nanoseconds took, bool in_demand);

 private:
  using Time = std::chrono::steady_clock::time_point;
  // Whether a smaller limit made answers faster is seen a round later.
  enum class Trial { kNone, kShrunk, kSearch };

  void LearnStored(Time now, std::chrono::nanoseconds took, bool in_demand);
  void LearnFailed();
  void EndRound(Time now, std::chrono::nanoseconds mean, bool in_demand);
  void Try(Trial trial, int limit, std::chrono::nanoseconds mean);
  void BeginRound(Time now);

  bool fixed_;
  int limit_;
  bool climbing_ = true;    // Doubles each round, as slow start does.
  int failures_ = 0;        // Since the last success.
  int restore_to_ = 0;      // What it was before all failed; 0: they don't.
  Time cut_ = Time::min();  // When the store had too much to do.

  // A round: uploads that began after it did.
  Time round_began_ = Time::min();
  int round_count_ = 0, round_in_demand_ = 0;
  std::chrono::nanoseconds round_took_{0};
  std::chrono::nanoseconds least_{0};  // Mean of a round; 0: none yet.

  Trial trial_ = Trial::kNone;
  int limit_before_ = 0;
  std::chrono::nanoseconds mean_before_{0};
  Time searched_ = Time::min();
};

}  // namespace ocelli
