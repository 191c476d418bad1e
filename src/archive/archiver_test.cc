#include "archive/archiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/test_file_system.h"
#include "archive/test_spool.h"
#include "archive/test_store.h"
#include "archive/upload_limit.h"
#include "core/log.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class ArchiverTest : public testing::Test {
 protected:
  ArchiverTest() {
    ConfigureLog({.level = LogLevel::kOff});
    options_.name = "cam";
    options_.first_wait = milliseconds(1);
    options_.last_wait = milliseconds(4);
    options_.manifest_every = milliseconds(5);
    options_.seed = 7;
    options_.on_lines = [this](std::span<const ManifestLine> lines) {
      const std::lock_guard lock(mutex_);
      lines_.insert(lines_.end(), lines.begin(), lines.end());
      changed_.notify_all();
    };
  }
  ~ArchiverTest() override { ConfigureLog({}); }

  Result<std::unique_ptr<Archiver>> TryOpen() {
    return Archiver::Open(options_, std::make_unique<TestFileSystem>(disk_),
                          store_, budget_limit_ ? *budget_limit_ : budget_,
                          metrics_);
  }
  std::unique_ptr<Archiver> Open(bool resumed = false) {
    auto archiver = TryOpen();
    EXPECT_TRUE(archiver) << archiver.error().message;
    (*archiver)->BeginRun(resumed);
    return *std::move(archiver);
  }

  Result<> TryAdd(Archiver& archiver, std::uint64_t picture,
                  std::size_t bytes = 1000) {
    const TestFrame frame = MakeTestFrame(picture, bytes);
    return archiver.Add({frame.record, frame.picture}, {});
  }
  void Add(Archiver& archiver, std::uint64_t picture,
           std::size_t bytes = 1000) {
    const auto added = TryAdd(archiver, picture, bytes);
    EXPECT_TRUE(added) << added.error().message;
  }
  void AddMany(Archiver& archiver, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) Add(archiver, first + i);
  }
  void Finish(Archiver& archiver) {
    const auto finished = archiver.Finish({});
    EXPECT_TRUE(finished) << finished.error().message;
  }

  std::vector<ManifestLine> WaitForLines(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() >= count; });
    return lines_;
  }
  std::vector<ManifestLine> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  static std::string KeyOf(std::uint64_t seq, std::uint64_t picture,
                           std::size_t bytes = 1000) {
    FrameRecord record = MakeTestFrame(picture, bytes).record;
    record.seq = seq;
    return FrameKey(record);
  }
  static bool IsManifest(const PutRequest& request) {
    return request.key.starts_with(kManifestFolder);
  }
  // Frames are held, the manifest is stored.
  void HoldFrames() {
    store_.SetRule(
        [](const PutRequest& request, int) -> std::optional<PutOutcome> {
          if (IsManifest(request)) return TestStore::Stores();
          return std::nullopt;
        });
  }

  std::vector<ManifestLine> Stored() {
    std::vector<ManifestLine> stored;
    const auto read = ReadManifest(store_,
                                   [&](const ManifestLine& line) -> Result<> {
                                     stored.push_back(line);
                                     return {};
                                   },
                                   {});
    EXPECT_TRUE(read) << read.error().message;
    return stored;
  }
  // Every frame is there once, in order, as the manifest says.
  VerifyReport ExpectSound(std::uint64_t frames) {
    auto report = VerifyArchive(store_, {}, {});
    EXPECT_TRUE(report) << report.error().message;
    if (!report) return {};
    for (const Finding& finding : report->findings) {
      ADD_FAILURE() << finding.where << ": " << finding.message;
    }
    EXPECT_EQ(report->frames, frames);
    std::uint64_t next = 0;
    for (const ManifestLine& line : Stored()) {
      EXPECT_EQ(line.frame.seq, next);
      if (!line.end) ++next;
    }
    EXPECT_EQ(next, frames);
    return *std::move(report);
  }

  TestFileSystem disk_;
  TestStore store_;
  UploadBudget budget_{0, SystemClock()};
  std::optional<UploadBudget> budget_limit_;  // Instead.
  MetricsRegistry metrics_;
  ArchiverOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ManifestLine> lines_;  // Guarded by mutex_.
};

