#include "core/fair_slots.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/check.h"
#include "core/work_scope.h"

namespace ocelli {
namespace {

using std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// How far behind others a client can be for what it held before.
constexpr nanoseconds kMemory = std::chrono::seconds(10);
// Clients who neither hold nor wait and are remembered.
constexpr std::size_t kMostAbsent = 1000;

// Not std::thread::id, which is given anew once a thread has ended; its slot
// may be held on by another.
using ThreadNumber = std::uint64_t;

ThreadNumber ThisThread() {
  static std::atomic<ThreadNumber> last = 0;
  static thread_local const ThreadNumber number = ++last;
  return number;
}

struct Waiter;

// What a client has had.
struct Account {
  // Time of slots held, up to `charged`, on a scale that all clients share: who
  // comes anew begins where the one with the least is.
  nanoseconds had{0};
  TimePoint charged;
  int held = 0;
  std::deque<Waiter*> waiters;
  std::size_t place = 0;  // Among the present.

  bool present() const { return held > 0 || !waiters.empty(); }
  nanoseconds HadBy(TimePoint now) const {
    return had + held * nanoseconds(now - charged);
  }
  void ChargeTo(TimePoint now) {
    had = HadBy(now);
    charged = now;
  }
};

struct Waiter {
  Account* account;
  std::uint64_t number;  // In the order of coming.
  ThreadNumber thread;
  std::condition_variable_any changed;
  bool granted = false;
};

// A thread with a slot, and how many times it has it.
struct Holder {
  ThreadNumber thread;
  Account* account;
  int depth;
};

}  // namespace

struct FairSlots::State {
  const int slots;
  const Clock& clock;
  std::mutex mutex;
  // Guarded by mutex. A slot is free only where nobody waits.
  std::unordered_map<std::string, Account> accounts;
  std::vector<Account*> present;
  std::vector<Holder> holders;
  nanoseconds least{0};  // Where who comes anew begins; only grows.
  std::size_t waiting = 0;
  std::uint64_t arrivals = 0;
  FairSlotsUse use;

  State(int count, const Clock& time) : slots(count), clock(time) {}

  auto HolderOf(ThreadNumber thread) {
    return std::find_if(
        holders.begin(), holders.end(),
        [&](const Holder& holder) { return holder.thread == thread; });
  }

