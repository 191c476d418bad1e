#include "cache/result_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "core/test_folder.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Optional;

ResultKey Key(int n, const std::string& fingerprint = "models") {
  return {Sha256(std::to_string(n)), Sha256(fingerprint)};
}

FixedClock ClockAtNoon() {
  return FixedClock(std::chrono::system_clock::time_point(hours(500000)));
}

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

class ResultCacheContract : public testing::TestWithParam<MakeCache> {
 protected:
  std::unique_ptr<ResultCache> Make(const CacheOptions& options = {}) {
    return GetParam()(folder_, options, clock_);
  }
  TestFolder folder_;
  FixedClock clock_ = ClockAtNoon();
};

TEST_P(ResultCacheContract, GetReturnsTheLastPut) {
  const auto cache = Make();
  const std::string bytes("a\0\xff b", 5);
  ASSERT_TRUE(cache->Put(Key(1), "old"));
  ASSERT_TRUE(cache->Put(Key(1), bytes));
  ASSERT_TRUE(cache->Put(Key(2), ""));
  EXPECT_THAT(cache->Get(Key(1)).value(), Optional(bytes));
  EXPECT_THAT(cache->Get(Key(2)).value(), Optional(std::string()));
}

TEST_P(ResultCacheContract, BothHalvesOfAKeyCount) {
  const auto cache = Make();
  ASSERT_TRUE(cache->Put(Key(1), "value"));
  EXPECT_EQ(cache->Get(Key(2)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(Key(1, "other models")).value(), std::nullopt);
}

TEST_P(ResultCacheContract, CountsHitsMissesAndBytes) {
  const auto cache = Make({.max_bytes = 100000});
  ASSERT_TRUE(cache->Put(Key(1), std::string(1000, 'x')));
  ASSERT_TRUE(cache->Put(Key(1), std::string(2000, 'x')));
  ASSERT_TRUE(cache->Get(Key(1)));
  ASSERT_TRUE(cache->Get(Key(1)));
  ASSERT_TRUE(cache->Get(Key(2)));
  const CacheStats stats = cache->Stats().value();
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.misses, 1u);
  EXPECT_EQ(stats.entries, 1u);
  EXPECT_GE(stats.bytes, 2000u);
  EXPECT_LT(stats.bytes, 3000u);
  EXPECT_EQ(stats.max_bytes, 100000u);
}

