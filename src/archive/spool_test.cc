#include "archive/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "archive/spool_record.h"
#include "archive/test_file_system.h"
#include "archive/test_spool.h"
#include "core/digest.h"

namespace ocelli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr SpoolOptions kSmall{.max_bytes = 1 << 20, .segment_bytes = 4000};

std::unique_ptr<Spool> OpenSpool(
    FileSystem& files, const SpoolOptions& options = kSmall,
    std::optional<std::uint64_t> released_through = std::nullopt) {
  auto spool = Spool::Open(files, options, released_through);
  EXPECT_TRUE(spool) << spool.error().message;
  return spool ? *std::move(spool) : nullptr;
}

// Frames with so many bytes each, counting from the spool's next.
void AppendFrames(Spool& spool, int count, std::size_t bytes = 1000) {
  for (int i = 0; i < count; ++i) {
    const TestFrame frame = MakeTestFrame(spool.next_seq(), bytes);
    const auto appended = spool.Append(frame.record, frame.picture);
    ASSERT_TRUE(appended) << appended.error().message;
  }
  ASSERT_TRUE(spool.Sync());
}

// What Next() gives until there is nothing: "3", "4 dropped", "5 damaged"; and
// its records and bodies are those of MakeTestFrame().
std::vector<std::string> GiveAll(Spool& spool, std::size_t bytes = 1000) {
  std::vector<std::string> given;
  for (;;) {
    auto frame = spool.Next();
    EXPECT_TRUE(frame) << frame.error().message;
    if (!frame || !*frame) return given;
    const std::uint64_t seq = (*frame)->record.seq;
    std::string text = std::to_string(seq);
    if (!(*frame)->damage.empty()) {
      text += " damaged";
    } else {
      EXPECT_EQ((*frame)->record, MakeTestFrame(seq, bytes).record);
      if ((*frame)->dropped) text += " dropped";
    }
    if (!(*frame)->dropped) {
      EXPECT_EQ(ReadAll((*frame)->body), MakeTestFrame(seq, bytes).picture);
    }
    given.push_back(text);
  }
}

TEST(SpoolTest, GivesFramesInOrderOnceTheyAreSynced) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  const TestFrame frame = MakeTestFrame(0, 1000);
  ASSERT_TRUE(spool->Append(frame.record, frame.picture));
  EXPECT_THAT(GiveAll(*spool), IsEmpty());
  ASSERT_TRUE(spool->Sync());
  EXPECT_THAT(GiveAll(*spool), ElementsAre("0"));
  AppendFrames(*spool, 9);
  EXPECT_EQ(spool->waiting(), 9u);
  EXPECT_THAT(GiveAll(*spool),
              ElementsAre("1", "2", "3", "4", "5", "6", "7", "8", "9"));
  EXPECT_EQ(spool->waiting(), 0u);
  EXPECT_EQ(spool->next_seq(), 10u);
}

TEST(SpoolTest, GivesWhatWaitsAgainWhenItIsOpenedAgain) {
  TestFileSystem files;
  {
    const auto spool = OpenSpool(files);
    AppendFrames(*spool, 10);
    EXPECT_EQ(GiveAll(*spool).size(), 10u);
    ASSERT_TRUE(spool->Release(5));
  }
  const auto spool = OpenSpool(files, kSmall, 5);
  EXPECT_EQ(spool->waiting(), 4u);
  EXPECT_THAT(GiveAll(*spool), ElementsAre("6", "7", "8", "9"));
  AppendFrames(*spool, 1);
  EXPECT_THAT(GiveAll(*spool), ElementsAre("10"));
}

TEST(SpoolTest, GoesOnAfterWhatWasReleased) {
  TestFileSystem files;
  const auto spool = OpenSpool(files, kSmall, 41);
  EXPECT_EQ(spool->next_seq(), 42u);
  AppendFrames(*spool, 1);
  EXPECT_THAT(GiveAll(*spool), ElementsAre("42"));
}

