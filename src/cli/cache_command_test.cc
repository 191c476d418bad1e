#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/result_cache.h"
#include "cli/test_command.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

class CacheCommandTest : public testing::Test {
 protected:
  TestCommand command_{AddCacheCommand};
};

TEST_F(CacheCommandTest, StatsAndPurgeCount) {
  const ResultKey key{Sha256("image"), Sha256("models")};
  ASSERT_TRUE(
      OpenSqliteCache(command_.paths().results(), {}).value()->Put(key, "x"));
  auto ran = command_.Run({"cache", "stats", "--json"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(R"("entries":1,)"));
  EXPECT_THAT(ran.out, HasSubstr(R"("hits":0,"misses":0)"));
  ran = command_.Run({"cache", "purge"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_EQ(ran.out, "1 result removed\n");
  EXPECT_THAT(command_.Run({"cache", "stats"}).out, HasSubstr(": 0 results"));
}

TEST_F(CacheCommandTest, PurgeRemovesDamagedDatabasesToo) {
  std::filesystem::create_directories(command_.paths().cache);
  WriteTestFile(command_.paths().results(), "damaged");
  auto ran = command_.Run({"cache", "purge", "--json"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_EQ(ran.out, "{\"removed\":0,\"damaged_files\":1}\n");
  EXPECT_FALSE(std::filesystem::exists(command_.paths().results().string() +
                                       ".damaged-1"));
}

TEST_F(CacheCommandTest, ACacheThatCannotBeOpenedIsOneLineAndExitOne) {
  WriteTestFile(command_.paths().cache, "a file where a folder should be");
  const auto ran = command_.Run({"cache", "stats"});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
}

TEST_F(CacheCommandTest, AFileElsewhereIsMeantByItsPath) {
  const ResultKey key{Sha256("image"), Sha256("models")};
  const std::string file = (command_.folder() / "elsewhere.sqlite").string();
  ASSERT_TRUE(OpenSqliteCache(file, {}).value()->Put(key, "x"));
  const auto ran = command_.Run({"cache", "purge", "--cache", file, "--json"});
  EXPECT_EQ(ran.out, "{\"removed\":1,\"damaged_files\":0}\n");
}

TEST_F(CacheCommandTest, WhatIsNoAddressIsAUsageError) {
  for (const char* address :
       {"redis://", "redis://host:0", "http://host", "redis+sentinel://host"}) {
    const auto ran = command_.Run({"cache", "stats", "--cache", address});
    EXPECT_EQ(ran.exit_code, kExitUsage) << address;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("redis+cluster://HOST,HOST")) << address;
  }
}

TEST_F(CacheCommandTest, ARedisThatIsAwayIsOneLineAndExitOne) {
  const auto ran =
      command_.Run({"cache", "stats", "--cache", "redis://127.0.0.1:1"});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(CacheCommandTest, AVerbIsNeeded) {
  EXPECT_EQ(command_.Run({"cache"}).exit_code, kExitUsage);
}

TEST(RedisCacheCommand, CountsAndForgetsWhatTheSettingNames) {
  RedisServer server({.arguments = {}, .password = "secret"});
  const ResultKey key{Sha256("image"), Sha256("models")};
  ASSERT_TRUE(MakeRedisCache(OpenTestRedis(server.url()), {})->Put(key, "x"));
  TestCommand command(AddCacheCommand);
  const std::string url = "OCELLI_CACHE_URL=redis://" + server.host();
  const char* const environment[] = {url.c_str(),
                                     "OCELLI_REDIS_PASSWORD=secret", nullptr};
  command.config.LoadEnvironment(environment);
  auto ran = command.Run({"cache", "stats", "--json"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("{\"redis\":\"redis://" + server.host()));
  EXPECT_THAT(ran.out, HasSubstr("\"entries\":1,"));
  EXPECT_THAT(ran.out, Not(HasSubstr("secret")));
  ran = command.Run({"cache", "stats"});
  EXPECT_THAT(ran.out, HasSubstr(": 1 result, 0.0 MB; 0 hits"));
  ran = command.Run({"cache", "purge"});
  EXPECT_EQ(ran.out, "1 result removed\n") << ran.err;
  EXPECT_EQ(command.Run({"cache", "purge", "--json"}).out, "{\"removed\":0}\n");
}

TEST(RedisCacheCommand, AWrongPasswordIsSaid) {
  RedisServer server({.arguments = {}, .password = "secret"});
  TestCommand command(AddCacheCommand);
  const auto ran = command.Run(
      {"cache", "stats", "--cache", "redis://:guessed@" + server.host()});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.err, HasSubstr("password"));
  EXPECT_THAT(ran.err, Not(HasSubstr("guessed")));
}

}  // namespace
}  // namespace ocelli
