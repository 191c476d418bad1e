#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "core/clock.h"

namespace ocelli {

enum class UploadOutcome { kStored, kSlowDown, kFailed, kNotTried };

// How many uploads may be under way at a time in this process, shared fairly by
// its archives: a slot goes to who has the fewest of those that want one.
//
// Without a fixed number it finds its own (UploadLimit). Thread-safe.
class UploadBudget {
 public:
  // `parallel` 0: its own.
  UploadBudget(int parallel, const Clock& clock);
  ~UploadBudget();
  UploadBudget(const UploadBudget&) = delete;
  UploadBudget& operator=(const UploadBudget&) = delete;

  int limit() const;      // Now.
  int in_flight() const;  // Slots taken.

  // One archive's part in it.
  class Share {
   public:
    virtual ~Share() = default;  // Its slots are free, no call comes after it.
    // Up to `wanted` slots. Where these are fewer, others are kept for it as
    // they come free, `on_free` is called, and the next call gets them. A wish
    // replaces the one before; what was kept beyond it goes to others.
    virtual int Take(int wanted) = 0;
    using Outcome = UploadOutcome;
    // One slot, used for an upload that took so long.
    virtual void Return(Outcome outcome, std::chrono::nanoseconds took) = 0;
  };
  // `on_free` is called from any thread and must not wait nor ask itself.
  std::unique_ptr<Share> AddShare(std::function<void()> on_free);

 private:
  struct State;
  class Part;
  std::shared_ptr<State> state_;  // Shared with its shares.
};

}  // namespace ocelli
