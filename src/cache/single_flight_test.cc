#include "cache/single_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <latch>
#include <thread>
#include <vector>

#include "core/work_scope.h"

namespace ocelli {
namespace {

ResultKey Key(int n) { return {Sha256(std::to_string(n)), Sha256("models")}; }

void InThreads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) threads.emplace_back(work, t);
  for (auto& thread : threads) thread.join();
}

TEST(SingleFlight, EveryKeyIsComputedExactlyOnce) {
  constexpr int kThreads = 100, kKeys = 1000;
  const auto cache = MakeMemoryCache({});
  SingleFlight flight(cache.get());
  std::array<std::atomic<int>, kKeys> computed{};
  std::vector<ResultKey> keys;
  for (int n = 0; n < kKeys; ++n) keys.push_back(Key(n));
  std::atomic<int> wrong = 0, not_cached = 0;
  InThreads(kThreads, [&](int t) {
    for (int i = 0; i < kKeys; ++i) {
      // Half walk together and meet, half start elsewhere.
      const auto n = static_cast<std::size_t>((i + (t % 2) * t * 10) % kKeys);
      auto answer = flight.GetOrCompute(keys[n], [&]() -> Result<std::string> {
        ++computed[n];
        return "value " + std::to_string(n);
      });
      if (!answer || answer->value != "value " + std::to_string(n)) ++wrong;
      if (answer && !answer->cached) ++not_cached;
    }
  });
  for (const auto& count : computed) ASSERT_EQ(count, 1);
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(not_cached, kKeys);
  EXPECT_EQ(flight.cache_failures(), 0u);
}

TEST(SingleFlight, CallsAtTheSameTimeShareOneComputationWithoutACache) {
  constexpr int kThreads = 8;
  SingleFlight flight(nullptr);
  std::atomic<int> computed = 0;
  std::latch started(kThreads);
  InThreads(kThreads, [&](int) {
    started.arrive_and_wait();
    auto answer = flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
      return std::to_string(++computed);
    });
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->cached);
  });
  EXPECT_GE(computed, 1);
  // Nothing is kept.
  const int before = computed;
  ASSERT_TRUE(flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
    return std::to_string(++computed);
  }));
  EXPECT_EQ(computed, before + 1);
}

TEST(SingleFlight, AnErrorIsNotKept) {
  const auto cache = MakeMemoryCache({});
  SingleFlight flight(cache.get());
  auto failed = flight.GetOrCompute(Key(1), []() -> Result<std::string> {
    return Fail(ErrorCode::kInvalidArgument, "no picture");
  });
  EXPECT_EQ(failed.error().message, "no picture");
  auto answer = flight.GetOrCompute(
      Key(1), []() -> Result<std::string> { return "fine"; });
  EXPECT_EQ(answer->value, "fine");
  EXPECT_FALSE(answer->cached);
  answer = flight.GetOrCompute(Key(1),
                               []() -> Result<std::string> { return "other"; });
  EXPECT_EQ(answer->value, "fine");
  EXPECT_TRUE(answer->cached);
}

TEST(SingleFlight, AComputationMayAskForItsOwnKey) {
  SingleFlight flight(nullptr);
  auto answer = flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
    auto inner = flight.GetOrCompute(
        Key(1), []() -> Result<std::string> { return "inner"; });
    return inner->value + " and outer";
  });
  EXPECT_EQ(answer->value, "inner and outer");
}

TEST(SingleFlight, TwoThatAskForEachOthersKeyBothGetAnAnswer) {
  SingleFlight flight(nullptr);
  std::barrier both(2);
  InThreads(2, [&](int t) {
    auto answer = flight.GetOrCompute(Key(t), [&]() -> Result<std::string> {
      both.arrive_and_wait();
      auto inner = flight.GetOrCompute(
          Key(1 - t), []() -> Result<std::string> { return "inner"; });
      return inner->value;
    });
    EXPECT_THAT(answer->value, "inner");
  });
}

void AwaitWaiting(const SingleFlight& flight, std::size_t count) {
  while (flight.waiting() != count) std::this_thread::yield();
}

TEST(SingleFlight, WhereTheOneWhoComputesIsCancelledAnotherTakesOver) {
  constexpr int kOthers = 5;
  const auto cache = MakeMemoryCache({});
  SingleFlight flight(cache.get());
  std::atomic<int> computed = 0;
  std::vector<std::thread> others;
  const auto cancelled =
      flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
        for (int t = 0; t < kOthers; ++t) {
          others.emplace_back([&] {
            const auto answer =
                flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
                  ++computed;
                  return "value";
                });
            ASSERT_TRUE(answer) << answer.error().message;
            EXPECT_EQ(answer->value, "value");
          });
        }
        AwaitWaiting(flight, kOthers);
        return Fail(ErrorCode::kCancelled, "gave up");
      });
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  for (auto& other : others) other.join();
  EXPECT_EQ(computed, 1);
}

TEST(SingleFlight, WhoIsStoppedWhileWaitingLeavesAndTheOthersGetTheAnswer) {
  SingleFlight flight(nullptr);
  const auto none = []() -> Result<std::string> {
    ADD_FAILURE() << "somebody computes already";
    return "";
  };
  std::thread patient;
  const auto answer = flight.GetOrCompute(Key(1), [&]() -> Result<std::string> {
    std::stop_source stop;
    std::thread impatient([&] {
      const WorkScope scope("impatient", stop.get_token());
      EXPECT_EQ(flight.GetOrCompute(Key(1), none).error().code,
                ErrorCode::kCancelled);
    });
    patient = std::thread(
        [&] { EXPECT_EQ(flight.GetOrCompute(Key(1), none)->value, "value"); });
    AwaitWaiting(flight, 2);
    stop.request_stop();
    impatient.join();
    EXPECT_EQ(flight.waiting(), 1u);
    return "value";
  });
  patient.join();
  EXPECT_EQ(answer->value, "value");
}

class BrokenCache final : public ResultCache {
 public:
  Result<std::optional<std::string>> Get(const ResultKey&) override {
    return Fail(ErrorCode::kUnavailable, "locked");
  }
  Result<> Put(const ResultKey&, std::string) override {
    return Fail(ErrorCode::kResourceExhausted, "full");
  }
  Result<CacheStats> Stats() override { return CacheStats(); }
  Result<std::uint64_t> Purge() override { return 0; }
};

TEST(SingleFlight, ABrokenCacheIsCountedLoggedOnceAndInNobodysWay) {
  BrokenCache cache;
  SingleFlight flight(&cache);
  testing::internal::CaptureStderr();
  for (int n = 0; n < 5; ++n) {
    auto answer = flight.GetOrCompute(
        Key(n), []() -> Result<std::string> { return "value"; });
    EXPECT_EQ(answer->value, "value");
    EXPECT_FALSE(answer->cached);
  }
  EXPECT_EQ(flight.cache_failures(), 10u);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

}  // namespace
}  // namespace ocelli
