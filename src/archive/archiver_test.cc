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
                          store_, budget_, metrics_);
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
    store_.SetRule([](const PutRequest& request) -> std::optional<PutOutcome> {
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

}  // namespace
}  // namespace ocelli