TEST_P(ResultCacheContract, TheLeastRecentlyUsedGoFirst) {
  const auto cache = Make({.max_bytes = 4 * 1500});
  for (int n = 0; n < 4; ++n) {
    ASSERT_TRUE(cache->Put(Key(n), std::string(1000, 'x')));
    clock_.Advance(hours(2));
  }
  ASSERT_TRUE(cache->Get(Key(0)));
  clock_.Advance(hours(2));
  // The touch of 0 reaches the disk with this, and 1 goes.
  ASSERT_TRUE(cache->Put(Key(4), std::string(2200, 'x')));
  EXPECT_NE(cache->Get(Key(0)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(Key(1)).value(), std::nullopt);
  EXPECT_NE(cache->Get(Key(3)).value(), std::nullopt);
  EXPECT_NE(cache->Get(Key(4)).value(), std::nullopt);
  EXPECT_LE(cache->Stats()->bytes, 4u * 1500);
}

TEST_P(ResultCacheContract, WhatIsLargerThanTheLimitIsNotKept) {
  const auto cache = Make({.max_bytes = 1000});
  ASSERT_TRUE(cache->Put(Key(1), "small"));
  ASSERT_TRUE(cache->Put(Key(2), std::string(1000, 'x')));
  EXPECT_EQ(cache->Get(Key(2)).value(), std::nullopt);
  EXPECT_NE(cache->Get(Key(1)).value(), std::nullopt);
}

TEST_P(ResultCacheContract, AnEntryOutlivesItsTtlNever) {
  const auto cache = Make({.ttl = hours(24)});
  ASSERT_TRUE(cache->Put(Key(1), "value"));
  clock_.Advance(hours(23));
  EXPECT_NE(cache->Get(Key(1)).value(), std::nullopt);
  clock_.Advance(hours(1));
  EXPECT_EQ(cache->Get(Key(1)).value(), std::nullopt);
  ASSERT_TRUE(cache->Put(Key(1), "again"));
  EXPECT_THAT(cache->Get(Key(1)).value(), Optional(std::string("again")));
}

TEST_P(ResultCacheContract, PurgeLeavesNothing) {
  const auto cache = Make();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(cache->Put(Key(n), "value"));
  EXPECT_EQ(cache->Purge().value(), 10u);
  EXPECT_EQ(cache->Purge().value(), 0u);
  EXPECT_EQ(cache->Stats()->bytes, 0u);
  EXPECT_EQ(cache->Get(Key(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Stats()->misses, 1u);
  ASSERT_TRUE(cache->Put(Key(1), "again"));
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
        static_cast<void>(cache->Put(Key(n), std::string(500, char('a' + n))));
        auto value = cache->Get(Key(n));
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

TEST(LayeredCache, KeepsInFrontWhatTheBackAnswered) {
  const FixedClock clock = ClockAtNoon();
  auto front = MakeMemoryCache({}, clock), back = MakeMemoryCache({}, clock);
  ResultCache& near = *front;
  ASSERT_TRUE(back->Put(Key(1), "value"));
  const auto cache = MakeLayeredCache(std::move(front), std::move(back));
  EXPECT_THAT(cache->Get(Key(1)).value(), Optional(std::string("value")));
  EXPECT_THAT(near.Get(Key(1)).value(), Optional(std::string("value")));
}

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
  ASSERT_TRUE(MustOpen()->Put(Key(1), "value"));
  EXPECT_THAT(MustOpen()->Get(Key(1)).value(), Optional(std::string("value")));
}

TEST_F(SqliteCacheTest, HitsAndMissesOfEveryProcessAddUp) {
  for (int i = 0; i < 3; ++i) {
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Get(Key(1)));
    ASSERT_TRUE(cache->Put(Key(1), "value"));
    ASSERT_TRUE(cache->Get(Key(1)));
  }
  EXPECT_EQ(MustOpen()->Stats()->hits, 5u);
  EXPECT_EQ(MustOpen()->Stats()->misses, 1u);
  ASSERT_TRUE(MustOpen()->Purge());
  EXPECT_EQ(MustOpen()->Stats()->hits, 0u);
}

TEST_F(SqliteCacheTest, AChangedValueIsAMiss) {
  ASSERT_TRUE(MustOpen()->Put(Key(1), std::string(1000, 'x')));
  Tamper("UPDATE stored SET value = CAST(replace(value, 'xx', 'xy') AS BLOB)");
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Get(Key(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Stats()->misses, 1u);
  ASSERT_TRUE(cache->Put(Key(1), "computed again"));
  EXPECT_NE(cache->Get(Key(1)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, ValuesOfTheWrongTypeAreMisses) {
  for (const char* column : {"image", "fingerprint", "checksum", "value"}) {
    ASSERT_TRUE(MustOpen()->Put(Key(1), "value"));
    Tamper(std::string("UPDATE entries SET ") + column + " = 'nonsense'");
    EXPECT_EQ(MustOpen()->Get(Key(1)).value(), std::nullopt) << column;
  }
}

TEST_F(SqliteCacheTest, WrongTotalsAreDamage) {
  ASSERT_TRUE(MustOpen()->Put(Key(1), "value"));
  Tamper("UPDATE totals SET bytes = -1000000");
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Put(Key(2), "value").error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged-1"));
  ASSERT_TRUE(cache->Put(Key(2), "value"));
  EXPECT_NE(cache->Get(Key(2)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, ADamagedFileIsSetAsideAndBegunAnew) {
  for (const std::string n : {"1", "2"}) {
    std::filesystem::remove(file_.string() + "-wal");
    WriteTestFile(file_, "no database " + n);
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Put(Key(1), "value"));
    EXPECT_EQ(ReadTestFile(file_.string() + ".damaged-" + n),
              "no database " + n);
  }
}

TEST_F(SqliteCacheTest, DamageFoundLaterIsSetAsideToo) {
  {
    const auto cache = MustOpen();
    for (int n = 0; n < 200; ++n) {
      ASSERT_TRUE(cache->Put(Key(n), std::string(5000, 'x')));
    }
  }
  // Only the header and the schema survive.
  std::filesystem::remove(file_.string() + "-wal");
  const auto size = std::filesystem::file_size(file_);
  ASSERT_GT(size, 100000u);
  WriteTestFile(file_, ReadTestFile(file_).substr(0, 8192) +
                           std::string(size - 8192, '\x55'));
  const auto cache = MustOpen();
  EXPECT_EQ(cache->Get(Key(1)).value(), std::nullopt);
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged-1"));
  ASSERT_TRUE(cache->Put(Key(1), "value"));
  EXPECT_THAT(cache->Get(Key(1)).value(), Optional(std::string("value")));
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
  ASSERT_TRUE(cache->Put(Key(1), "value"));
  DatabaseOptions options;
  options.application_id = 0x4f634361;
  constexpr const char* kSame[] = {"", ""};
  options.migrations = kSame;
  auto holder = Database::Open(file_, options);
  ASSERT_TRUE(holder);
  auto transaction = Transaction::Begin(**holder);
  ASSERT_TRUE(transaction);
  EXPECT_EQ(cache->Put(Key(2), "value").error().code, ErrorCode::kUnavailable);
  EXPECT_NE(cache->Get(Key(1)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, PurgeLeavesNoByteOnDisk) {
  const auto cache = MustOpen();
  ASSERT_TRUE(cache->Put(Key(1), "somebody's face"));
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
      ASSERT_TRUE(cache->Put(Key(n), std::string(1000, 'x')));
    }
  }
  const auto cache = MustOpen({.max_bytes = 5000});
  ASSERT_TRUE(cache->Put(Key(99), std::string(1000, 'x')));
  EXPECT_LE(cache->Stats()->bytes, 5000u);
  EXPECT_NE(cache->Get(Key(99)).value(), std::nullopt);
}

TEST_F(SqliteCacheTest, TouchesOutliveTheProgram) {
  {
    const auto cache = MustOpen();
    ASSERT_TRUE(cache->Put(Key(1), std::string(1000, 'x')));
    clock_.Advance(hours(2));
    ASSERT_TRUE(cache->Put(Key(2), std::string(1000, 'x')));
    clock_.Advance(hours(2));
    ASSERT_TRUE(cache->Get(Key(1)));
  }
  const auto cache = MustOpen({.max_bytes = 3000});
  ASSERT_TRUE(cache->Put(Key(3), std::string(1000, 'x')));
  EXPECT_NE(cache->Get(Key(1)).value(), std::nullopt);
  EXPECT_EQ(cache->Get(Key(2)).value(), std::nullopt);
}

}  // namespace
}  // namespace ocelli