TEST(SpoolTest, ReleaseFreesWholeFilesAndBodiesStayReadable) {
  TestFileSystem files;
  auto spool = OpenSpool(files);
  AppendFrames(*spool, 10);  // 4 a file.
  const std::uint64_t before = spool->bytes();
  auto first = spool->Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(GiveAll(*spool).size(), 9u);
  ASSERT_TRUE(spool->Release(2));
  EXPECT_EQ(spool->bytes(), before);
  ASSERT_TRUE(spool->Release(8));
  EXPECT_EQ(spool->bytes(), before / 10 * 2);
  EXPECT_EQ(files.Content("000000000000.frames"), nullptr);
  EXPECT_EQ(ReadAll((*first)->body), MakeTestFrame(0, 1000).picture);
  // Where all is stored, nothing stays.
  ASSERT_TRUE(spool->Release(9));
  spool.reset();
  EXPECT_THAT(files.List().value(), IsEmpty());
}

TEST(SpoolTest, ABodyIsReadInAnyPartAndEndsWhereThePictureDoes) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  AppendFrames(*spool, 2);
  const auto frame = spool->Next();
  ASSERT_TRUE(frame && *frame);
  const TestFrame expected = MakeTestFrame(0, 1000);
  std::vector<std::byte> part(300);
  EXPECT_EQ((*frame)->body.read(900, part).value(), 100u);
  EXPECT_EQ(part[99], expected.picture[999]);
  EXPECT_EQ((*frame)->body.read(500, part).value(), 300u);
  EXPECT_EQ(part[0], expected.picture[500]);
  EXPECT_EQ((*frame)->body.read(1000, part).value(), 0u);
  EXPECT_EQ((*frame)->body.read(UINT64_MAX, part).value(), 0u);
}

TEST(SpoolTest, AFullSpoolTakesNothingUntilFramesAreReleased) {
  TestFileSystem files;
  const auto spool =
      OpenSpool(files, {.max_bytes = 5'600, .segment_bytes = 4'000});
  AppendFrames(*spool, 5);
  const TestFrame frame = MakeTestFrame(5, 1000);
  const auto full = spool->Append(frame.record, frame.picture);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(full.error().message,
              AllOf(HasSubstr("full"), HasSubstr("/spool/"),
                    HasSubstr("5520 of at most 5600 bytes")));
  EXPECT_EQ(spool->next_seq(), 5u);
  EXPECT_EQ(GiveAll(*spool).size(), 5u);
  ASSERT_TRUE(spool->Release(0));
  AppendFrames(*spool, 1);
  EXPECT_THAT(GiveAll(*spool), ElementsAre("5"));
}

TEST(SpoolTest, RefusesAFrameThatIsNotTheNext) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  TestFrame frame = MakeTestFrame(1, 1000);
  EXPECT_EQ(spool->Append(frame.record, frame.picture).error().code,
            ErrorCode::kInvalidArgument);
  frame = MakeTestFrame(0, 1000);
  frame.record.bytes = 999;
  EXPECT_EQ(spool->Append(frame.record, frame.picture).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(spool->bytes(), 0u);
}

TEST(SpoolTest, DroppingFreesSpaceAndDroppedFramesKeepTheirTurn) {
  TestFileSystem files;
  std::optional<SpooledFrame> in_flight;
  const auto dropped_of_20 =
      ElementsAre("4 dropped", "5 dropped", "6 dropped", "7 dropped",
                  "8 dropped", "9 dropped", "10 dropped", "11 dropped", "12",
                  "13", "14", "15", "16", "17", "18", "19");
  {
    const auto spool = OpenSpool(files);
    AppendFrames(*spool, 20);  // 4 a file.
    const std::uint64_t before = spool->bytes();
    in_flight = spool->Next().value();
    // The rest of a file of which one was given is not given up.
    EXPECT_EQ(spool->DropOldest().value(), 4u);
    EXPECT_EQ(spool->bytes(), before - 4 * 1000);
    EXPECT_EQ(spool->DropOldest().value(), 4u);
    EXPECT_EQ(spool->waiting(), 19u);
    EXPECT_EQ(files.Content("000000000004.frames"), nullptr);
    EXPECT_EQ(ReadAll(in_flight->body), MakeTestFrame(0, 1000).picture);
    EXPECT_EQ(GiveAll(*spool).size(), 19u);
    EXPECT_EQ(spool->DropOldest().value(), 0u);  // All was given.
  }
  files.PowerCut();
  const auto spool = OpenSpool(files, kSmall, 3);
  EXPECT_THAT(GiveAll(*spool), dropped_of_20);
}

