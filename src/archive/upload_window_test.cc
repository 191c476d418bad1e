#include "archive/upload_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "archive/test_spool.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr UploadWindow::Time kNow{seconds(1000)};

UploadWindowOptions TestOptions() {
  UploadWindowOptions options;
  options.tries = 3;
  options.first_wait = milliseconds(100);
  options.last_wait = milliseconds(1000);
  return options;
}

class UploadWindowTest : public testing::Test {
 protected:
  // Frames of the same `picture` are equal.
  void Push(std::uint64_t picture, std::chrono::minutes later = {}) {
    const TestFrame frame = MakeTestFrame(picture, 100);
    SpooledFrame spooled{
        .record = frame.record, .damage = {}, .body = BytesOf(frame.picture)};
    spooled.record.seq = window_.next_seq();
    spooled.record.time = MakeTestFrame(0, 1).record.time + later;
    window_.Push(std::move(spooled));
  }
  void PushDropped() {
    SpooledFrame spooled{.record = MakeTestFrame(0, 100).record,
                         .dropped = true,
                         .damage = {},
                         .body = {}};
    spooled.record.seq = window_.next_seq();
    window_.Push(std::move(spooled));
  }
  std::vector<std::uint64_t> BeginAll() {
    std::vector<std::uint64_t> seqs;
    while (auto upload = window_.Begin()) seqs.push_back(upload->seq);
    return seqs;
  }
  std::vector<std::uint64_t> Deliver() {
    std::vector<std::uint64_t> seqs;
    for (const ManifestLine& line : window_.Deliverable()) {
      seqs.push_back(line.frame.seq);
    }
    window_.Delivered(seqs.size());
    return seqs;
  }
  ManifestLine LineAt(std::size_t index) {
    return window_.Deliverable().at(index);
  }

  UploadWindow window_{TestOptions(), 10};
};

TEST_F(UploadWindowTest, DeliversFromTheFirstAsFarAsAllAreStored) {
  for (std::uint64_t picture = 0; picture < 4; ++picture) Push(picture);
  EXPECT_THAT(BeginAll(), ElementsAre(10, 11, 12, 13));
  window_.Stored(11);
  window_.Stored(13);
  EXPECT_THAT(Deliver(), ElementsAre());
  window_.Stored(10);
  EXPECT_THAT(Deliver(), ElementsAre(10, 11));
  window_.Stored(12);
  EXPECT_THAT(Deliver(), ElementsAre(12, 13));
  EXPECT_EQ(window_.next_seq(), 14u);
  EXPECT_EQ(window_.size(), 0u);
}

TEST_F(UploadWindowTest, ADroppedFrameHasItsTurnAndNoObject) {
  Push(1);
  PushDropped();
  EXPECT_THAT(BeginAll(), ElementsAre(10));
  EXPECT_THAT(Deliver(), ElementsAre());
  window_.Stored(10);
  EXPECT_TRUE(LineAt(1).dropped);
  EXPECT_EQ(LineAt(1).key, "");
  EXPECT_THAT(Deliver(), ElementsAre(10, 11));
}

TEST_F(UploadWindowTest, TriesAgainAfterItsWaitAndCountsTries) {
  Push(1);
  BeginAll();
  EXPECT_TRUE(window_.Failed(10, kNow, {}));
  ASSERT_TRUE(window_.NextReady());
  EXPECT_GE(*window_.NextReady(), kNow);
  EXPECT_LT(*window_.NextReady(), kNow + milliseconds(100));
  EXPECT_EQ(window_.ready(), 0u);
  window_.Advance(kNow + milliseconds(100));
  EXPECT_THAT(BeginAll(), ElementsAre(10));
  window_.Stored(10);
  EXPECT_EQ(LineAt(0).attempts, 2);
}

TEST_F(UploadWindowTest, SaysWhenTriesAreUsedUp) {
  Push(1);
  for (const bool more : {true, true, false}) {
    window_.Advance(kNow + seconds(10));
    ASSERT_THAT(BeginAll(), ElementsAre(10));
    EXPECT_EQ(window_.Failed(10, kNow, {}), more);
  }
  EXPECT_TRUE(window_.NextReady());
}

TEST_F(UploadWindowTest, ATryThatIsTakenBackDoesNotCount) {
  Push(1);
  BeginAll();
  window_.Returned(10);
  EXPECT_EQ(window_.uploading(), 0u);
  EXPECT_THAT(BeginAll(), ElementsAre(10));
  window_.Stored(10);
  EXPECT_EQ(LineAt(0).attempts, 1);
}