TEST_F(ArchiverTest, StoresFramesAndTheirManifest) {
  const auto archiver = Open();
  AddMany(*archiver, 0, 50);
  Finish(*archiver);
  const VerifyReport report = ExpectSound(50);
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.objects, 50u);
  const std::vector<ManifestLine> stored = Stored();
  ASSERT_EQ(stored.size(), 51u);
  EXPECT_EQ(lines(), std::vector(stored.begin(), stored.end() - 1));
  EXPECT_EQ(stored[7].key, KeyOf(7, 7));
  EXPECT_EQ(stored[7].attempts, 1);
  EXPECT_EQ(stored[7].frame.pts, MakeTestFrame(7, 1000).record.pts);

  const ArchiveStatus status = archiver->status();
  EXPECT_EQ(status.taken, 50u);
  EXPECT_EQ(status.delivered, 50u);
  EXPECT_EQ(status.stored, 50u);
  EXPECT_EQ(status.bytes, 50'000u);
  EXPECT_EQ(status.next_seq, 50u);
  EXPECT_EQ(status.waiting, 0u);
  EXPECT_EQ(status.in_flight, 0);
  EXPECT_EQ(status.last, stored.back());
}

TEST_F(ArchiverTest, DeliversBySeqHoweverUploadsEnd) {
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 20);
  std::vector<std::string> keys = store_.WaitForHeld(20);
  std::shuffle(keys.begin(), keys.end(), std::mt19937(3));
  for (const std::string& key : keys) store_.Answer(key);
  Finish(*archiver);
  const auto delivered = lines();
  ASSERT_EQ(delivered.size(), 20u);
  for (std::uint64_t seq = 0; seq < 20; ++seq) {
    EXPECT_EQ(delivered[seq].frame.seq, seq);
  }
  ExpectSound(20);
}

TEST_F(ArchiverTest, HoldsBackWhatComesAfterAFrameThatIsNotStored) {
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 4);
  const auto keys = store_.WaitForHeld(4);
  for (const std::uint64_t seq : {1, 2, 3}) store_.Answer(KeyOf(seq, seq));
  EXPECT_TRUE(lines().empty());
  store_.Answer(KeyOf(0, 0));
  EXPECT_EQ(WaitForLines(4).size(), 4u);
}

TEST_F(ArchiverTest, AllFramesOfABurstAreUnderWayAtOnce) {
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 50);
  EXPECT_EQ(store_.WaitForHeld(50).size(), 50u);
  store_.AnswerAll();
  Finish(*archiver);
}

TEST_F(ArchiverTest, HoldsNoMoreThanTheLimitHoweverManyWait) {
  budget_limit_.emplace(8, SystemClock());
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 500);
  // All but the first, behind which the others wait.
  for (int answered = 0; answered < 63;) {
    for (const std::string& key : store_.WaitForHeld(1)) {
      if (key == KeyOf(0, 0)) continue;
      store_.Answer(key);
      ++answered;
    }
  }
  EXPECT_EQ(store_.puts(), 64);
  EXPECT_LE(archiver->status().in_flight, 64);
  store_.SetRule(nullptr);
  store_.AnswerAll();
  Finish(*archiver);
  EXPECT_EQ(store_.most_held(), 8u);
  ExpectSound(500);
}

TEST_F(ArchiverTest, LinesCountTheTries) {
  store_.SetRule([](const PutRequest& request, int attempt) {
    return request.key == KeyOf(1, 1) && attempt < 3
               ? TestStore::Fails(ErrorCode::kUnavailable)
               : TestStore::Stores();
  });
  const auto archiver = Open();
  AddMany(*archiver, 0, 3);
  Finish(*archiver);
  EXPECT_EQ(lines()[0].attempts, 1);
  EXPECT_EQ(lines()[1].attempts, 3);
  EXPECT_EQ(archiver->status().retries, 2u);
  EXPECT_EQ(archiver->status().trouble, "");
  ExpectSound(3);
}

TEST_F(ArchiverTest, AnErrorThatStaysEndsItAtOnceAndNothingIsLost) {
  store_.SetRule([](const PutRequest&, int) {
    return TestStore::Fails(ErrorCode::kPermissionDenied, "AccessDenied");
  });
  {
    const auto archiver = Open();
    Add(*archiver, 0);
    const auto finished = archiver->Finish({});
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(finished.error().message, HasSubstr("AccessDenied"));
    EXPECT_THAT(finished.error().message,
                HasSubstr("ocelli archive resume cam"));
    const auto added = TryAdd(*archiver, 1);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kPermissionDenied);
  }
  EXPECT_EQ(store_.puts(), 1);
  store_.SetRule(nullptr);
  const auto archiver = Open(/*resumed=*/true);
  Finish(*archiver);
  ExpectSound(1);
  EXPECT_EQ(lines()[0].attempts, 1);
}

