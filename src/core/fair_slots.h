#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/result.h"

namespace ocelli {

// So many may do something at a time. Who waits is let in fairly between
// clients (WorkScope): next is the one who held slots for the least time of
// late, whatever the number of their threads. Thread-safe.
class FairSlots {
 public:
  explicit FairSlots(int slots);
  ~FairSlots();
  FairSlots(const FairSlots&) = delete;
  FairSlots& operator=(const FairSlots&) = delete;

  // Gives the slot back when it goes.
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

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace ocelli
