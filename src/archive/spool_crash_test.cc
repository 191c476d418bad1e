// Power and disk fail at every call of a spool's life, and of its recovery.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "archive/spool.h"
#include "archive/test_file_system.h"
#include "archive/test_spool.h"

namespace ocelli {
namespace {

// Files of a few frames, and room for a few files.
constexpr SpoolOptions kOptions{.max_bytes = 30'000, .segment_bytes = 3'000};

// A spool, and what it promised so far.
class SpoolLife {
 public:
  explicit SpoolLife(std::uint64_t seed) : files_(seed), random_(seed) {}

  TestFileSystem& files() { return files_; }

  // False: it failed.
  bool Open() {
    spool_.reset();
    auto spool = Spool::Open(files_, kOptions, released_through_);
    if (!spool) return false;
    spool_ = *std::move(spool);
    return true;
  }

  // Does anything, until something fails or it was done so often. A frame's
  // content is another in each life.
  bool Live(int actions) {
    ++version_;
    for (int i = 0; i < actions; ++i) {
      const auto what = random_() % 20;
      if (!(what < 10   ? Append()
            : what < 13 ? Sync()
            : what < 17 ? Next()
            : what < 19 ? Release()
                        : Drop())) {
        return false;
      }
    }
    return true;
  }

  // Everything promised is there, and nothing that nobody appended.
  void Check() {
    ASSERT_NE(spool_, nullptr);
    const std::uint64_t end = spool_->next_seq();
    const std::uint64_t first = released_through_ ? *released_through_ + 1 : 0;
    EXPECT_GE(end, std::max(synced_, first));
    EXPECT_EQ(spool_->waiting(), end - first);
    for (std::uint64_t seq = first; seq < end; ++seq) {
      auto frame = spool_->Next();
      ASSERT_TRUE(frame) << frame.error().message;
      ASSERT_TRUE(*frame) << seq;
      EXPECT_EQ((*frame)->damage, "");
      ASSERT_TRUE(frames_.contains(seq)) << seq << " of " << end;
      EXPECT_EQ((*frame)->record, frames_.at(seq).record);
      if ((*frame)->dropped) {
        EXPECT_TRUE(may_be_dropped_.contains(seq)) << seq;
      } else {
        EXPECT_FALSE(dropped_.contains(seq)) << seq;
        EXPECT_EQ(ReadAll((*frame)->body), frames_.at(seq).picture) << seq;
      }
    }
    auto none = spool_->Next();
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    frames_.erase(frames_.lower_bound(end), frames_.end());
    synced_ = may_be_synced_ = end;
    // What is given starts anew, with what is opened next.
    ASSERT_TRUE(Open());
    given_ = first;
    EXPECT_EQ(spool_->next_seq(), end);
    EXPECT_LE(spool_->bytes(), kOptions.max_bytes);
  }

  bool Sync() {
    const std::uint64_t end = may_be_synced_ = spool_->next_seq();
    if (!spool_->Sync()) return false;
    synced_ = end;
    return true;
  }

  bool Append() {
    const std::uint64_t seq = spool_->next_seq();
    const TestFrame frame = MakeTestFrame(seq, random_() % 1500, version_);
    frames_.insert_or_assign(seq, frame);
    const auto appended = spool_->Append(frame.record, frame.picture);
    if (appended) {
      EXPECT_EQ(spool_->next_seq(), seq + 1);
      return true;
    }
    EXPECT_EQ(spool_->next_seq(), seq);
    return files_.power() &&
           appended.error().code == ErrorCode::kResourceExhausted;
  }

  bool Next() {
    auto frame = spool_->Next();
    if (!frame) return false;
    if (!*frame) return true;
    const std::uint64_t seq = (*frame)->record.seq;
    EXPECT_EQ(seq, given_);
    EXPECT_LT(seq, may_be_synced_);
    EXPECT_EQ((*frame)->record, frames_.at(seq).record);
    EXPECT_EQ((*frame)->damage, "");
    if ((*frame)->dropped) dropped_.insert(seq);
    given_ = seq + 1;
    return true;
  }

