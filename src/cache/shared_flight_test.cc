// Single flight between machines: each is a SingleFlight over a client of its
// own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <latch>
#include <thread>
#include <vector>

#include "cache/single_flight.h"
#include "cache/test_redis_cache.h"
#include "cache/test_results.h"
#include "core/work_scope.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

RedisOptions Impatient() {
  RedisOptions options;
  options.connect_timeout = milliseconds(500);
  options.answer_timeout = milliseconds(500);
  options.breaker_open = milliseconds(100);
  return options;
}

struct Machine {
  explicit Machine(const std::string& url,
                   const ComputeLeaseOptions& leases = {.ttl = seconds(60)},
                   const RedisOptions& redis = {})
      : cache(MakeRedisCacheWithMemory(OpenTestRedis(url, redis), {}, 64 << 20,
                                       &metrics, leases)),
        flight(cache.get(), cache->leases()) {}

  Result<SingleFlight::Answer> Get(int n, std::atomic<int>& computed) {
    return flight.GetOrCompute(TestKey(n), [&]() -> Result<std::string> {
      ++computed;
      return "value " + std::to_string(n);
    });
  }
  // How many now wait, or did, for another machine.
  bool Waited(int count) const {
    const std::string line = "ocelli_cache_lease_waits_total ";
    const std::string text = metrics.Text();
    const auto at = text.find("\n" + line);
    return at != text.npos &&
           std::stoi(text.substr(at + 1 + line.size())) >= count;
  }

  MetricsRegistry metrics;
  const std::unique_ptr<ResultCache> cache;
  SingleFlight flight;
};

using MakeUrl = std::string (*)();

class RedisSingleFlight : public testing::TestWithParam<MakeUrl> {
 protected:
  void SetUp() override { FlushTestRedis(*OpenTestRedis(url_)); }

  const std::string url_ = GetParam()();
};

INSTANTIATE_TEST_SUITE_P(Single, RedisSingleFlight, testing::Values([] {
                           return SharedRedisServer().url();
                         }));
INSTANTIATE_TEST_SUITE_P(Cluster, RedisSingleFlight, testing::Values([] {
                           return SharedRedisCluster().url();
                         }));

TEST_P(RedisSingleFlight, TwoMachinesOfAHundredThreadsComputeEachImageOnce) {
  constexpr int kThreads = 100, kKeys = 1000;
  std::array<Machine, 2> machines{Machine(url_), Machine(url_)};
  std::vector<std::atomic<int>> computed(kKeys);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2 * kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kKeys; ++i) {
        // Half walk together and meet, half start elsewhere.
        const int n = (i + (t / 2 % 2) * t * 5) % kKeys;
        const auto answer = machines[static_cast<std::size_t>(t % 2)].Get(
            n, computed[static_cast<std::size_t>(n)]);
        if (!answer || answer->value != "value " + std::to_string(n)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& count : computed) ASSERT_EQ(count, 1);
  for (const Machine& machine : machines) {
    EXPECT_EQ(machine.flight.cache_failures(), 0u);
  }
}

TEST_P(RedisSingleFlight, WhoeverWaitsGetsTheOthersValueByAMessage) {
  // Only a message can end the wait in time.
  const ComputeLeaseOptions leases{.ttl = seconds(300), .poll = seconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::atomic<int> computed = 0;
  std::thread waiting;
  const auto answer =
      a.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        waiting = std::thread([&] {
          const auto other = b.Get(1, computed);
          EXPECT_EQ(other->value, "from a");
          EXPECT_TRUE(other->cached);
        });
        EXPECT_TRUE(EventuallyTrue([&] { return b.Waited(1); }));
        return "from a";
      });
  EXPECT_FALSE(answer->cached);
  waiting.join();
  EXPECT_EQ(computed, 0);
}

TEST_P(RedisSingleFlight, AnErrorLetsAnotherMachineTryAtOnce) {
  const ComputeLeaseOptions leases{.ttl = seconds(300), .poll = seconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::atomic<int> computed = 0;
  std::thread waiting;
  const auto failed =
      a.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        waiting =
            std::thread([&] { EXPECT_FALSE(b.Get(1, computed)->cached); });
        EXPECT_TRUE(EventuallyTrue([&] { return b.Waited(1); }));
        return Fail(ErrorCode::kInvalidArgument, "no picture");
      });
  EXPECT_EQ(failed.error().message, "no picture");
  waiting.join();
  EXPECT_EQ(computed, 1);
}

