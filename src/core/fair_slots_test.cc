#include "core/fair_slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/work_scope.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Stands still until told, by any thread.
class SharedClock final : public Clock {
 public:
  std::chrono::system_clock::time_point WallTime() const override {
    return std::chrono::system_clock::time_point(since_.load());
  }
  std::chrono::steady_clock::time_point MonotonicTime() const override {
    return std::chrono::steady_clock::time_point(since_.load());
  }
  void Advance(std::chrono::nanoseconds by) { since_ = since_.load() + by; }

 private:
  std::atomic<std::chrono::nanoseconds> since_{seconds(1000)};
};

class FairSlotsTest : public testing::Test {
 protected:
  FairSlots::Slot TakeFor(const std::string& client) {
    const WorkScope scope(client, {});
    return slots_.Take().value();
  }
  // Holds a slot for as long, with nobody in the way.
  void Use(const std::string& client, std::chrono::nanoseconds time) {
    const auto slot = TakeFor(client);
    clock_.Advance(time);
  }
  // A thread of `client` that waits, and holds what it gets for as long.
  void Queue(const std::string& client, std::chrono::nanoseconds time) {
    const std::size_t before = slots_.waiting();
    waiters_.emplace_back([this, client, time] {
      const auto slot = TakeFor(client);
      order_ += client;
      clock_.Advance(time);
    });
    AwaitWaiting(before + 1);
  }
  void AwaitWaiting(std::size_t count) {
    while (slots_.waiting() != count) std::this_thread::yield();
  }
  // Who got a slot, in that order.
  std::string Order() {
    for (auto& waiter : waiters_) waiter.join();
    return order_;
  }

  SharedClock clock_;
  FairSlots slots_{1, clock_};
  std::deque<std::thread> waiters_;
  std::string order_;  // Guarded by the slot.
};

TEST_F(FairSlotsTest, ManyThreadsOfOneClientGetNoMoreThanOneOfAnother) {
  {
    const auto busy = TakeFor("-");
    for (int i = 0; i < 5; ++i) Queue("A", milliseconds(1));
    Queue("B", milliseconds(1));
    Queue("B", milliseconds(1));
    Queue("C", milliseconds(1));
  }
  EXPECT_EQ(Order(), "ABCABAAA");
}

TEST_F(FairSlotsTest, TimeCountsNotTurns) {
  {
    const auto busy = TakeFor("-");
    for (int i = 0; i < 3; ++i) Queue("A", milliseconds(30));
    for (int i = 0; i < 7; ++i) Queue("B", milliseconds(10));
  }
  EXPECT_EQ(Order(), "ABBBABBBAB");
}

TEST_F(FairSlotsTest, WhoWasAwayGainsNothingByIt) {
  for (int i = 0; i < 100; ++i) Use("A", milliseconds(10));
  {
    const auto busy = TakeFor("-");
    for (int i = 0; i < 3; ++i) Queue("A", milliseconds(10));
    for (int i = 0; i < 3; ++i) Queue("B", milliseconds(10));
  }
  EXPECT_EQ(Order(), "ABABAB");
}

TEST(FairSlots, WhatWasHeldLongAgoIsForgotten) {
  SharedClock clock;
  FairSlots slots(4, clock);
  // Slots of many threads in one place: each is given back from here.
  const auto hold = [&](const std::string& client) {
    std::unique_ptr<FairSlots::Slot> slot;
    std::thread([&] {
      const WorkScope scope(client, {});
      slot = std::make_unique<FairSlots::Slot>(slots.Take().value());
    }).join();
    return slot;
  };
  std::vector<std::unique_ptr<FairSlots::Slot>> of_b;
  of_b.push_back(hold("B"));
  {
    const auto one = hold("A"), two = hold("A"), three = hold("A");
    clock.Advance(std::chrono::hours(1));
  }
  for (int i = 0; i < 3; ++i) of_b.push_back(hold("B"));
  std::mutex mutex;
  std::string order;
  std::vector<std::thread> waiters;
  const auto queue = [&](const std::string& client) {
    const std::size_t before = slots.waiting();
    waiters.emplace_back([&, client] {
      const WorkScope scope(client, {});
      const auto slot = slots.Take().value();
      const std::lock_guard lock(mutex);
      order += client;
    });
    while (slots.waiting() != before + 1) std::this_thread::yield();
  };
  queue("B");
  queue("A");
  // B has four slots, so has had more than A's ten seconds more by then.
  clock.Advance(seconds(3));
  of_b.pop_back();
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(order, "AB");
}

