#include "archive/upload_budget.h"

#include <algorithm>
#include <cstdint>
#include <list>
#include <mutex>
#include <utility>

#include "archive/upload_limit.h"

namespace ocelli {

struct UploadBudget::State {
  struct Wish {
    std::function<void()> on_free;
    int taken = 0;
    int kept = 0;     // Free, but its own.
    int missing = 0;  // Wanted, neither taken nor kept.
    std::uint64_t served = 0;
  };

  State(int parallel, const Clock& clock_in)
      : clock(clock_in), limit(parallel) {}

  // Keeps free slots for those who want them.
  void Distribute(const Wish* asking) {
    while (used < limit.now()) {
      Wish* next = nullptr;
      for (Wish& wish : wishes) {
        if (wish.missing == 0) continue;
        const auto rank = [](const Wish& of) {
          return std::pair(of.taken + of.kept, of.served);
        };
        if (next == nullptr || rank(wish) < rank(*next)) next = &wish;
      }
      if (next == nullptr) return;
      --next->missing;
      ++used;
      next->served = ++turns;
      if (next->kept++ == 0 && next != asking) next->on_free();
    }
  }

  const Clock& clock;
  std::mutex mutex;
  UploadLimit limit;
  int used = 0;  // Taken or kept.
  std::uint64_t turns = 0;
  std::list<Wish> wishes;
};

class UploadBudget::Part final : public UploadBudget::Share {
 public:
  Part(std::shared_ptr<State> state, std::function<void()> on_free)
      : state_(std::move(state)) {
    const std::lock_guard lock(state_->mutex);
    wish_ = state_->wishes.insert(state_->wishes.end(), State::Wish{});
    wish_->on_free = std::move(on_free);
  }

  ~Part() override {
    const std::lock_guard lock(state_->mutex);
    state_->used -= wish_->taken + wish_->kept;
    state_->wishes.erase(wish_);
    state_->Distribute(nullptr);
  }

  int Take(int wanted) override {
    const std::lock_guard lock(state_->mutex);
    wish_->missing = std::max(0, wanted - wish_->kept);
    state_->Distribute(&*wish_);
    const int got = std::min(wanted, wish_->kept);
    state_->used -= wish_->kept - got;
    wish_->kept = 0;
    wish_->taken += got;
    state_->Distribute(&*wish_);
    return got;
  }

  void Return(Outcome outcome, std::chrono::nanoseconds took) override {
    const std::lock_guard lock(state_->mutex);
    const bool in_demand =
        std::any_of(state_->wishes.begin(), state_->wishes.end(),
                    [](const State::Wish& wish) { return wish.missing > 0; });
    --wish_->taken;
    --state_->used;
    state_->limit.Learn(outcome, state_->clock.MonotonicTime(), took,
                        in_demand);
    state_->Distribute(nullptr);
  }

 private:
  std::shared_ptr<State> state_;  // Shared with the budget and other shares.
  std::list<State::Wish>::iterator wish_;
};

UploadBudget::UploadBudget(int parallel, const Clock& clock)
    : state_(std::make_shared<State>(parallel, clock)) {}

UploadBudget::~UploadBudget() = default;

int UploadBudget::limit() const {
  const std::lock_guard lock(state_->mutex);
  return state_->limit.now();
}

int UploadBudget::in_flight() const {
  const std::lock_guard lock(state_->mutex);
  int taken = 0;
  for (const State::Wish& wish : state_->wishes) taken += wish.taken;
  return taken;
}

std::unique_ptr<UploadBudget::Share> UploadBudget::AddShare(
    std::function<void()> on_free) {
  return std::make_unique<Part>(state_, std::move(on_free));
}

}  // namespace ocelli
