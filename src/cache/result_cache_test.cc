#include "cache/result_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "cache/test_redis_cache.h"
#include "cache/test_results.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Optional;

using MakeCache = std::unique_ptr<ResultCache> (*)(const TestFolder&,
                                                   const CacheOptions&,
                                                   const Clock&);

std::unique_ptr<ResultCache> Memory(const TestFolder&,
                                    const CacheOptions& options,
                                    const Clock& clock) {
  return MakeMemoryCache(options, clock);
}

std::unique_ptr<ResultCache> Sqlite(const TestFolder& folder,
                                    const CacheOptions& options,
                                    const Clock& clock) {
  return OpenSqliteCache(folder / "results.sqlite", options, clock).value();
}

std::unique_ptr<ResultCache> Layered(const TestFolder& folder,
                                     const CacheOptions& options,
                                     const Clock& clock) {
  // In front, room for one entry only: the back is asked too.
  return MakeLayeredCache(MakeMemoryCache({300, options.ttl}, clock),
                          Sqlite(folder, options, clock));
}

std::unique_ptr<ResultCache> Redis(const TestFolder&,
                                   const CacheOptions& options, const Clock&) {
  return MakeRedisCache(OpenTestRedis(SharedRedisServer().url()), options);
}

std::unique_ptr<ResultCache> RedisByCluster(const TestFolder&,
                                            const CacheOptions& options,
                                            const Clock&) {
  return MakeRedisCache(OpenTestRedis(SharedRedisCluster().url()), options);
}

std::unique_ptr<ResultCache> RedisWithMemory(const TestFolder&,
                                             const CacheOptions& options,
                                             const Clock& clock) {
  // In front, room for one entry only, as above.
  return MakeRedisCacheWithMemory(OpenTestRedis(SharedRedisServer().url()),
                                  options, 300, nullptr, {}, clock);
}

class ResultCacheContract : public testing::TestWithParam<MakeCache> {
 protected:
  void SetUp() override {
    if (GetParam() == MakeCache(RedisByCluster)) {
      redis_ = SharedRedisCluster().url();
    } else if (GetParam() == MakeCache(Redis) ||
               GetParam() == MakeCache(RedisWithMemory)) {
      redis_ = SharedRedisServer().url();
    }
    if (!redis_.empty()) FlushTestRedis(*OpenTestRedis(redis_));
  }

  std::unique_ptr<ResultCache> Make(const CacheOptions& options = {}) {
    return GetParam()(folder_, options, clock_);
  }
  void Advance(hours by) {
    clock_.Advance(by);
    if (!redis_.empty()) AgeTestRedis(redis_, by);
  }

  std::string redis_;  // Its URL, where it keeps the entries.
  TestFolder folder_;
  FixedClock clock_ = ClockAtNoon();
};

TEST_P(ResultCacheContract, GetReturnsTheLastPut) {
  const auto cache = Make();
  const std::string bytes("a\0\xff b", 5);
  ASSERT_TRUE(cache->Put(TestKey(1), "old"));
  ASSERT_TRUE(cache->Put(TestKey(1), bytes));
  ASSERT_TRUE(cache->Put(TestKey(2), ""));
  EXPECT_THAT(cache->Get(TestKey(1)).value(), Optional(bytes));
  EXPECT_THAT(cache->Get(TestKey(2)).value(), Optional(std::string()));
}

TEST_P(ResultCacheContract, BothHalvesOfAKeyCount) {
  const auto cache = Make();
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  EXPECT_EQ(cache->Get(TestKey(2)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(TestKey(1, "other models")).value(), std::nullopt);
}

TEST_P(ResultCacheContract, CountsHitsMissesAndBytes) {
  const auto cache = Make({.max_bytes = 100000});
  ASSERT_TRUE(cache->Put(TestKey(1), std::string(1000, 'x')));
  ASSERT_TRUE(cache->Put(TestKey(1), std::string(2000, 'x')));
  ASSERT_TRUE(cache->Get(TestKey(1)));
  ASSERT_TRUE(cache->Get(TestKey(1)));
  ASSERT_TRUE(cache->Get(TestKey(2)));
  const CacheStats stats = cache->Stats().value();
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.misses, 1u);
  EXPECT_EQ(stats.entries, 1u);
  EXPECT_GE(stats.bytes, 2000u);
  EXPECT_LT(stats.bytes, 3000u);
  EXPECT_EQ(stats.max_bytes, redis_.empty() ? 100000u : 0u);
}

