#include <gtest/gtest.h>

#include <map>
#include <set>

#include "archive/archive_reader.h"
#include "archive/flaky_store.h"
#include "archive/test_archive.h"

namespace ocelli {
namespace {

using std::chrono::hours;

class PruneArchiveTest : public testing::Test {
 protected:
  Result<PruneReport> Prune(ObjectStore& store, std::uint64_t before_seq,
                            bool dry_run = false) {
    return PruneArchive(store, TestArchive::TimeOf(before_seq), dry_run,
                        TestArchive::TimeOf(0) + hours(24), {}, {});
  }
  PruneReport Prune(std::uint64_t before_seq, bool dry_run = false) {
    const auto report = Prune(*store_, before_seq, dry_run);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : PruneReport{};
  }

  void ExpectClean(ObjectStore& store) {
    const auto report = VerifyArchive(store, {}, {});
    ASSERT_TRUE(report) << report.error().message;
    for (const Finding& finding : report->findings) {
      ADD_FAILURE() << finding.where << ": " << finding.message;
    }
    EXPECT_EQ(report->head, archive_.head());
  }

  std::set<std::string> Keys() {
    std::set<std::string> keys;
    EXPECT_TRUE(store_->List("",
                             [&](const ObjectInfo& info) -> Result<> {
                               keys.insert(info.key);
                               return {};
                             },
                             {}));
    return keys;
  }