TEST_P(RedisSingleFlight, ACancelledOwnerLetsAnotherMachineComputeAtOnce) {
  const ComputeLeaseOptions leases{.ttl = seconds(300), .poll = seconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::atomic<int> computed = 0;
  std::thread waiting;
  const auto cancelled =
      a.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        waiting = std::thread(
            [&] { EXPECT_EQ(b.Get(1, computed)->value, "value 1"); });
        EXPECT_TRUE(EventuallyTrue([&] { return b.Waited(1); }));
        return Fail(ErrorCode::kCancelled, "gave up");
      });
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  waiting.join();
  EXPECT_EQ(computed, 1);
}

TEST_P(RedisSingleFlight, WhoIsStoppedNoLongerWaitsForAnotherMachine) {
  const ComputeLeaseOptions leases{.ttl = seconds(300), .poll = seconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::atomic<int> computed = 0;
  const auto answer =
      a.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        std::stop_source stop;
        std::thread stopped([&] {
          const WorkScope scope("stopped", stop.get_token());
          EXPECT_EQ(b.Get(1, computed).error().code, ErrorCode::kCancelled);
        });
        EXPECT_TRUE(EventuallyTrue([&] { return b.Waited(1); }));
        stop.request_stop();
        stopped.join();
        return "value";
      });
  EXPECT_EQ(answer->value, "value");
  EXPECT_EQ(b.Get(1, computed)->value, "value");
  EXPECT_EQ(computed, 0);
}

// The other process of the next test.
constexpr char kOwnerOf[] = "OCELLI_TEST_LEASE_OWNER_OF";

TEST(RedisLeaseOwner, ComputesUntilItIsKilled) {
  const char* url = std::getenv(kOwnerOf);
  if (url == nullptr) GTEST_SKIP() << "only for the test after it";
  Machine machine(url, {.ttl = seconds(2)});
  static_cast<void>(
      machine.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        const auto redis = OpenTestRedis(url);
        EXPECT_TRUE(redis->Run({{"SET", "computing", "1"}}));
        while (true) pause();
      }));
}

TEST_P(RedisSingleFlight, AKilledOwnerIsReplacedByOneWaiter) {
  setenv(kOwnerOf, url_.c_str(), 1);
  TestProcess owner({"/proc/self/exe", "--gtest_filter=RedisLeaseOwner.*"},
                    "lease owner");
  unsetenv(kOwnerOf);
  const auto redis = OpenTestRedis(url_);
  ASSERT_TRUE(EventuallyTrue([&] {
    return redis->Run({{"EXISTS", "computing"}})->integer == 1;
  }));
  std::array<Machine, 3> machines{Machine(url_), Machine(url_), Machine(url_)};
  std::atomic<int> computed = 0;
  std::vector<std::thread> waiting;
  for (Machine& machine : machines) {
    for (int t = 0; t < 3; ++t) {
      waiting.emplace_back(
          [&] { EXPECT_EQ(machine.Get(1, computed)->value, "value 1"); });
    }
  }
  for (const Machine& machine : machines) {
    EXPECT_TRUE(EventuallyTrue([&] { return machine.Waited(1); }));
  }
  owner.Kill();
  for (auto& thread : waiting) thread.join();
  EXPECT_EQ(computed, 1);
}

