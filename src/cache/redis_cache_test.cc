#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/redis_key.h"
#include "cache/result_cache.h"
#include "cache/test_redis_cache.h"
#include "cache/test_results.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Optional;

class RedisCacheTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.Run({"FLUSHALL"})); }

  std::unique_ptr<ResultCache> Open(const CacheOptions& options = {}) {
    return MakeRedisCache(OpenTestRedis(server_.url()), options, {}, &metrics_);
  }
  RedisReply MustRun(std::vector<std::string> words) {
    auto reply = server_.Run(std::move(words));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : RedisReply();
  }

  RedisServer& server_ = SharedRedisServer();
  MetricsRegistry metrics_;
  const std::string name_ = RedisKeyOf("ocelli:r:", TestKey(1));
};

TEST_F(RedisCacheTest, MachinesShareValues) {
  ASSERT_TRUE(Open()->Put(TestKey(1), "value"));
  EXPECT_THAT(Open()->Get(TestKey(1)).value(), Optional(std::string("value")));
}

TEST_F(RedisCacheTest, HitsAndMissesOfEveryMachineAddUp) {
  for (int i = 0; i < 3; ++i) {
    const auto cache = Open();
    ASSERT_TRUE(cache->Get(TestKey(1)));
    ASSERT_TRUE(cache->Put(TestKey(1), "value"));
    ASSERT_TRUE(cache->Get(TestKey(1)));
  }
  EXPECT_EQ(Open()->Stats()->hits, 5u);
  EXPECT_EQ(Open()->Stats()->misses, 1u);
}

TEST_F(RedisCacheTest, WhatOthersWroteIsAMissAndReplaced) {
  const auto cache = Open();
  ASSERT_TRUE(cache->Put(TestKey(1), std::string(1000, 'x')));
  std::string other_version = MustRun({"GET", name_}).text;
  other_version[4] = 2;
  const std::vector<std::vector<std::string>> writes = {
      {"SET", name_, "another program's"}, {"SET", name_, other_version},
      {"SETRANGE", name_, "500", "y"},     {"RPUSH", name_, "a", "list"},
      {"HSET", name_, "a", "hash"},
  };
  for (const auto& write : writes) {
    // A list does not become a hash.
    if (write[0] != "SETRANGE") MustRun({"DEL", name_});
    MustRun(write);
    EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt) << write[0];
    EXPECT_EQ(cache->GetMany(std::vector{TestKey(1)})[0].value(), std::nullopt);
    ASSERT_TRUE(cache->Put(TestKey(1), "computed anew"));
    EXPECT_THAT(cache->Get(TestKey(1)).value(),
                Optional(std::string("computed anew")));
  }
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("ocelli_cache_lookups_total{answer=\"foreign\"} 10\n"));
}

TEST_F(RedisCacheTest, OfAHugeValueOnlyWhatCouldBeOursIsRead) {
  MustRun({"SETRANGE", name_, std::to_string(20 << 20), "x"});
  RedisOptions options;
  options.max_reply_bytes = 17 << 20;
  const auto cache =
      MakeRedisCache(OpenTestRedis(server_.url(), options), {}, {}, &metrics_);
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
}

TEST_F(RedisCacheTest, AnEntryEndsWithItsTtlByItself) {
  ASSERT_TRUE(Open()->Put(TestKey(1), "value"));
  EXPECT_EQ(MustRun({"PTTL", name_}).integer, -1);
  ASSERT_TRUE(Open({.ttl = std::chrono::hours(1)})->Put(TestKey(1), "value"));
  const auto left = MustRun({"PTTL", name_}).integer;
  EXPECT_GT(left, 0);
  EXPECT_LE(left, 3'600'000);
}

TEST_F(RedisCacheTest, PurgeLeavesWhatIsNotACachedResult) {
  MustRun({"SET", "ocelli:jobs:1", "a job"});
  MustRun({"SET", "another program's", "value"});
  const auto cache = Open();
  for (int n = 0; n < 1200; ++n) ASSERT_TRUE(cache->Put(TestKey(n), "value"));
  EXPECT_EQ(cache->Purge().value(), 1200u);
  EXPECT_EQ(MustRun({"DBSIZE"}).integer, 2);
}

TEST_F(RedisCacheTest, ErrorsNameTheServerAndNotThePassword) {
  RedisUrl url = ParseRedisUrl("redis://127.0.0.1:1").value();
  url.password = "secret";
  const auto cache = MakeRedisCache(RedisClient::Open(url).value(), {});
  const auto value = cache->Get(TestKey(1));
  EXPECT_EQ(value.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(value.error().message, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(value.error().message, Not(HasSubstr("secret")));
  EXPECT_FALSE(cache->Put(TestKey(1), "value"));
  EXPECT_FALSE(cache->Stats());
  EXPECT_FALSE(cache->Purge());
}

TEST_F(RedisCacheTest, AFullRedisAnswersAndTakesNothing) {
  const auto cache = Open();
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  MustRun({"CONFIG", "SET", "maxmemory", "1"});
  const auto kept = cache->Put(TestKey(2), "value");
  const auto found = cache->Get(TestKey(1));
  EXPECT_EQ(cache->Stats()->max_bytes, 1u);
  MustRun({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(kept.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(found.value(), Optional(std::string("value")));
  ASSERT_TRUE(cache->Put(TestKey(2), "value"));
}

}  // namespace
}  // namespace ocelli