TEST(SpoolTest, DroppingKeepsASpoolWithinItsSizeForever) {
  TestFileSystem files;
  const auto spool =
      OpenSpool(files, {.max_bytes = 50'000, .segment_bytes = 4'000});
  std::uint64_t dropped = 0;
  for (std::uint64_t seq = 0; seq < 300; ++seq) {
    const TestFrame frame = MakeTestFrame(seq, 1000);
    while (!spool->Append(frame.record, frame.picture)) {
      const auto count = spool->DropOldest();
      ASSERT_TRUE(count) << count.error().message;
      ASSERT_GT(*count, 0u);
      dropped += *count;
    }
    ASSERT_LE(spool->bytes(), 50'000u);
  }
  ASSERT_TRUE(spool->Sync());
  const auto given = GiveAll(*spool);
  ASSERT_EQ(given.size(), 300u);
  EXPECT_EQ(given[dropped - 1], std::to_string(dropped - 1) + " dropped");
  EXPECT_EQ(given[dropped], std::to_string(dropped));
  EXPECT_EQ(given.back(), "299");
}

TEST(SpoolTest, DamagedPicturesAndHeadsAreGivenAsDamagedInTheirTurn) {
  TestFileSystem files;
  { AppendFrames(*OpenSpool(files), 6); }
  {
    const auto spool = OpenSpool(files);
    AppendFrames(*spool, 1);  // Knows that those before were synced.
  }
  files.Damage("000000000000.frames", kSpoolHeadBytes + 500);
  files.Damage("000000000000.frames", 2 * 1104 + 20);
  files.Damage("000000000004.frames", 0);
  const auto spool = OpenSpool(files);
  const auto first = spool->Next().value();
  EXPECT_TRUE(first->dropped);
  EXPECT_EQ(first->record, MakeTestFrame(0, 1000).record);
  EXPECT_THAT(first->damage, AllOf(HasSubstr("frame 0"), HasSubstr("SHA-256")));
  EXPECT_THAT(GiveAll(*spool),
              ElementsAre("1", "2 damaged", "3", "4 damaged", "5", "6"));
}

TEST(SpoolTest, FramesOfAFileThatIsGoneAreGivenAsDamaged) {
  TestFileSystem files;
  { AppendFrames(*OpenSpool(files), 12); }
  { AppendFrames(*OpenSpool(files), 1); }
  ASSERT_TRUE(files.Remove("000000000004.frames"));
  const auto spool = OpenSpool(files);
  EXPECT_THAT(
      GiveAll(*spool),
      ElementsAre("0", "1", "2", "3", "4 damaged", "5 damaged", "6 damaged",
                  "7 damaged", "8", "9", "10", "11", "12"));
}

TEST(SpoolTest, AFileOfNothingButNoiseIsReadToItsEndOnce) {
  TestFileSystem files;
  { AppendFrames(*OpenSpool(files), 8); }
  { AppendFrames(*OpenSpool(files), 1); }
  files.Put("000000000004.frames", MakeTestFrame(0, 300'000).picture);
  const auto spool = OpenSpool(files);
  const std::uint64_t before = files.calls();
  EXPECT_THAT(GiveAll(*spool),
              ElementsAre("0", "1", "2", "3", "4 damaged", "5 damaged",
                          "6 damaged", "7 damaged", "8"));
  EXPECT_LT(files.calls() - before, 60u);
}

TEST(SpoolTest, AReadThatFailsGivesNothingUp) {
  TestFileSystem files;
  { AppendFrames(*OpenSpool(files), 3); }
  const auto spool = OpenSpool(files);
  for (std::uint64_t call = 0; call < 3; ++call) {  // Open, head, picture.
    files.FailCallAfter(call, ErrorCode::kDataLoss);
    const auto failed = spool->Next();
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, HasSubstr("spooled frame 0"));
  }
  EXPECT_THAT(GiveAll(*spool), ElementsAre("0", "1", "2"));
}

TEST(SpoolTest, AFullDiskLeavesNothingOfAFrameAndTheNextOneFits) {
  for (std::uint64_t call = 0; call < 2; ++call) {
    TestFileSystem files(call);
    const auto spool = OpenSpool(files);
    AppendFrames(*spool, 1);
    files.FailCallAfter(call, ErrorCode::kResourceExhausted);
    const TestFrame frame = MakeTestFrame(1, 1000);
    EXPECT_EQ(spool->Append(frame.record, frame.picture).error().code,
              ErrorCode::kResourceExhausted);
    EXPECT_EQ(files.Content("000000000000.frames")->size(), 1104u);
    EXPECT_EQ(spool->bytes(), 1104u);
    AppendFrames(*spool, 1);
    EXPECT_THAT(GiveAll(*spool), ElementsAre("0", "1"));
  }
}

TEST(SpoolTest, AfterAFailedSyncNothingIsWrittenAndTheRestIsGiven) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  AppendFrames(*spool, 2);
  const TestFrame frame = MakeTestFrame(2, 1000);
  ASSERT_TRUE(spool->Append(frame.record, frame.picture));
  files.FailCallAfter(0, ErrorCode::kDataLoss);
  EXPECT_FALSE(spool->Sync());
  const TestFrame next = MakeTestFrame(3, 1000);
  EXPECT_FALSE(spool->Append(next.record, next.picture));
  EXPECT_FALSE(spool->Sync());
  EXPECT_THAT(GiveAll(*spool), ElementsAre("0", "1"));
}

TEST(SpoolTest, AppendsWhileTheDiskSyncs) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  AppendFrames(*spool, 1);
  std::mutex mutex;
  std::condition_variable changed;
  bool syncing = false, appended = false;
  files.OnSync([&] {
    std::unique_lock lock(mutex);
    syncing = true;
    changed.notify_all();
    changed.wait(lock, [&] { return appended; });
  });
  const TestFrame before = MakeTestFrame(1, 1000), after = MakeTestFrame(2, 10);
  ASSERT_TRUE(spool->Append(before.record, before.picture));
  std::jthread syncer([&] { EXPECT_TRUE(spool->Sync()); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return syncing; });
  }
  ASSERT_TRUE(spool->Append(after.record, after.picture));
  EXPECT_THAT(GiveAll(*spool), ElementsAre("0"));
  {
    const std::lock_guard lock(mutex);
    appended = true;
    changed.notify_all();
  }
  syncer.join();
  // That one came after the call.
  EXPECT_THAT(GiveAll(*spool), ElementsAre("1"));
}

TEST(SpoolTest, ThreadsAppendSyncGiveAndReleaseAtOnce) {
  constexpr std::uint64_t kFrames = 400;
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  std::jthread appender([&] {
    for (std::uint64_t seq = 0; seq < kFrames; ++seq) {
      const TestFrame frame = MakeTestFrame(seq, 500);
      EXPECT_TRUE(spool->Append(frame.record, frame.picture));
    }
  });
  std::jthread syncer([&] {
    while (spool->next_seq() < kFrames) EXPECT_TRUE(spool->Sync());
    EXPECT_TRUE(spool->Sync());
  });
  for (std::uint64_t seq = 0; seq < kFrames;) {
    auto frame = spool->Next();
    ASSERT_TRUE(frame) << frame.error().message;
    if (!*frame) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ((*frame)->record, MakeTestFrame(seq, 500).record);
    EXPECT_EQ(ReadAll((*frame)->body), MakeTestFrame(seq, 500).picture);
    if (seq >= 5) {
      EXPECT_TRUE(spool->Release(seq - 5));
    }
    ++seq;
  }
}

}  // namespace
}  // namespace ocelli
