#include "archive/manifest_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "archive/archive_reader.h"
#include "archive/test_archive.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Counts what is read.
class CountingStore final : public ObjectStore {
 public:
  Result<> Check(std::stop_token stop) override { return kept_->Check(stop); }
  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    kept_->StartPut(std::move(request), std::move(done));
  }
  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token stop) override {
    if (FirstSeqOf(key)) ++segments_read;
    return kept_->Get(key, max_bytes, stop);
  }
  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token stop) override {
    return kept_->Head(key, stop);
  }
  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    ++lists;
    return kept_->List(prefix, each, stop);
  }
  Result<> Delete(const std::string& key, std::stop_token stop) override {
    return kept_->Delete(key, stop);
  }
  std::string UrlOf(const std::string& key) const override {
    return kept_->UrlOf(key);
  }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds valid,
      std::chrono::system_clock::time_point now) const override {
    return kept_->PresignedUrl(key, valid, now);
  }
  const std::string& root() const override { return kept_->root(); }

  int segments_read = 0;
  int lists = 0;

 private:
  const std::unique_ptr<ObjectStore> kept_ = MakeMemoryObjectStore();
};

class ManifestViewTest : public testing::Test {
 protected:
  // Four lines a segment: seqs 0 to 3, 4 to 7, ...
  void Archive(int frames) {
    archive_.AddFrames(frames);
    archive_.StoreManifest();
  }
  std::vector<std::uint64_t> Seqs(std::uint64_t from, std::uint64_t step,
                                  std::size_t most, bool more) {
    const auto part = view_.Frames(from, step, most, {});
    EXPECT_TRUE(part) << part.error().message;
    std::vector<std::uint64_t> seqs;
    for (const ManifestLine& line : part->frames) {
      seqs.push_back(line.frame.seq);
    }
    EXPECT_EQ(part->more, more);
    return seqs;
  }

  CountingStore store_;
  TestArchive archive_{store_};
  FixedClock clock_{std::chrono::system_clock::time_point()};
  ManifestView view_{store_, {.kept_lines = 9}, clock_};
};

TEST_F(ManifestViewTest, PagesFollowEachOther) {
  Archive(10);
  EXPECT_THAT(Seqs(0, 1, 4, true), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Seqs(4, 1, 5, true), ElementsAre(4, 5, 6, 7, 8));
  EXPECT_THAT(Seqs(9, 1, 5, false), ElementsAre(9));
  EXPECT_THAT(Seqs(10, 1, 5, false), IsEmpty());
}

TEST_F(ManifestViewTest, AStepReadsOnlySegmentsThatItTouches) {
  Archive(40);
  EXPECT_THAT(Seqs(1, 13, 100, false), ElementsAre(1, 14, 27));
  EXPECT_LE(store_.segments_read, 4);
  EXPECT_THAT(Seqs(3, 10, 2, true), ElementsAre(3, 13));
}

TEST_F(ManifestViewTest, AnyNumbersAreFine) {
  Archive(5);
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THAT(Seqs(kMost, 1, 10, false), IsEmpty());
  EXPECT_THAT(Seqs(kMost - 1, kMost, 10, false), IsEmpty());
  EXPECT_THAT(Seqs(2, kMost, 10, false), ElementsAre(2));
  EXPECT_THAT(Seqs(2, kMost - 1, 10, false), ElementsAre(2));
}

TEST_F(ManifestViewTest, SegmentsAreReadOnceWhileThereIsRoom) {
  Archive(12);
  EXPECT_THAT(Seqs(0, 1, 8, true), testing::SizeIs(8));
  const int read = store_.segments_read;
  EXPECT_THAT(Seqs(4, 1, 4, true), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(store_.segments_read, read);
  EXPECT_EQ(store_.lists, 1);
}

TEST_F(ManifestViewTest, WhatGrowsIsSeenAfterAWhile) {
  Archive(6);
  EXPECT_EQ(view_.FirstAndLast({})->last->frame.seq, 5u);
  Archive(10);
  EXPECT_EQ(view_.FirstAndLast({})->last->frame.seq, 5u);
  clock_.Advance(std::chrono::seconds(3));
  EXPECT_EQ(view_.FirstAndLast({})->last->frame.seq, 15u);
  EXPECT_THAT(Seqs(4, 1, 5, true), ElementsAre(4, 5, 6, 7, 8));
}

TEST_F(ManifestViewTest, EndsOfRunsAreNoFrames) {
  archive_.AddFrames(3);
  archive_.End();
  archive_.AddFrames(2);
  archive_.End();
  archive_.StoreManifest();
  EXPECT_THAT(Seqs(0, 1, 10, false), ElementsAre(0, 1, 2, 3, 4));
  const auto ends = view_.FirstAndLast({});
  ASSERT_TRUE(ends);
  EXPECT_EQ(ends->first->frame.seq, 0u);
  EXPECT_EQ(ends->last->frame.seq, 4u);
}

TEST_F(ManifestViewTest, AFrameIsFoundByItsSeq) {
  archive_.AddFrames(3);
  archive_.AddDropped();
  archive_.AddEqual(1);
  archive_.StoreManifest();
  EXPECT_EQ(view_.Frame(4, {})->key, archive_.KeyOf(1));
  EXPECT_TRUE(view_.Frame(3, {})->dropped);
  EXPECT_EQ(view_.Frame(5, {}).error().code, ErrorCode::kNotFound);
}

TEST_F(ManifestViewTest, WithoutAnArchiveThatIsSaid) {
  EXPECT_EQ(view_.Frames(0, 1, 10, {}).error().code, ErrorCode::kNotFound);
}

TEST_F(ManifestViewTest, ABrokenLineIsDataLoss) {
  Archive(6);
  PutText(store_, ManifestKey(4), "no line\n");
  EXPECT_THAT(Seqs(0, 1, 3, true), ElementsAre(0, 1, 2));
  const auto broken = view_.Frames(4, 1, 3, {});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kDataLoss);
}

TEST_F(ManifestViewTest, WhatWasPrunedIsGone) {
  Archive(12);
  EXPECT_EQ(view_.FirstAndLast({})->first->frame.seq, 0u);
  PutText(store_, std::string(kPrunedKey),
          FormatPrunedPart({.through = 4,
                            .first_seq = 4,
                            .chain = Digest(),
                            .time = TestArchive::TimeOf(0),
                            .done = true}));
  clock_.Advance(std::chrono::seconds(3));
  EXPECT_EQ(view_.FirstAndLast({})->first->frame.seq, 4u);
  EXPECT_THAT(Seqs(0, 3, 2, false), ElementsAre(6, 9));
  EXPECT_EQ(view_.Frame(1, {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ocelli