TEST_F(ArchiverTest, WhatIsUnderWayAtAnErrorIsStillDelivered) {
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 3);
  store_.WaitForHeld(3);
  store_.Answer(KeyOf(1, 1), TestStore::Fails(ErrorCode::kNotFound, "bucket"));
  store_.Answer(KeyOf(0, 0));
  EXPECT_EQ(WaitForLines(1).size(), 1u);
  EXPECT_FALSE(archiver->Finish({}));
}

TEST_F(ArchiverTest, AFilesTriesAreUsedUp) {
  options_.retries = 3;
  store_.SetRule([](const PutRequest&, int) {
    return TestStore::Fails(ErrorCode::kUnavailable, "down");
  });
  const auto archiver = Open();
  Add(*archiver, 0);
  const auto finished = archiver->Finish({});
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message, HasSubstr("after 3 tries: down"));
  EXPECT_EQ(store_.puts(), 3);
}

TEST_F(ArchiverTest, ALiveOneNeverGivesUp) {
  options_.retries = 3;
  options_.live = true;
  store_.SetRule([](const PutRequest&, int) {
    return TestStore::Fails(ErrorCode::kUnavailable, "down");
  });
  const auto archiver = Open();
  AddMany(*archiver, 0, 10);
  store_.WaitForPuts(100);
  EXPECT_EQ(archiver->status().trouble, "down");
  EXPECT_TRUE(archiver->status().trouble_since);
  AddMany(*archiver, 10, 10);
  store_.SetRule(nullptr);
  Finish(*archiver);
  EXPECT_EQ(archiver->status().trouble, "");
  EXPECT_FALSE(archiver->status().trouble_since);
  ExpectSound(20);
}

TEST_F(ArchiverTest, FewTryDuringAnOutage) {
  options_.live = true;
  options_.first_wait = std::chrono::hours(1);
  options_.last_wait = std::chrono::hours(1);
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 40);
  store_.WaitForHeld(40);
  store_.AnswerAll(TestStore::Fails(ErrorCode::kUnavailable, "down"));
  AddMany(*archiver, 40, 200);
  // One by one every two seconds, though each would wait for an hour.
  const auto held = store_.WaitForHeld(1);
  EXPECT_LE(store_.puts(), 42);
  store_.SetRule(nullptr);
  store_.AnswerAll();
  Finish(*archiver);
  ExpectSound(240);
}

TEST_F(ArchiverTest, AFileWaitsForRoomInTheSpool) {
  options_.spool.max_bytes = 64 << 10;
  HoldFrames();
  const auto archiver = Open();
  std::thread adder([&] { AddMany(*archiver, 0, 200); });
  std::size_t answered = 0;
  while (answered < 200) {
    for (const std::string& key : store_.WaitForHeld(1)) {
      store_.Answer(key);
      ++answered;
    }
    EXPECT_LE(archiver->status().spool_bytes, options_.spool.max_bytes);
  }
  adder.join();
  Finish(*archiver);
  const VerifyReport report = ExpectSound(200);
  EXPECT_EQ(report.dropped, 0u);
}

TEST_F(ArchiverTest, AFrameThatNeverFitsIsAnError) {
  options_.spool.max_bytes = 64 << 10;
  const auto archiver = Open();
  Add(*archiver, 0);
  const auto added = TryAdd(*archiver, 1, 1 << 20);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kResourceExhausted);
  Add(*archiver, 1);
  Finish(*archiver);
  ExpectSound(2);
}

TEST_F(ArchiverTest, AFullSpoolStopsALiveOne) {
  options_.live = true;
  options_.spool.max_bytes = 64 << 10;
  HoldFrames();
  const auto archiver = Open();
  Result<> added;
  std::uint64_t count = 0;
  while ((added = TryAdd(*archiver, count))) ++count;
  EXPECT_EQ(added.error().code, ErrorCode::kResourceExhausted);
  EXPECT_GT(count, 30u);
  store_.WaitForHeld(count);
  store_.SetRule(nullptr);
  store_.AnswerAll();
  Finish(*archiver);
  ExpectSound(count);
}

