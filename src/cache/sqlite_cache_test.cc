#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/result_cache.h"
#include "cache/test_results.h"
#include "core/test_folder.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Optional;

class SqliteCacheTest : public testing::Test {
 protected:
  std::unique_ptr<ResultCache> MustOpen(const CacheOptions& options = {}) {
    auto cache = OpenSqliteCache(file_, options, clock_);
    EXPECT_TRUE(cache) << cache.error().message;
    return cache ? std::move(*cache) : nullptr;
  }
  // Changes the file behind the cache's back.
  void Tamper(const std::string& sql) {
    DatabaseOptions options;
    options.application_id = 0x4f634361;
    constexpr const char* kSame[] = {"", ""};
    options.migrations = kSame;
    auto database = Database::Open(file_, options);
    ASSERT_TRUE(database) << database.error().message;
    auto changed = (*database)->Run(sql);
    ASSERT_TRUE(changed) << changed.error().message;
    ASSERT_GT(*changed, 0);
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "results.sqlite";
  FixedClock clock_ = ClockAtNoon();
};

TEST_F(SqliteCacheTest, ValuesOutliveTheProgram) {
  ASSERT_TRUE(MustOpen()->Put(TestKey(1), "value"));
  EXPECT_THAT(MustOpen()->Get(TestKey(1)).value(),
              Optional(std::string("value")));
}

TEST_F(SqliteCacheTest, HitsAndMissesOfEveryProcessAddUp) {
  for (int i = 0; i < 3; ++i) {
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Get(TestKey(1)));
    ASSERT_TRUE(cache->Put(TestKey(1), "value"));
    ASSERT_TRUE(cache->Get(TestKey(1)));
  }
  EXPECT_EQ(MustOpen()->Stats()->hits, 5u);
  EXPECT_EQ(MustOpen()->Stats()->misses, 1u);
  ASSERT_TRUE(MustOpen()->Purge());
  EXPECT_EQ(MustOpen()->Stats()->hits, 0u);
}

TEST_F(SqliteCacheTest, AChangedValueIsAMiss) {
  ASSERT_TRUE(MustOpen()->Put(TestKey(1), std::string(1000, 'x')));
  Tamper("UPDATE stored SET value = CAST(replace(value, 'xx', 'xy') AS BLOB)");
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Stats()->misses, 1u);
  ASSERT_TRUE(cache->Put(TestKey(1), "computed again"));
  EXPECT_NE(cache->Get(TestKey(1)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, ValuesOfTheWrongTypeAreMisses) {
  for (const char* column : {"image", "fingerprint", "checksum", "value"}) {
    ASSERT_TRUE(MustOpen()->Put(TestKey(1), "value"));
    Tamper(std::string("UPDATE entries SET ") + column + " = 'nonsense'");
    EXPECT_EQ(MustOpen()->Get(TestKey(1)).value(), std::nullopt) << column;
  }
}

TEST_F(SqliteCacheTest, WrongTotalsAreDamage) {
  ASSERT_TRUE(MustOpen()->Put(TestKey(1), "value"));
  Tamper("UPDATE totals SET bytes = -1000000");
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Put(TestKey(2), "value").error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged-1"));
  ASSERT_TRUE(cache->Put(TestKey(2), "value"));
  EXPECT_NE(cache->Get(TestKey(2)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, ADamagedFileIsSetAsideAndBegunAnew) {
  for (const std::string n : {"1", "2"}) {
    std::filesystem::remove(file_.string() + "-wal");
    WriteTestFile(file_, "no database " + n);
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Put(TestKey(1), "value"));
    EXPECT_EQ(ReadTestFile(file_.string() + ".damaged-" + n),
              "no database " + n);
  }
}

TEST_F(SqliteCacheTest, DamageFoundLaterIsSetAsideToo) {
  {
    const auto cache = MustOpen();
    for (int n = 0; n < 200; ++n) {
      ASSERT_TRUE(cache->Put(TestKey(n), std::string(5000, 'x')));
    }
  }
  // Only the header and the schema survive.
  std::filesystem::remove(file_.string() + "-wal");
  const auto size = std::filesystem::file_size(file_);
  ASSERT_GT(size, 100000u);
  WriteTestFile(file_, ReadTestFile(file_).substr(0, 8192) +
                           std::string(size - 8192, '\x55'));
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged-1"));
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  EXPECT_THAT(cache->Get(TestKey(1)).value(), Optional(std::string("value")));
}

TEST_F(SqliteCacheTest, AnotherProgramsFileIsRefused) {
  DatabaseOptions options;
  options.application_id = 1;
  ASSERT_TRUE(Database::Open(file_, options));
  auto cache = OpenSqliteCache(file_, {}, clock_);
  EXPECT_EQ(cache.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(cache.error().message, HasSubstr("another program's"));
}

TEST_F(SqliteCacheTest, ALockedFileIsUnavailableAndHitsGoOn) {
  const auto cache = MustOpen();
  ASSERT_TRUE(cache->Put(TestKey(1), "value"));
  DatabaseOptions options;
  options.application_id = 0x4f634361;
  constexpr const char* kSame[] = {"", ""};
  options.migrations = kSame;
  auto holder = Database::Open(file_, options);
  ASSERT_TRUE(holder);
  auto transaction = Transaction::Begin(**holder);
  ASSERT_TRUE(transaction);
  EXPECT_EQ(cache->Put(TestKey(2), "value").error().code,
            ErrorCode::kUnavailable);
  EXPECT_NE(cache->Get(TestKey(1)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, PurgeLeavesNoByteOnDisk) {
  const auto cache = MustOpen();
  ASSERT_TRUE(cache->Put(TestKey(1), "somebody's face"));
  ASSERT_TRUE(cache->Purge());
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_THAT(ReadTestFile(entry.path()),
                testing::Not(HasSubstr("somebody's face")));
  }
}

TEST_F(SqliteCacheTest, ASmallerLimitHoldsFromTheNextPutOn) {
  {
    const auto cache = MustOpen();
    for (int n = 0; n < 50; ++n) {
      ASSERT_TRUE(cache->Put(TestKey(n), std::string(1000, 'x')));
    }
  }
  const auto cache = MustOpen({.max_bytes = 5000});
  ASSERT_TRUE(cache->Put(TestKey(99), std::string(1000, 'x')));
  EXPECT_LE(cache->Stats()->bytes, 5000u);
  EXPECT_NE(cache->Get(TestKey(99)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, TouchesOutliveTheProgram) {
  {
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Put(TestKey(1), std::string(1000, 'x')));
    clock_.Advance(hours(2));
    ASSERT_TRUE(cache->Put(TestKey(2), std::string(1000, 'x')));
    clock_.Advance(hours(2));
    ASSERT_TRUE(cache->Get(TestKey(1)));
  }
  const auto cache = MustOpen({.max_bytes = 3000});
  ASSERT_TRUE(cache->Put(TestKey(3), std::string(1000, 'x')));
  EXPECT_NE(cache->Get(TestKey(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(TestKey(2)).value(), std::nullopt);
}

}  // namespace
}  // namespace ocelli
