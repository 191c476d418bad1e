#include "cache/compute_leases.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cache/redis_key.h"
#include "cache/test_redis_cache.h"
#include "cache/test_results.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One machine's leases.
struct Machine {
  explicit Machine(const ComputeLeaseOptions& options = {})
      : redis(OpenTestRedis(SharedRedisServer().url())),
        leases(MakeRedisComputeLeases(*redis, options, &metrics)) {}

  std::unique_ptr<ComputeLeases::Lease> Claim(int n) const {
    auto claimed = leases->Claim(TestKey(n));
    EXPECT_TRUE(claimed) << claimed.error().message;
    return claimed ? std::move(*claimed) : nullptr;
  }

  MetricsRegistry metrics;
  std::unique_ptr<RedisClient> redis;
  std::unique_ptr<ComputeLeases> leases;
};

class RedisComputeLeasesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(SharedRedisServer().Run({"FLUSHALL"})); }
  static std::int64_t MillisecondsLeft(int n) {
    return SharedRedisServer()
        .Run({"PTTL", RedisKeyOf("ocelli:l:", TestKey(n))})
        ->integer;
  }
};

TEST_F(RedisComputeLeasesTest, OneHoldsAKeyUntilItLetsGo) {
  const Machine a, b;
  auto held = a.Claim(1);
  ASSERT_TRUE(held);
  EXPECT_FALSE(b.Claim(1));
  EXPECT_FALSE(a.Claim(1));
  EXPECT_TRUE(b.Claim(2));
  held.reset();
  EXPECT_TRUE(b.Claim(1));
}

TEST_F(RedisComputeLeasesTest, OfManyOneGetsIt) {
  constexpr int kThreads = 16;
  const Machine a, b;
  std::atomic<int> got = 0;
  std::vector<std::unique_ptr<ComputeLeases::Lease>> held(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      auto& mine = held[static_cast<std::size_t>(t)];
      mine = (t % 2 == 0 ? a : b).Claim(1);
      if (mine) ++got;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(got, 1);
}

TEST_F(RedisComputeLeasesTest, ALeaseIsRenewedWhileItIsHeld) {
  const Machine a({.ttl = seconds(2)});
  const auto held = a.Claim(1);
  ASSERT_TRUE(held);
  std::int64_t last = MillisecondsLeft(1);
  EXPECT_LE(last, 2000);
  EXPECT_TRUE(EventuallyTrue([&] {
    const std::int64_t left = MillisecondsLeft(1);
    return left > std::exchange(last, left);
  }));
}

TEST_F(RedisComputeLeasesTest, ALeaseThatRedisForgotIsTakenAgain) {
  const Machine a({.ttl = seconds(1)});
  const auto held = a.Claim(1);
  ASSERT_TRUE(SharedRedisServer().Run({"FLUSHALL"}));
  EXPECT_TRUE(EventuallyTrue([] { return MillisecondsLeft(1) > 0; }));
}

TEST_F(RedisComputeLeasesTest, WhoLostItsLeaseEndsNobodyElses) {
  const Machine a, b;
  auto lost = a.Claim(1);
  ASSERT_TRUE(SharedRedisServer().Run({"FLUSHALL"}));
  const auto held = b.Claim(1);
  ASSERT_TRUE(held);
  lost.reset();
  EXPECT_GT(MillisecondsLeft(1), 0);
}

TEST_F(RedisComputeLeasesTest, AReleaseWakesWhoWatches) {
  // Only a message can end these waits in time.
  const ComputeLeaseOptions options{.poll = seconds(300)};
  const Machine a(options), b(options);
  for (int n = 0; n < 20; ++n) {
    auto held = a.Claim(n);
    const auto watch = b.leases->WatchFor(TestKey(n));
    ASSERT_FALSE(b.Claim(n));
    std::thread waiting([&] {
      while (!b.Claim(n)) watch->Wait({});
    });
    held.reset();
    waiting.join();
  }
}

TEST_F(RedisComputeLeasesTest, AWatchLooksByItselfToo) {
  const Machine a({.poll = milliseconds(1)});
  a.leases->WatchFor(TestKey(1))->Wait({});
}

TEST_F(RedisComputeLeasesTest, WhatIsNoLeaseHoldsNobodyUp) {
  const Machine a;
  const std::string name = RedisKeyOf("ocelli:l:", TestKey(1));
  for (const std::vector<std::string>& write :
       {std::vector<std::string>{"SET", name, "without an end"},
        {"RPUSH", name, "a", "list"},
        {"SETRANGE", name, "1000000", "x"}}) {
    ASSERT_TRUE(SharedRedisServer().Run(write));
    EXPECT_TRUE(a.Claim(1)) << write[0];
  }
}

TEST(RedisComputeLeases, WithoutRedisAClaimIsAnErrorAndALeaseEnds) {
  RedisServer server;
  const auto redis = OpenTestRedis(server.url());
  const auto leases = MakeRedisComputeLeases(*redis, {.ttl = seconds(1)});
  auto held = leases->Claim(TestKey(1)).value();
  const auto watch = leases->WatchFor(TestKey(1));
  server.Kill();
  EXPECT_EQ(leases->Claim(TestKey(2)).error().code, ErrorCode::kUnavailable);
  watch->Wait({});
  held.reset();
}

}  // namespace
}  // namespace ocelli