TEST_P(RedisSingleFlight, MachinesThatWaitForEachOtherBothGetAnAnswer) {
  const ComputeLeaseOptions leases{.ttl = seconds(300),
                                   .poll = milliseconds(20),
                                   .longest_nested_wait = milliseconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::latch both(2);
  const auto run = [&](Machine& machine, int own, int others) {
    const auto answer =
        machine.flight.GetOrCompute(TestKey(own), [&]() -> Result<std::string> {
          both.arrive_and_wait();
          return machine.flight
              .GetOrCompute(TestKey(others),
                            []() -> Result<std::string> { return "inner"; })
              ->value;
        });
    EXPECT_EQ(answer->value, "inner");
  };
  std::thread other([&] { run(b, 2, 1); });
  run(a, 1, 2);
  other.join();
}

TEST_P(RedisSingleFlight, SoDoThoseThatWaitThroughThreadsOfTheirOwn) {
  const ComputeLeaseOptions leases{.ttl = seconds(300),
                                   .poll = milliseconds(20),
                                   .longest_nested_wait = milliseconds(300)};
  Machine a(url_, leases), b(url_, leases);
  std::latch both(2);
  // Computes its own key; a second thread of the machine waits for the other's,
  // and the computation for that thread.
  const auto run = [&](Machine& machine, int own, int others) {
    std::atomic<int> computed = 0;
    std::thread second;
    const auto answer =
        machine.flight.GetOrCompute(TestKey(own), [&]() -> Result<std::string> {
          both.arrive_and_wait();
          second =
              std::thread([&] { ASSERT_TRUE(machine.Get(others, computed)); });
          EXPECT_TRUE(EventuallyTrue([&] { return machine.Waited(1); }));
          return machine.Get(others, computed)->value;
        });
    // Whoever gave up first answered the other.
    EXPECT_THAT(answer->value, testing::AnyOf("value 1", "value 2"));
    second.join();
  };
  std::thread other([&] { run(b, 2, 1); });
  run(a, 1, 2);
  other.join();
}

TEST(RedisSingleFlightInTrouble, WithoutRedisEachComputesAndSaysSoOnce) {
  Machine machine("redis://127.0.0.1:1", {}, Impatient());
  testing::internal::CaptureStderr();
  std::atomic<int> computed = 0;
  for (int n = 0; n < 20; ++n) EXPECT_FALSE(machine.Get(n, computed)->cached);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(computed, 20);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_THAT(log, HasSubstr("127.0.0.1:1"));
  EXPECT_GE(machine.flight.cache_failures(), 20u);
}

TEST(RedisSingleFlightInTrouble, AFullRedisStopsNobody) {
  RedisServer server;
  Machine machine(server.url(), {}, Impatient());
  std::atomic<int> computed = 0;
  ASSERT_TRUE(machine.Get(0, computed));
  ASSERT_TRUE(server.Run({"CONFIG", "SET", "maxmemory", "1"}));
  testing::internal::CaptureStderr();
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(machine.Get(n, computed));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(computed, 10);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_GT(machine.flight.cache_failures(), 0u);
}

TEST(RedisSingleFlightInTrouble, AReplicaStopsNobody) {
  RedisServer server;
  ASSERT_TRUE(server.Run({"REPLICAOF", "127.0.0.1", "1"}));
  Machine machine(server.url(), {}, Impatient());
  std::atomic<int> computed = 0;
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(machine.Get(n, computed));
  EXPECT_EQ(computed, 10);
  EXPECT_GT(machine.flight.cache_failures(), 0u);
}

TEST(RedisSingleFlightInTrouble, APauseLongerThanTheLeaseEndsAndIsOvercome) {
  RedisServer server;
  const ComputeLeaseOptions leases{.ttl = milliseconds(300),
                                   .poll = milliseconds(50)};
  Machine a(server.url(), leases, Impatient());
  Machine b(server.url(), leases, Impatient());
  std::atomic<int> computed = 0;
  std::thread waiting;
  const auto answer =
      a.flight.GetOrCompute(TestKey(1), [&]() -> Result<std::string> {
        waiting = std::thread(
            [&] { EXPECT_EQ(b.Get(1, computed)->value, "value 1"); });
        EXPECT_TRUE(EventuallyTrue([&] { return b.Waited(1); }));
        server.Pause();
        // Who waits gives up on Redis and computes.
        waiting.join();
        EXPECT_EQ(computed, 1);
        EXPECT_FALSE(OpenTestRedis(server.url(), Impatient())->Check());
        server.Resume();
        ++computed;
        return "value 1";
      });
  EXPECT_EQ(answer->value, "value 1");
  EXPECT_GT(b.flight.cache_failures(), 0u);
  // Twice, as the header says; from now on once again.
  EXPECT_EQ(computed, 2);
  int n = 1;
  EXPECT_TRUE(EventuallyTrue([&] {
    ++n;
    return a.Get(n, computed) && b.Get(n, computed)->cached;
  }));
}

TEST(RedisSingleFlightInTrouble, AKilledRedisComesBackInTheMiddle) {
  constexpr int kKeys = 400, kThreads = 6;
  RedisServer server;
  const ComputeLeaseOptions leases{.ttl = seconds(10)};
  std::array<Machine, 2> machines{Machine(server.url(), leases, Impatient()),
                                  Machine(server.url(), leases, Impatient())};
  std::vector<std::atomic<int>> computed(kKeys);
  std::atomic<int> begun = 0, wrong = 0;
  std::latch killed(1);
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < 2 * kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kKeys; ++i) {
        const int n = (i + t / 2 * 50) % kKeys;
        if (++begun == 500) killed.count_down();
        const auto answer = machines[static_cast<std::size_t>(t % 2)].Get(
            n, computed[static_cast<std::size_t>(n)]);
        if (!answer || answer->value != "value " + std::to_string(n)) ++wrong;
      }
    });
  }
  killed.wait();
  server.Kill();
  server.Restart();
  for (auto& thread : threads) thread.join();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(wrong, 0);
  for (const auto& count : computed) {
    EXPECT_GE(count, 1);
    EXPECT_LE(count, 2);
  }
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 2) << log;
  std::atomic<int> more = 0;
  int n = kKeys;
  EXPECT_TRUE(EventuallyTrue([&] {
    ++n;
    return machines[0].Get(n, more) && machines[1].Get(n, more)->cached;
  }));
}

}  // namespace
}  // namespace ocelli