TEST_F(ArchiverTest, AFullSpoolDropsTheOldestWhereThatIsAskedFor) {
  options_.live = true;
  options_.spool.max_bytes = 64 << 10;
  options_.spool_full = ArchiverOptions::SpoolFull::kDropOldest;
  budget_limit_.emplace(4, SystemClock());
  HoldFrames();
  const auto archiver = Open();
  Add(*archiver, 0);
  store_.WaitForHeld(1);
  AddMany(*archiver, 1, 299);
  const std::uint64_t dropped = archiver->status().dropped;
  EXPECT_GT(dropped, 100u);
  store_.SetRule(nullptr);
  store_.AnswerAll();
  Finish(*archiver);
  const VerifyReport report = ExpectSound(300);
  EXPECT_EQ(report.dropped, dropped);
  EXPECT_FALSE(lines().front().dropped);
  EXPECT_FALSE(lines().back().dropped);
  EXPECT_EQ(archiver->status().delivered, 300u);
}

TEST_F(ArchiverTest, ADamagedFrameIsADroppedOne) {
  HoldFrames();
  const auto archiver = Open();
  AddMany(*archiver, 0, 3);
  store_.WaitForHeld(3);
  disk_.Damage("000000000000.frames", 1500);
  store_.AnswerAll();
  Finish(*archiver);
  const VerifyReport report = ExpectSound(3);
  EXPECT_EQ(report.dropped, 1u);
  EXPECT_EQ(archiver->status().dropped, 1u);
}

TEST_F(ArchiverTest, ATransferThatWasGarbledIsTriedAgain) {
  HoldFrames();
  const auto archiver = Open();
  Add(*archiver, 0);
  store_.WaitForHeld(1);
  store_.Answer(KeyOf(0, 0), TestStore::Fails(ErrorCode::kDataLoss, "digest"));
  store_.WaitForHeld(1);
  store_.AnswerAll();
  Finish(*archiver);
  EXPECT_EQ(ExpectSound(1).dropped, 0u);
}

TEST_F(ArchiverTest, EqualFramesAreStoredOnce) {
  const auto archiver = Open();
  for (int i = 0; i < 5; ++i) Add(*archiver, 3);
  Finish(*archiver);
  const VerifyReport report = ExpectSound(5);
  EXPECT_EQ(report.objects, 1u);
  EXPECT_EQ(report.duplicates, 4u);
  EXPECT_EQ(archiver->status().duplicates, 4u);
  EXPECT_EQ(lines()[4].key, KeyOf(0, 3));
}

TEST_F(ArchiverTest, AClockThatGoesBackChangesNoOrder) {
  const auto archiver = Open();
  for (std::uint64_t seq = 0; seq < 10; ++seq) {
    TestFrame frame = MakeTestFrame(seq, 1000);
    frame.record.time -= std::chrono::hours(5 * seq);
    ASSERT_TRUE(archiver->Add({frame.record, frame.picture}, {}));
  }
  Finish(*archiver);
  ExpectSound(10);
  EXPECT_LT(lines()[9].frame.time, lines()[0].frame.time);
}

TEST_F(ArchiverTest, RunsCountStarts) {
  for (std::uint64_t run = 0; run < 3; ++run) {
    const auto archiver = Open();
    AddMany(*archiver, 2 * run, 2);
    Finish(*archiver);
  }
  {
    const auto archiver = Open(/*resumed=*/true);
    Add(*archiver, 6);
    Finish(*archiver);
  }
  std::vector<std::uint32_t> runs;
  for (const ManifestLine& line : lines()) runs.push_back(line.frame.run);
  EXPECT_THAT(runs, ElementsAre(0, 0, 1, 1, 2, 2, 2));
  ExpectSound(7);
}

TEST_F(ArchiverTest, ARunOfWhichNothingIsStoredYetCounts) {
  HoldFrames();
  { Add(*Open(), 0); }
  { Add(*Open(), 1); }
  store_.SetRule(nullptr);
  const auto archiver = Open();
  Add(*archiver, 2);
  Finish(*archiver);
  EXPECT_EQ(lines()[0].frame.run, 0u);
  EXPECT_EQ(lines()[2].frame.run, 2u);
}

TEST_F(ArchiverTest, GoesOnAfterTheStoresManifestWithoutAFolder) {
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 5);
    Finish(*archiver);
  }
  disk_ = TestFileSystem();
  const auto archiver = Open();
  EXPECT_EQ(archiver->status().next_seq, 5u);
  AddMany(*archiver, 5, 5);
  Finish(*archiver);
  ExpectSound(10);
  EXPECT_EQ(lines().back().frame.run, 1u);
}