  const std::unique_ptr<ObjectStore> store_ = MakeMemoryObjectStore();
  TestArchive archive_{*store_};
};

TEST_F(PruneArchiveTest, DeletesWhatIsOlderAndLeavesACleanArchive) {
  archive_.AddFrames(12);
  archive_.End();
  archive_.StoreManifest();
  const PruneReport report = Prune(6);
  EXPECT_EQ(report.frames, 6u);
  EXPECT_EQ(report.objects, 6u);
  EXPECT_EQ(report.bytes, 6 * TestArchive::PictureOf(0).size());
  EXPECT_EQ(report.segments, 1u);
  EXPECT_EQ(report.through, 5u);
  const auto keys = Keys();
  EXPECT_FALSE(keys.contains(archive_.KeyOf(5)));
  EXPECT_TRUE(keys.contains(archive_.KeyOf(6)));
  EXPECT_FALSE(keys.contains(ManifestKey(0)));
  EXPECT_TRUE(keys.contains(ManifestKey(4)));
  const PrunedPart pruned = ReadPrunedPart(*store_, {}).value().value();
  EXPECT_EQ(pruned.through, 5u);
  EXPECT_EQ(pruned.first_seq, 4u);
  EXPECT_EQ(pruned.chain, archive_.lines()[3].chain);
  EXPECT_EQ(pruned.time, TestArchive::TimeOf(0) + hours(24));
  EXPECT_TRUE(pruned.done);
  ExpectClean(*store_);
  EXPECT_EQ(VerifyArchive(*store_, {}, {}).value().pruned, 6u);
}

TEST_F(PruneArchiveTest, ADryRunTellsTheSameAndDeletesNothing) {
  archive_.AddFrames(12);
  archive_.End();
  archive_.StoreManifest();
  const auto keys = Keys();
  const PruneReport dry = Prune(6, true);
  EXPECT_EQ(Keys(), keys);
  const PruneReport real = Prune(6);
  EXPECT_EQ(dry.frames, real.frames);
  EXPECT_EQ(dry.objects, real.objects);
  EXPECT_EQ(dry.bytes, real.bytes);
  EXPECT_EQ(dry.segments, real.segments);
}

TEST_F(PruneArchiveTest, TheLastSegmentStaysSoThatTheArchiveCanGoOn) {
  archive_.AddFrames(12);
  archive_.End();
  archive_.StoreManifest();
  Prune(1000);
  EXPECT_EQ(Keys(),
            (std::set<std::string>{ManifestKey(12), std::string(kPrunedKey)}));
  EXPECT_EQ(ReadLastLine(*store_, {}).value(), archive_.lines().back());
  ExpectClean(*store_);
}

TEST_F(PruneArchiveTest, DoesNothingWhereNothingIsOlder) {
  archive_.AddFrames(6);
  archive_.End();
  archive_.StoreManifest();
  const auto keys = Keys();
  EXPECT_EQ(Prune(0).through, std::nullopt);
  EXPECT_EQ(Keys(), keys);
  Prune(3);
  const auto pruned = ReadPrunedPart(*store_, {}).value();
  const PruneReport again = Prune(2);
  EXPECT_EQ(again.frames, 0u);
  EXPECT_EQ(again.objects, 0u);
  EXPECT_EQ(again.through, 2u);
  EXPECT_EQ(ReadPrunedPart(*store_, {}).value(), pruned);
}

TEST_F(PruneArchiveTest, GoesOnWhereTheLastOneEnded) {
  archive_.AddFrames(20);
  archive_.End();
  archive_.StoreManifest();
  Prune(6);
  const PruneReport report = Prune(11);
  EXPECT_EQ(report.frames, 5u);
  EXPECT_EQ(report.objects, 5u);
  EXPECT_EQ(report.segments, 1u);
  ExpectClean(*store_);
}

TEST_F(PruneArchiveTest, KeepsObjectsThatYoungerLinesReferTo) {
  archive_.AddFrames(6);
  archive_.AddEqual(1);
  archive_.AddFrames(5);
  archive_.AddEqual(1);
  archive_.AddFrames(3);
  archive_.End();
  archive_.StoreManifest();
  const PruneReport first = Prune(10);
  EXPECT_EQ(first.frames, 10u);
  EXPECT_EQ(first.objects, 8u);
  EXPECT_EQ(first.kept_for_duplicates, 1u);
  EXPECT_TRUE(Keys().contains(archive_.KeyOf(1)));
  ExpectClean(*store_);
  // Its own line is gone with its segment by now.
  const PruneReport second = Prune(14);
  EXPECT_EQ(second.frames, 4u);
  EXPECT_EQ(second.objects, 4u);
  EXPECT_EQ(second.kept_for_duplicates, 0u);
  EXPECT_FALSE(Keys().contains(archive_.KeyOf(1)));
  ExpectClean(*store_);
}

TEST_F(PruneArchiveTest, DroppedFramesHaveNothingToDelete) {
  archive_.AddFrames(2);
  archive_.AddDropped();
  archive_.AddFrames(3);
  archive_.End();
  archive_.StoreManifest();
  EXPECT_EQ(Prune(4).objects, 3u);
  ExpectClean(*store_);
}

TEST_F(PruneArchiveTest, AnArchiveWithoutAnEndKeepsTheLastHours) {
  archive_.AddFrames(12);
  archive_.StoreManifest();
  const auto now = TestArchive::TimeOf(6) + hours(1);
  const auto refused =
      PruneArchive(*store_, TestArchive::TimeOf(6), false, now, {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(PruneArchive(*store_, TestArchive::TimeOf(6), false,
                           now + hours(1), {}, {}));
  ExpectClean(*store_);
}

TEST_F(PruneArchiveTest, ABrokenLineStopsItBeforeAnythingIsDeleted) {
  archive_.AddFrames(12);
  archive_.End();
  archive_.StoreManifest();
  std::string text = TextOf(*store_, ManifestKey(8));
  text[3] = 'x';
  PutText(*store_, ManifestKey(8), text);
  const auto keys = Keys();
  EXPECT_EQ(Prune(*store_, 6).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(Keys(), keys);
}

TEST_F(PruneArchiveTest, WhereThereIsNoArchiveIsAnError) {
  EXPECT_EQ(Prune(*store_, 6).error().code, ErrorCode::kNotFound);
}

// Cut off before each of its changes in turn, and again when it goes on.
TEST(PruneArchive, IsCleanAtEveryMomentAndGoesOnWhereItWasCutOff) {
  for (int changes = 0;; ++changes) {
    SCOPED_TRACE(changes);
    const auto store = MakeMemoryObjectStore();
    TestArchive archive(*store);
    archive.AddFrames(6);
    archive.AddEqual(1);
    archive.AddDropped();
    archive.AddFrames(4);
    archive.AddEqual(2);
    archive.AddFrames(7);
    archive.End();
    archive.StoreManifest();
    const auto now = TestArchive::TimeOf(0) + hours(24);
    // Deletes are done several at a time.
    std::atomic<int> left = changes;
    FlakyStore dying(
        *store, [&](const std::string& call, const std::string&) -> Result<> {
          if ((call == "put" || call == "delete") && left.fetch_sub(1) <= 0) {
            return Fail(ErrorCode::kPermissionDenied, "killed");
          }
          return {};
        });
    const auto expect_clean = [&] {
      const auto report = VerifyArchive(*store, {}, {});
      ASSERT_TRUE(report) << report.error().message;
      for (const Finding& finding : report->findings) {
        ADD_FAILURE() << finding.where << ": " << finding.message;
      }
      EXPECT_EQ(report->head, archive.head());
    };
    const auto first =
        PruneArchive(dying, TestArchive::TimeOf(10), false, now, {}, {});
    expect_clean();
    left = changes / 2;
    const auto second =
        PruneArchive(dying, TestArchive::TimeOf(15), false, now, {}, {});
    expect_clean();
    const auto last =
        PruneArchive(*store, TestArchive::TimeOf(15), false, now, {}, {});
    ASSERT_TRUE(last) << last.error().message;
    expect_clean();
    std::set<std::string> keys;
    ASSERT_TRUE(store->List("",
                            [&](const ObjectInfo& info) -> Result<> {
                              keys.insert(info.key);
                              return {};
                            },
                            {}));
    std::set<std::string> expected = {ManifestKey(12), ManifestKey(16),
                                      ManifestKey(20), std::string(kPrunedKey)};
    for (std::uint64_t seq = 15; seq < 20; ++seq) {
      expected.insert(archive.KeyOf(seq));
    }
    EXPECT_EQ(keys, expected);
    if (second) break;
  }
}

}  // namespace
}  // namespace ocelli