  Account& Arrive(const std::string& client, TimePoint now);
  void LeaveIfDone(Account& account, TimePoint now);
  void ForgetTheAbsent();
  void Grant(Account& account, ThreadNumber thread, TimePoint now);
  void LetIn(TimePoint now);
  void Release(ThreadNumber thread);
  bool Wait(Account& account, std::unique_lock<std::mutex>& lock,
            const std::stop_token& stop, TimePoint now);
};

// The client's account, among the present.
Account& FairSlots::State::Arrive(const std::string& client, TimePoint now) {
  Account& account = accounts[client];
  if (account.present()) return account;
  if (!present.empty()) {
    nanoseconds now_least = nanoseconds::max();
    for (const Account* other : present) {
      now_least = std::min(now_least, other->HadBy(now));
    }
    least = std::max(least, now_least);
  }
  account.had = std::clamp(account.had, least, least + kMemory);
  account.charged = now;
  account.place = present.size();
  present.push_back(&account);
  return account;
}

void FairSlots::State::LeaveIfDone(Account& account, TimePoint now) {
  if (account.present()) return;
  account.ChargeTo(now);
  present[account.place] = present.back();
  present[account.place]->place = account.place;
  present.pop_back();
  if (present.empty()) least = std::max(least, account.had);
  if (accounts.size() > present.size() + kMostAbsent) ForgetTheAbsent();
}

void FairSlots::State::ForgetTheAbsent() {
  std::erase_if(accounts,
                [](const auto& entry) { return !entry.second.present(); });
}

void FairSlots::State::Grant(Account& account, ThreadNumber thread,
                             TimePoint now) {
  account.ChargeTo(now);
  ++account.held;
  holders.push_back({thread, &account, 1});
  ++use.taken;
}

// Gives what is free to those who wait.
void FairSlots::State::LetIn(TimePoint now) {
  while (waiting > 0 && holders.size() < static_cast<std::size_t>(slots)) {
    Account* next = nullptr;
    const auto rank = [&](const Account& account) {
      return std::tuple(account.HadBy(now), account.held,
                        account.waiters.front()->number);
    };
    for (Account* account : present) {
      if (account->waiters.empty()) continue;
      if (!next || rank(*account) < rank(*next)) next = account;
    }
    Waiter& waiter = *next->waiters.front();
    next->waiters.pop_front();
    --waiting;
    Grant(*next, waiter.thread, now);
    waiter.granted = true;
    waiter.changed.notify_one();
  }
}

void FairSlots::State::Release(ThreadNumber thread) {
  const std::lock_guard lock(mutex);
  const auto holder = HolderOf(thread);
  OCELLI_CHECK(holder != holders.end());
  if (--holder->depth > 0) return;
  const TimePoint now = clock.MonotonicTime();
  Account& account = *holder->account;
  account.ChargeTo(now);
  --account.held;
  *holder = holders.back();
  holders.pop_back();
  LetIn(now);
  LeaveIfDone(account, now);
}

// False once `stop` is requested.
bool FairSlots::State::Wait(Account& account,
                            std::unique_lock<std::mutex>& lock,
                            const std::stop_token& stop, TimePoint now) {
  Waiter waiter{&account, ++arrivals, ThisThread(), {}, false};
  account.waiters.push_back(&waiter);
  ++waiting;
  ++use.waited;
  waiter.changed.wait(lock, stop, [&] { return waiter.granted; });
  const TimePoint then = clock.MonotonicTime();
  use.waiting += then - now;
  if (waiter.granted) return true;
  std::erase(account.waiters, &waiter);
  --waiting;
  LeaveIfDone(account, then);
  return false;
}

struct FairSlots::Slot::Held {
  State& state;
  const ThreadNumber thread;

  ~Held() { state.Release(thread); }
};

FairSlots::Slot::Slot(std::unique_ptr<Held> held) : held_(std::move(held)) {}
FairSlots::Slot::Slot(Slot&& other) noexcept = default;
FairSlots::Slot::~Slot() = default;

FairSlots::FairSlots(int slots, const Clock& clock)
    : state_(std::make_unique<State>(std::max(slots, 1), clock)) {}

FairSlots::~FairSlots() { OCELLI_CHECK(taken() == 0 && waiting() == 0); }

Result<FairSlots::Slot> FairSlots::Take() {
  const auto cancelled = [] {
    return Fail(ErrorCode::kCancelled, "nobody waits for it any more");
  };
  const std::stop_token stop = WorkScope::stop();
  const ThreadNumber thread = ThisThread();
  State& state = *state_;
  auto held = [&] {
    return Slot(std::unique_ptr<Slot::Held>(new Slot::Held{state, thread}));
  };
  std::unique_lock lock(state.mutex);
  if (stop.stop_requested()) {
    ++state.use.cancelled;
    return cancelled();
  }
  if (const auto holder = state.HolderOf(thread);
      holder != state.holders.end()) {
    ++holder->depth;
    return held();
  }
  const TimePoint now = state.clock.MonotonicTime();
  Account& account = state.Arrive(WorkScope::client(), now);
  if (state.holders.size() < static_cast<std::size_t>(state.slots)) {
    state.Grant(account, thread, now);
    return held();
  }
  if (state.Wait(account, lock, stop, now)) return held();
  ++state.use.cancelled;
  return cancelled();
}

Result<std::optional<FairSlots::Slot>> TakeSlot(FairSlots* slots) {
  if (!slots) return std::nullopt;
  auto slot = slots->Take();
  if (!slot) return slot.Failure();
  return std::optional(std::move(*slot));
}

int FairSlots::slots() const { return state_->slots; }

std::size_t FairSlots::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting;
}

std::size_t FairSlots::taken() const {
  const std::lock_guard lock(state_->mutex);
  return state_->holders.size();
}

FairSlotsUse FairSlots::use() const {
  const std::lock_guard lock(state_->mutex);
  return state_->use;
}

}  // namespace ocelli
