#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/result_cache.h"
#include "cli/test_command.h"

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

TEST_F(CacheCommandTest, AVerbIsNeeded) {
  EXPECT_EQ(command_.Run({"cache"}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace ocelli