TEST_F(UploadWindowTest, TheOldestOfThoseThatAreReadyIsNext) {
  for (std::uint64_t picture = 0; picture < 3; ++picture) Push(picture);
  EXPECT_EQ(window_.Begin()->seq, 10u);
  EXPECT_EQ(window_.Begin()->seq, 11u);
  window_.Failed(11, kNow, {});
  window_.Failed(10, kNow, {});
  window_.Advance(kNow + milliseconds(100));
  EXPECT_THAT(BeginAll(), ElementsAre(10, 11, 12));
}

TEST_F(UploadWindowTest, WaitsAtLeastAsLongAsTheStoreAsks) {
  Push(1);
  BeginAll();
  window_.Failed(10, kNow, seconds(20));
  EXPECT_EQ(window_.NextReady(), kNow + seconds(20));
  window_.WakeAll();
  EXPECT_EQ(window_.NextReady(), kNow + seconds(20));
}

TEST_F(UploadWindowTest, WaitsEndWhenTheStoreIsBack) {
  for (std::uint64_t picture = 0; picture < 3; ++picture) Push(picture);
  BeginAll();
  for (const std::uint64_t seq : {10, 11, 12}) window_.Failed(seq, kNow, {});
  window_.WakeFirst();
  window_.Advance(kNow);
  EXPECT_EQ(BeginAll().size(), 1u);
  window_.WakeAll();
  window_.Advance(kNow);
  EXPECT_EQ(BeginAll().size(), 2u);
}

TEST_F(UploadWindowTest, EqualFramesAreUploadedOnce) {
  Push(1);
  Push(1);
  EXPECT_THAT(BeginAll(), ElementsAre(10));
  EXPECT_THAT(Deliver(), ElementsAre());
  window_.Stored(10);
  EXPECT_EQ(LineAt(1).key, LineAt(0).key);
  EXPECT_EQ(LineAt(1).attempts, 0);
  EXPECT_THAT(Deliver(), ElementsAre(10, 11));
  Push(1, minutes(60));
  EXPECT_THAT(BeginAll(), ElementsAre());
  EXPECT_EQ(LineAt(0).key, FrameKey([] {
              FrameRecord first = MakeTestFrame(1, 100).record;
              first.seq = 10;
              first.time = MakeTestFrame(0, 1).record.time;
              return first;
            }()));
}

TEST_F(UploadWindowTest, AnEqualFrameMuchLaterOrEarlierIsUploaded) {
  Push(1);
  Push(1, minutes(61));
  Push(1, minutes(-1));
  EXPECT_THAT(BeginAll(), ElementsAre(10, 11, 12));
}

TEST_F(UploadWindowTest, EqualFramesOutliveTheFirstOne) {
  for (int i = 0; i < 3; ++i) Push(1);
  BeginAll();
  window_.Lost(10);
  EXPECT_THAT(BeginAll(), ElementsAre(11));
  EXPECT_THAT(Deliver(), ElementsAre(10));
  window_.Stored(11);
  EXPECT_FALSE(LineAt(0).dropped);
  EXPECT_EQ(LineAt(0).attempts, 1);
  EXPECT_EQ(LineAt(1).key, LineAt(0).key);
  EXPECT_EQ(LineAt(1).attempts, 0);
  EXPECT_THAT(Deliver(), ElementsAre(11, 12));
}

TEST_F(UploadWindowTest, NoFrameRefersToALostOne) {
  Push(1);
  BeginAll();
  window_.Lost(10);
  Push(1);
  EXPECT_THAT(BeginAll(), ElementsAre(11));
}

TEST_F(UploadWindowTest, ManyDifferentFramesForgetTheFirst) {
  for (std::uint64_t picture = 0; picture < 4097; ++picture) Push(picture);
  BeginAll();
  for (std::uint64_t seq = 10; seq < 10 + 4097; ++seq) window_.Stored(seq);
  Push(4096);
  Push(0);
  EXPECT_THAT(BeginAll(), ElementsAre(10 + 4098));
}

TEST(BackoffTest, DoublesUpToTheLongestByChance) {
  const auto wait = [](int attempt, double chance) {
    return BackoffBefore(attempt, milliseconds(200), seconds(30), chance);
  };
  EXPECT_EQ(wait(1, 0.5), milliseconds(100));
  EXPECT_EQ(wait(2, 0.5), milliseconds(200));
  EXPECT_EQ(wait(5, 0.5), milliseconds(1600));
  EXPECT_EQ(wait(9, 0.5), seconds(15));
  EXPECT_EQ(wait(1'000'000, 0.5), seconds(15));
  EXPECT_EQ(wait(5, 0), milliseconds(0));
}

}  // namespace
}  // namespace ocelli