TEST_F(ArchiverTest, RefusesAnArchiveThatWasContinuedElsewhere) {
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 5);
    Finish(*archiver);
  }
  const TestFileSystem here = std::exchange(disk_, TestFileSystem());
  {
    const auto archiver = Open();
    AddMany(*archiver, 5, 1);
    Finish(*archiver);
  }
  disk_ = here;
  const auto archiver = TryOpen();
  ASSERT_FALSE(archiver);
  EXPECT_EQ(archiver.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(archiver.error().message, HasSubstr("continued elsewhere"));
}

TEST_F(ArchiverTest, RefusesToGoOnWhereTheArchiveIsGone) {
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 1500);
    Finish(*archiver);
  }
  ASSERT_TRUE(store_.Delete(ManifestKey(0), {}));
  ASSERT_TRUE(store_.Delete(ManifestKey(1000), {}));
  const auto archiver = TryOpen();
  ASSERT_FALSE(archiver);
  EXPECT_THAT(archiver.error().message, HasSubstr("is gone"));
}

TEST_F(ArchiverTest, BelievesItsFolderWhileTheStoreDoesNotAnswer) {
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 5);
    Finish(*archiver);
  }
  store_.FailReads(Fail(ErrorCode::kUnavailable, "down"));
  EXPECT_TRUE(TryOpen());
  store_.FailReads(Fail(ErrorCode::kPermissionDenied, "AccessDenied"));
  const auto archiver = TryOpen();
  ASSERT_FALSE(archiver);
  EXPECT_EQ(archiver.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(ArchiverTest, PartsOfTheManifestAreStoredOneAfterTheOther) {
  store_.SetRule(
      [](const PutRequest& request, int) -> std::optional<PutOutcome> {
        if (IsManifest(request)) return std::nullopt;
        return TestStore::Stores();
      });
  const auto archiver = Open();
  AddMany(*archiver, 0, 5);
  EXPECT_THAT(store_.WaitForHeld(1), ElementsAre(ManifestKey(0)));
  AddMany(*archiver, 5, 1500);
  WaitForLines(1505);
  EXPECT_EQ(store_.held(), 1u);
  store_.AnswerAll(TestStore::Fails(ErrorCode::kUnavailable));
  EXPECT_THAT(store_.WaitForHeld(1), ElementsAre(ManifestKey(0)));
  store_.AnswerAll();
  EXPECT_THAT(store_.WaitForHeld(1), ElementsAre(ManifestKey(1000)));
  store_.SetRule(nullptr);
  store_.AnswerAll();
  Finish(*archiver);
  EXPECT_EQ(store_.most_held(), 1u);
  ExpectSound(1505);
}

TEST_F(ArchiverTest, AStopLeavesTheRestInTheSpool) {
  HoldFrames();
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 3);
    store_.WaitForHeld(3);
    store_.Answer(KeyOf(0, 0));
    WaitForLines(1);
    std::stop_source stop;
    std::thread finisher([&] {
      const auto finished = archiver->Finish(stop.get_token());
      ASSERT_FALSE(finished);
      EXPECT_EQ(finished.error().code, ErrorCode::kCancelled);
    });
    stop.request_stop();
    for (const std::uint64_t seq : {1, 2}) {
      store_.Answer(KeyOf(seq, seq), TestStore::Fails(ErrorCode::kUnavailable));
    }
    finisher.join();
  }
  EXPECT_EQ(Stored().size(), 1u);
  store_.SetRule(nullptr);
  const auto archiver = Open(/*resumed=*/true);
  Finish(*archiver);
  ExpectSound(3);
}

TEST_F(ArchiverTest, UploadsMayEndAfterIt) {
  HoldFrames();
  {
    const auto archiver = Open();
    AddMany(*archiver, 0, 5);
    store_.WaitForHeld(5);
  }
  EXPECT_EQ(budget_.in_flight(), 0);
  store_.AnswerAll();
  EXPECT_TRUE(lines().empty());
  store_.SetRule(nullptr);
  const auto archiver = Open(/*resumed=*/true);
  Finish(*archiver);
  ExpectSound(5);
}

