#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/result.h"

namespace ocelli {

// What slots were used for since they are there.
struct FairSlotsUse {
  std::uint64_t taken = 0;   // Those had at once and those waited for.
  std::uint64_t waited = 0;  // Of those that asked: had to wait.
  std::uint64_t cancelled = 0;
  std::chrono::nanoseconds waiting{0};  // Of all who waited, together.
};

// So many may do something at a time. Who waits is let in fairly between
// clients (WorkScope): next is the one who held slots for the least time of
// late, whatever the number of their threads; of one client, who came first.
// Who was away gains nothing by it, and what somebody held longer than seconds
// ago is forgotten. Thread-safe.
class FairSlots {
 public:
  // `clock` outlives it. Slots are given back before it goes.
  explicit FairSlots(int slots, const Clock& clock = SystemClock());
  ~FairSlots();
  FairSlots(const FairSlots&) = delete;
  FairSlots& operator=(const FairSlots&) = delete;

  // Gives the slot back when it goes, on whatever thread.
  class Slot {
   public:
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    friend class FairSlots;
    struct Held;
    explicit Slot(std::unique_ptr<Held> held);
    std::unique_ptr<Held> held_;
  };

  // Waits for one, for this thread's WorkScope. kCancelled once its `stop` is
  // requested. A thread that holds a slot of these gets another at once: no
  // waiting for itself.
  Result<Slot> Take();

  int slots() const;
  std::size_t waiting() const;
  std::size_t taken() const;
  FairSlotsUse use() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Of `slots`, or none where there is no limit (null).
Result<std::optional<FairSlots::Slot>> TakeSlot(FairSlots* slots);

}  // namespace ocelli