  bool Release() {
    const std::uint64_t first = released_through_ ? *released_through_ + 1 : 0;
    if (given_ == first) return true;
    // As the manifest, which is synced before.
    released_through_ = first + random_() % (given_ - first);
    return bool(spool_->Release(*released_through_));
  }

  bool Drop() {
    const std::uint64_t end = may_be_synced_ = spool_->next_seq();
    for (std::uint64_t seq = given_; seq < end; ++seq) {
      may_be_dropped_.insert(seq);
    }
    auto count = spool_->DropOldest();
    if (!count) return false;
    synced_ = end;  // It syncs.
    drops_ += *count > 0;
    return true;
  }

  int drops() const { return drops_; }

 private:
  TestFileSystem files_;
  std::mt19937_64 random_;
  std::unique_ptr<Spool> spool_;
  std::uint32_t version_ = 0;

  std::map<std::uint64_t, TestFrame> frames_;  // Appended, or begun to be.
  std::uint64_t synced_ = 0, may_be_synced_ = 0;
  std::uint64_t given_ = 0;
  std::optional<std::uint64_t> released_through_;
  std::set<std::uint64_t> may_be_dropped_, dropped_;
  int drops_ = 0;
};

constexpr int kActions = 60;

TEST(SpoolCrashTest, NothingSyncedIsLostWhenPowerFailsAtAnyCall) {
  bool survived = false;
  int drops = 0;
  for (std::uint64_t call = 0; !survived; ++call) {
    survived = true;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      SCOPED_TRACE("call " + std::to_string(call) + ", seed " +
                   std::to_string(seed));
      SpoolLife life(seed * 1000 + call);
      for (int cuts = 0; cuts < 3; ++cuts) {
        life.files().FailPowerAfter(call);
        if (life.Open() && life.Live(kActions)) {
          survived &= life.files().power();
        } else {
          survived = false;
          ASSERT_FALSE(life.files().power());
        }
        life.files().PowerCut();
        // It may fail amid the recovery too, and amid that of this.
        life.files().FailPowerAfter(call % 23);
        if (!life.Open()) {
          life.files().PowerCut();
          life.files().FailPowerAfter(call % 7);
          if (!life.Open()) life.files().PowerCut();
        }
        life.files().PowerCut();
        ASSERT_TRUE(life.Open());
        ASSERT_NO_FATAL_FAILURE(life.Check());
        if (testing::Test::HasFailure()) return;
      }
      drops += life.drops();
    }
  }
  EXPECT_GT(drops, 100);
}

TEST(SpoolCrashTest, RecoveryCanFailAtEachOfItsCalls) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    bool recovered = false;
    for (std::uint64_t call = 0; !recovered; ++call) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", call " +
                   std::to_string(call));
      SpoolLife life(seed);
      ASSERT_TRUE(life.Open());
      life.files().FailPowerAfter(60 + seed * 5);
      EXPECT_FALSE(life.Live(1000));
      life.files().PowerCut();
      life.files().FailPowerAfter(call);
      recovered = life.Open();
      ASSERT_LT(call, 2000u);
      life.files().PowerCut();
      ASSERT_TRUE(life.Open());
      ASSERT_NO_FATAL_FAILURE(life.Check());
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(SpoolCrashTest, FullAndBrokenDisksLoseNothingSynced) {
  for (const auto code :
       {ErrorCode::kResourceExhausted, ErrorCode::kDataLoss}) {
    for (std::uint64_t call = 0; call < 220; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      SpoolLife life(call);
      ASSERT_TRUE(life.Open());
      life.files().FailCallAfter(call, code);
      // A process that goes on after any failure that lets it.
      for (int i = 0; i < 10; ++i) static_cast<void>(life.Live(kActions / 10));
      static_cast<void>(life.Sync());
      life.files().PowerCut();
      ASSERT_TRUE(life.Open());
      ASSERT_NO_FATAL_FAILURE(life.Check());
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace ocelli