TEST_P(ResultCacheContract, TheLeastRecentlyUsedGoFirst) {
  if (!redis_.empty()) GTEST_SKIP() << "Redis's maxmemory-policy decides";
  const auto cache = Make({.max_bytes = 4 * 1500});
  for (int n = 0; n < 4; ++n) {
    ASSERT_TRUE(cache->Put(TestKey(n), std::string(1000, 'x')));
    Advance(hours(2));
  }
  ASSERT_TRUE(cache->Get(TestKey(0)));
  Advance(hours(2));
  // The touch of 0 reaches the disk with this, and 1 goes.
  ASSERT_TRUE(cache->Put(TestKey(4), std::string(2200, 'x')));
  EXPECT_NE(cache->Get(TestKey(0)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_NE(cache->Get(TestKey(3)).value(), std::nullopt);
  EXPECT_NE(cache->Get(TestKey(4)).value(), std::nullopt);
  EXPECT_LE(cache->Stats()->bytes, 4u * 1500);
}

TEST_P(ResultCacheContract, WhatIsLargerThanTheLimitIsNotKept) {
  const auto cache = Make({.max_bytes = 1000});
  ASSERT_TRUE(cache->Put(TestKey(1), "small"));
  ASSERT_TRUE(cache->Put(TestKey(2), std::string(1000, 'x')));
  EXPECT_EQ(cache->Get(TestKey(2)).value(), std::nullopt);
  EXPECT_NE(cache->Get(TestKey(1)).value(), std::nullopt);
}

TEST_P(ResultCacheContract, AnEntryOutlivesItsTtlNever) {
  const auto cache = Make({.ttl = hours(24)});
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  Advance(hours(23));
  EXPECT_NE(cache->Get(TestKey(1)).value(), std::nullopt);
  Advance(hours(1));
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  ASSERT_TRUE(cache->Put(TestKey(1), "again"));
  EXPECT_THAT(cache->Get(TestKey(1)).value(), Optional(std::string("again")));
}

TEST_P(ResultCacheContract, ManyAreFoundInTheirPlaces) {
  const auto cache = Make();
  std::vector<ResultKey> keys;
  for (int n = 0; n < 50; ++n) {
    keys.push_back(TestKey(n));
    if (n % 3 != 0) continue;
    ASSERT_TRUE(cache->Put(keys.back(), std::to_string(n)));
  }
  const auto values = cache->GetMany(keys);
  ASSERT_EQ(values.size(), keys.size());
  for (int n = 0; n < 50; ++n) {
    EXPECT_EQ(values[static_cast<std::size_t>(n)].value(),
              n % 3 == 0 ? std::optional(std::to_string(n)) : std::nullopt);
  }
  EXPECT_EQ(cache->Stats()->hits, 17u);
  EXPECT_EQ(cache->Stats()->misses, 33u);
  EXPECT_TRUE(cache->GetMany({}).empty());
}

TEST_P(ResultCacheContract, AskingAgainCountsNoSecondMiss) {
  const auto cache = Make();
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_EQ(cache->GetAgain(TestKey(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Stats()->misses, 1u);
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  EXPECT_THAT(cache->GetAgain(TestKey(1)).value(),
              Optional(std::string("value")));
  EXPECT_EQ(cache->Stats()->hits, 1u);
}

TEST_P(ResultCacheContract, PurgeLeavesNothing) {
  const auto cache = Make();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(cache->Put(TestKey(n), "value"));
  EXPECT_EQ(cache->Purge().value(), 10u);
  EXPECT_EQ(cache->Purge().value(), 0u);
  EXPECT_EQ(cache->Stats()->bytes, 0u);
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Stats()->misses, 1u);
  ASSERT_TRUE(cache->Put(TestKey(1), "again"));
  EXPECT_EQ(cache->Stats()->entries, 1u);
}

TEST_P(ResultCacheContract, ThreadsMayReadAndWriteAtOnce) {
  const auto cache = Make({.max_bytes = 20000});
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const int n = (i * 7 + t) % 20;
        // A busy file is an answer too.
        static_cast<void>(
            cache->Put(TestKey(n), std::string(500, char('a' + n))));
        auto value = cache->Get(TestKey(n));
        if (value && *value && **value != std::string(500, char('a' + n))) {
          ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache->Stats()->bytes, 20000u);
}

INSTANTIATE_TEST_SUITE_P(Memory, ResultCacheContract, testing::Values(Memory));
INSTANTIATE_TEST_SUITE_P(Sqlite, ResultCacheContract, testing::Values(Sqlite));
INSTANTIATE_TEST_SUITE_P(Layered, ResultCacheContract,
                         testing::Values(Layered));

INSTANTIATE_TEST_SUITE_P(Redis, ResultCacheContract, testing::Values(Redis));
INSTANTIATE_TEST_SUITE_P(RedisByCluster, ResultCacheContract,
                         testing::Values(RedisByCluster));
INSTANTIATE_TEST_SUITE_P(RedisWithMemory, ResultCacheContract,
                         testing::Values(RedisWithMemory));

TEST(LayeredCache, KeepsInFrontWhatTheBackAnswered) {
  const FixedClock clock = ClockAtNoon();
  auto front = MakeMemoryCache({}, clock), back = MakeMemoryCache({}, clock);
  ResultCache& near = *front;
  ASSERT_TRUE(back->Put(TestKey(1), "value"));
  const auto cache = MakeLayeredCache(std::move(front), std::move(back));
  EXPECT_THAT(cache->Get(TestKey(1)).value(), Optional(std::string("value")));
  EXPECT_THAT(near.Get(TestKey(1)).value(), Optional(std::string("value")));
}

}  // namespace
}  // namespace ocelli