TEST_F(ArchiverTest, TwoArchivesShareTheBudgetFairly) {
  budget_limit_.emplace(8, SystemClock());
  HoldFrames();
  const auto first = Open();
  AddMany(*first, 0, 100);
  store_.WaitForHeld(8);

  TestStore other_store;
  other_store.SetRule(
      [](const PutRequest& request, int) -> std::optional<PutOutcome> {
        if (IsManifest(request)) return TestStore::Stores();
        return std::nullopt;
      });
  ArchiverOptions other_options = options_;
  other_options.name = "other";
  other_options.on_lines = nullptr;
  auto second =
      Archiver::Open(other_options, std::make_unique<TestFileSystem>(),
                     other_store, *budget_limit_, metrics_);
  ASSERT_TRUE(second);
  AddMany(**second, 0, 100);
  while (other_store.held() < 4) {
    store_.Answer(store_.WaitForHeld(1).front());
  }
  store_.WaitForHeld(4);
  EXPECT_EQ(store_.held(), 4u);
  EXPECT_EQ(other_store.held(), 4u);
  for (TestStore* store : {&store_, &other_store}) {
    store->SetRule(nullptr);
    store->AnswerAll();
  }
  Finish(*first);
  Finish(**second);
  ExpectSound(100);
}

// Ends at any moment, as a kill does: nothing is missing, nothing twice.
TEST_F(ArchiverTest, GoesOnWhereverItWasCutOff) {
  std::mt19937 random(11);
  options_.live = true;
  store_.SetRule(
      [&random](const PutRequest&, int) -> std::optional<PutOutcome> {
        switch (random() % 8) {
          case 0:
            return TestStore::Fails(ErrorCode::kUnavailable);
          case 1:
            return std::nullopt;
          default:
            return TestStore::Stores();
        }
      });
  std::uint64_t taken = 0;
  std::mt19937 moments(5);
  for (int life = 0; life < 30; ++life) {
    const auto archiver = Open(/*resumed=*/life % 2 == 0);
    ASSERT_EQ(archiver->status().next_seq, taken);
    const std::uint64_t count = moments() % 40;
    AddMany(*archiver, taken, count);
    taken += count;
    const std::size_t delivered = lines().size() + moments() % 20;
    while (lines().size() < std::min<std::size_t>(delivered, taken)) {
      store_.AnswerAll();
      std::this_thread::yield();
    }
  }
  store_.SetRule(nullptr);
  store_.AnswerAll();
  const auto archiver = Open();
  Finish(*archiver);
  ExpectSound(taken);
  std::set<std::uint64_t> seqs;
  for (const ManifestLine& line : lines()) {
    EXPECT_TRUE(seqs.insert(line.frame.seq).second) << line.frame.seq;
  }
  EXPECT_EQ(seqs.size(), taken);
}

// The power fails at any call to the disk.
TEST_F(ArchiverTest, LosesNothingThatWasTakenWhenThePowerFails) {
  std::mt19937 random(13);
  for (int life = 0; life < 40; ++life) {
    disk_.FailPowerAfter(random() % 60);
    std::uint64_t durable = 0;
    {
      auto archiver = TryOpen();
      if (archiver) {
        (*archiver)->BeginRun(false);
        const std::uint64_t next = (*archiver)->status().next_seq;
        for (std::uint64_t i = 0; i < 20; ++i) {
          if (!TryAdd(**archiver, next + i)) break;
        }
        static_cast<void>((*archiver)->Finish({}));
        durable = next + (*archiver)->status().taken;
      }
    }
    disk_.PowerCut();
    const auto archiver = Open();
    EXPECT_GE(archiver->status().next_seq, durable);
    Finish(*archiver);
    ExpectSound(archiver->status().next_seq);
  }
}

TEST_F(ArchiverTest, CountsWhatItDoes) {
  const auto archiver = Open();
  AddMany(*archiver, 0, 3);
  Finish(*archiver);
  const std::string text = metrics_.Text();
  for (const char* line :
       {"ocelli_archive_frames_taken_total{task=\"cam\"} 3",
        "ocelli_archive_frames_stored_total{task=\"cam\"} 3",
        "ocelli_archive_uploads_failed_total{task=\"cam\"} 0",
        "ocelli_archive_dropped_total{task=\"cam\"} 0",
        "ocelli_archive_waiting_frames{task=\"cam\"} 0",
        "ocelli_archive_in_flight_uploads{task=\"cam\"} 0",
        "ocelli_archive_upload_seconds_count{task=\"cam\"} 3"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace ocelli
