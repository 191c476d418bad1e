#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "core/clock.h"

namespace ocelli {

// How many uploads may be under way at a time in this process, shared fairly by
// its archives: a slot goes to who has the fewest of those that want one.
//
// Without a fixed number it finds its own: it begins with kFirst, grows while
// all of it is used and answers don't become slower for it, and shrinks when
// they do (TCP Vegas) or the store says it has too much to do. Thread-safe.
class UploadBudget {
 public:
  static constexpr int kFirst = 64, kLeast = 2, kMost = 256;

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
    // A slot, or false; then `on_free` is called when it is worth asking again.
    virtual bool TryTake() = 0;
    enum class Outcome { kStored, kSlowDown, kFailed, kNotTried };
    virtual void Return(Outcome outcome, std::chrono::nanoseconds took,
                        std::uint64_t bytes) = 0;
  };
  // `on_free` is called from any thread and must not wait nor ask itself.
  std::unique_ptr<Share> AddShare(std::function<void()> on_free);

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with its shares.
};

}  // namespace ocelli