TEST_F(FairSlotsTest, WhoIsStoppedWhileWaitingLeavesAtOnce) {
  const auto busy = TakeFor("-");
  std::stop_source stop;
  std::thread waiter([&] {
    const WorkScope scope("A", stop.get_token());
    EXPECT_EQ(slots_.Take().error().code, ErrorCode::kCancelled);
  });
  AwaitWaiting(1);
  stop.request_stop();
  waiter.join();
  EXPECT_EQ(slots_.waiting(), 0u);
  EXPECT_EQ(slots_.taken(), 1u);
  EXPECT_EQ(slots_.use().cancelled, 1u);
}

TEST_F(FairSlotsTest, WhoIsStoppedBeforehandGetsNone) {
  std::stop_source stop;
  stop.request_stop();
  const WorkScope scope("A", stop.get_token());
  EXPECT_EQ(slots_.Take().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(slots_.taken(), 0u);
}

TEST_F(FairSlotsTest, WhoHoldsOneGetsMoreAtOnceAndKeepsItUntilTheLast) {
  auto outer = std::make_unique<FairSlots::Slot>(TakeFor("A"));
  {
    const auto inner = TakeFor("A");
    EXPECT_EQ(slots_.taken(), 1u);
    outer.reset();
    EXPECT_EQ(slots_.taken(), 1u);
  }
  EXPECT_EQ(slots_.taken(), 0u);
}

TEST_F(FairSlotsTest, ASlotMayBeGivenBackByAnotherThread) {
  std::thread([slot = TakeFor("A")] {}).join();
  EXPECT_EQ(slots_.taken(), 0u);
  Use("B", milliseconds(1));
}

TEST_F(FairSlotsTest, SaysWhatItWasUsedFor) {
  Use("A", milliseconds(1));
  {
    const auto busy = TakeFor("-");
    Queue("A", {});
    Queue("B", {});
    clock_.Advance(milliseconds(7));
  }
  Order();
  const FairSlotsUse use = slots_.use();
  EXPECT_EQ(use.taken, 4u);
  EXPECT_EQ(use.waited, 2u);
  EXPECT_EQ(use.cancelled, 0u);
  EXPECT_EQ(use.waiting, milliseconds(14));
}

TEST_F(FairSlotsTest, FewerThanOneSlotIsOne) {
  EXPECT_EQ(FairSlots(0).slots(), 1);
}

TEST(FairSlots, NoneIsLostAmongManyThreadsThatComeAndGiveUp) {
  constexpr int kSlots = 3, kThreads = 16, kRounds = 400;
  FairSlots slots(kSlots);
  std::atomic<int> inside = 0, most = 0, got = 0, gave_up = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        std::stop_source stop;
        std::thread stopper;
        if (i % 20 == t) stopper = std::thread([&] { stop.request_stop(); });
        const WorkScope scope("client " + std::to_string((t * i) % 50),
                              stop.get_token());
        if (const auto slot = slots.Take()) {
          const int now = ++inside;
          for (int seen = most; seen < now;) {
            if (most.compare_exchange_weak(seen, now)) break;
          }
          std::this_thread::yield();
          --inside;
          ++got;
        } else {
          ++gave_up;
        }
        if (stopper.joinable()) stopper.join();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(got + gave_up, kThreads * kRounds);
  EXPECT_LE(most, kSlots);
  EXPECT_EQ(slots.taken(), 0u);
  EXPECT_EQ(slots.waiting(), 0u);
  EXPECT_EQ(slots.use().taken, static_cast<std::uint64_t>(got));
}

TEST(FairSlots, ManyClientsWhoCameOnceAreNotInItsWay) {
  FairSlots slots(1);
  for (int i = 0; i < 5000; ++i) {
    const WorkScope scope("client " + std::to_string(i), {});
    ASSERT_TRUE(slots.Take());
  }
  EXPECT_EQ(slots.use().taken, 5000u);
}

}  // namespace
}  // namespace ocelli
