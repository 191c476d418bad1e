#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "archive/archive_reader.h"
#include "archive/flaky_store.h"
#include "archive/test_archive.h"

namespace ocelli {
namespace {

using Kind = Finding::Kind;

class VerifyArchiveTest : public testing::Test {
 protected:
  VerifyReport Verify() {
    const auto report = VerifyArchive(*store_, options_, {});
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }

  // "kind where" of each finding, sorted.
  std::vector<std::string> Findings() {
    const std::map<Kind, std::string> names = {
        {Kind::kBrokenLine, "broken line"}, {Kind::kBrokenChain, "chain"},
        {Kind::kOutOfOrder, "order"},       {Kind::kMissing, "missing"},
        {Kind::kChanged, "changed"},        {Kind::kAdded, "added"},
        {Kind::kWrongHead, "head"}};
    std::vector<std::string> found;
    for (const Finding& finding : Verify().findings) {
      EXPECT_FALSE(finding.message.empty());
      found.push_back(names.at(finding.kind) + " " + finding.where);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  using Found = std::vector<std::string>;

  // Twelve frames in segments of four lines, and an end.
  void MakeArchive() {
    archive_.AddFrames(12);
    archive_.End();
    archive_.StoreManifest();
  }

  // Lines of a segment, to be changed.
  std::vector<std::string> LinesOf(std::uint64_t first_seq) {
    std::vector<std::string> lines;
    std::string text = TextOf(*store_, ManifestKey(first_seq));
    for (std::size_t end; (end = text.find('\n')) != text.npos;) {
      lines.push_back(text.substr(0, end));
      text.erase(0, end + 1);
    }
    return lines;
  }
  void StoreLines(std::uint64_t first_seq,
                  const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    PutText(*store_, ManifestKey(first_seq), text);
  }

  static std::string Line(std::uint64_t first_seq, int number) {
    return ManifestKey(first_seq) + ", line " + std::to_string(number);
  }

  const std::unique_ptr<ObjectStore> store_ = MakeMemoryObjectStore();
  TestArchive archive_{*store_};
  VerifyOptions options_;
};

TEST_F(VerifyArchiveTest, AnArchiveAsItWasMadeHasNoFindings) {
  archive_.AddFrames(6);
  archive_.AddEqual(2);
  archive_.AddDropped();
  archive_.AddEqual(2);
  archive_.End();
  archive_.AddFrames(3);
  archive_.End();
  archive_.StoreManifest();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> progress;
  options_.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.emplace_back(done, total);
  };
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().where << ": "
                                       << report.findings.front().message;
  EXPECT_EQ(report.frames, 12u);
  EXPECT_EQ(report.objects, 9u);
  EXPECT_EQ(report.bytes, 9 * TestArchive::PictureOf(0).size());
  EXPECT_EQ(report.duplicates, 2u);
  EXPECT_EQ(report.dropped, 1u);
  EXPECT_EQ(report.pruned, 0u);
  EXPECT_EQ(report.in_flight, 0u);
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.first, archive_.lines().front());
  EXPECT_EQ(report.last, archive_.lines().back());
  EXPECT_EQ(report.head, archive_.head());
  ASSERT_EQ(progress.size(), 9u);
  EXPECT_EQ(progress.back(), std::pair(std::uint64_t{9}, std::uint64_t{9}));
}

TEST_F(VerifyArchiveTest, WhereThereIsNoArchiveIsAnError) {
  EXPECT_EQ(VerifyArchive(*store_, options_, {}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(VerifyArchiveTest, FindsAChangedFrame) {
  MakeArchive();
  PutText(*store_, archive_.KeyOf(5), "picture 999");
  EXPECT_EQ(Findings(), Found{"changed " + archive_.KeyOf(5)});
}

TEST_F(VerifyArchiveTest, FindsAFrameOfAnotherSizeWithoutFetchingIt) {
  MakeArchive();
  PutText(*store_, archive_.KeyOf(5), "pict");
  FlakyStore unread(
      *store_, [](const std::string& call, const std::string& key) -> Result<> {
        if (call == "get" && key.ends_with(".jpg")) {
          return Fail(ErrorCode::kPermissionDenied, "not to be fetched");
        }
        return {};
      });
  options_.contents = false;
  const auto report = VerifyArchive(unread, options_, {});
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->findings.size(), 1u);
  EXPECT_EQ(report->findings[0].kind, Kind::kChanged);
  EXPECT_EQ(report->findings[0].where, archive_.KeyOf(5));
}

TEST_F(VerifyArchiveTest, FindsARemovedFrame) {
  MakeArchive();
  ASSERT_TRUE(store_->Delete(archive_.KeyOf(5)));
  EXPECT_EQ(Findings(), Found{"missing " + archive_.KeyOf(5)});
  options_.contents = false;
  EXPECT_EQ(Findings(), Found{"missing " + archive_.KeyOf(5)});
}

TEST_F(VerifyArchiveTest, FindsTheRemovedObjectOfEqualFramesOnce) {
  archive_.AddFrames(2);
  archive_.AddEqual(0);
  archive_.AddEqual(0);
  archive_.StoreManifest();
  ASSERT_TRUE(store_->Delete(archive_.KeyOf(0)));
  EXPECT_EQ(Findings(), Found{"missing " + archive_.KeyOf(0)});
}

TEST_F(VerifyArchiveTest, FindsAnAddedFrame) {
  MakeArchive();
  PutText(*store_, "2024/11/25/14/000000000005-00000000.jpg", "another 5");
  PutText(*store_, "2024/11/25/14/000000000012-00000000.jpg", "after the end");
  PutText(*store_, "notes.txt", "hello");
  PutText(*store_, "manifest/notes.txt", "hello");
  EXPECT_EQ(Findings(), (Found{"added 2024/11/25/14/000000000005-00000000.jpg",
                               "added 2024/11/25/14/000000000012-00000000.jpg",
                               "added manifest/notes.txt", "added notes.txt"}));
}

TEST_F(VerifyArchiveTest, FramesOnTheirWayAreNoFindings) {
  archive_.AddFrames(6);
  archive_.StoreManifest();
  archive_.AddFrames(2);
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.in_flight, 2u);
  EXPECT_FALSE(report.ended);
}

TEST_F(VerifyArchiveTest, FindsTwoSwappedFrames) {
  MakeArchive();
  PutText(*store_, archive_.KeyOf(5), TestArchive::PictureOf(6));
  PutText(*store_, archive_.KeyOf(6), TestArchive::PictureOf(5));
  EXPECT_EQ(Findings(), (Found{"changed " + archive_.KeyOf(5),
                               "changed " + archive_.KeyOf(6)}));
}

TEST_F(VerifyArchiveTest, FindsAFrameUnderAnotherName) {
  MakeArchive();
  ASSERT_TRUE(store_->Delete(archive_.KeyOf(5)));
  PutText(*store_, "2024/11/25/13/" + archive_.KeyOf(5).substr(14),
          TestArchive::PictureOf(5));
  EXPECT_EQ(Findings(),
            (Found{"added 2024/11/25/13/" + archive_.KeyOf(5).substr(14),
                   "missing " + archive_.KeyOf(5)}));
}

TEST_F(VerifyArchiveTest, FindsAnEditedLine) {
  MakeArchive();
  auto lines = LinesOf(4);
  lines[1].replace(lines[1].find("\"pts\":5"), 7, "\"pts\":9");
  StoreLines(4, lines);
  EXPECT_EQ(Findings(), Found{"chain " + Line(4, 2)});
}

TEST_F(VerifyArchiveTest, FindsALineWithItsChainMadeAnew) {
  MakeArchive();
  auto lines = LinesOf(4);
  ManifestLine line = archive_.lines()[5];
  line.frame.pts = std::chrono::seconds(9);
  lines[1] = FormatLine(line, archive_.lines()[4].chain);
  StoreLines(4, lines);
  EXPECT_EQ(Findings(), Found{"chain " + Line(4, 3)});
}

TEST_F(VerifyArchiveTest, FindsALineThatNamesAnothersObject) {
  // Whoever can write all of the manifest is found by the object still.
  archive_.AddFrames(2);
  TestArchive other(*store_);
  other.AddFrames(2);
  ManifestLine line = other.lines()[1];
  line.key = other.KeyOf(0);
  ManifestLine first = other.lines()[0];
  const std::string text = FormatLine(first, ChainStart());
  StoreLines(0, {text, FormatLine(line, first.chain)});
  EXPECT_EQ(Findings(), (Found{"added " + archive_.KeyOf(1),
                               "changed " + archive_.KeyOf(0)}));
  options_.contents = false;
  EXPECT_EQ(Findings(), (Found{"added " + archive_.KeyOf(1),
                               "changed " + archive_.KeyOf(0)}));
}

TEST_F(VerifyArchiveTest, FindsARemovedLine) {
  MakeArchive();
  auto lines = LinesOf(4);
  lines.erase(lines.begin() + 1);
  StoreLines(4, lines);
  EXPECT_EQ(Findings(), (Found{"added " + archive_.KeyOf(5),
                               "chain " + Line(4, 2), "order " + Line(4, 2)}));
}

TEST_F(VerifyArchiveTest, FindsTwoSwappedLines) {
  MakeArchive();
  auto lines = LinesOf(4);
  std::swap(lines[1], lines[2]);
  StoreLines(4, lines);
  EXPECT_EQ(Findings(), (Found{"chain " + Line(4, 2), "chain " + Line(4, 3),
                               "chain " + Line(4, 4), "order " + Line(4, 2),
                               "order " + Line(4, 3), "order " + Line(4, 4)}));
}

TEST_F(VerifyArchiveTest, FindsALineThatIsThereTwice) {
  MakeArchive();
  auto lines = LinesOf(4);
  lines.insert(lines.begin() + 1, lines[1]);
  StoreLines(4, lines);
  EXPECT_EQ(Findings(), (Found{"chain " + Line(4, 3), "order " + Line(4, 3)}));
}

TEST_F(VerifyArchiveTest, GoesOnAfterABrokenLine) {
  MakeArchive();
  auto lines = LinesOf(4);
  lines[1] = "{\"seq\":5,";
  StoreLines(4, lines);
  PutText(*store_, archive_.KeyOf(7), "picture 999");
  EXPECT_EQ(Findings(),
            (Found{"added " + archive_.KeyOf(5), "broken line " + Line(4, 2),
                   "changed " + archive_.KeyOf(7)}));
}

TEST_F(VerifyArchiveTest, FindsARemovedSegment) {
  MakeArchive();
  ASSERT_TRUE(store_->Delete(ManifestKey(4)));
  EXPECT_EQ(Findings(),
            (Found{"added " + archive_.KeyOf(4), "added " + archive_.KeyOf(5),
                   "added " + archive_.KeyOf(6), "added " + archive_.KeyOf(7),
                   "chain " + Line(8, 1), "order " + Line(8, 1)}));
}

TEST_F(VerifyArchiveTest, FindsARemovedFirstSegment) {
  MakeArchive();
  ASSERT_TRUE(store_->Delete(ManifestKey(0)));
  const Found found = Findings();
  EXPECT_EQ(std::count(found.begin(), found.end(), "chain " + Line(4, 1)), 1);
  EXPECT_EQ(std::count(found.begin(), found.end(), "order " + Line(4, 1)), 1);
}

TEST_F(VerifyArchiveTest, FindsASegmentUnderAnotherName) {
  MakeArchive();
  const std::string text = TextOf(*store_, ManifestKey(4));
  ASSERT_TRUE(store_->Delete(ManifestKey(4)));
  PutText(*store_, ManifestKey(5), text);
  EXPECT_EQ(Findings(), Found{"order " + Line(5, 1)});
}

TEST_F(VerifyArchiveTest, FindsWhereTheLastSegmentIsCutAmidALine) {
  archive_.AddFrames(6);
  archive_.StoreManifest();
  const std::string text = TextOf(*store_, ManifestKey(4));
  PutText(*store_, ManifestKey(4), text.substr(0, text.size() - 9));
  EXPECT_EQ(Findings(), Found{"broken line " + Line(4, 2)});
  PutText(*store_, ManifestKey(4), text.substr(0, text.size() - 1));
  EXPECT_EQ(Findings(), Found{"broken line " + Line(4, 2)});
  PutText(*store_, ManifestKey(4), "");
  EXPECT_EQ(Findings(), Found{"broken line " + ManifestKey(4)});
}

TEST_F(VerifyArchiveTest, FindsWhereWholeLinesAreCutByTheHead) {
  MakeArchive();
  options_.head = archive_.head();
  EXPECT_EQ(Findings(), Found{});
  // As if it had no end yet: only who noted the head can tell.
  auto lines = LinesOf(8);
  lines.pop_back();
  lines.pop_back();
  StoreLines(8, lines);
  ASSERT_TRUE(store_->Delete(ManifestKey(12)));
  ASSERT_TRUE(store_->Delete(archive_.KeyOf(11)));
  EXPECT_EQ(Findings(), Found{"head manifest/"});
}

TEST_F(VerifyArchiveTest, TakesAHeadThatTheArchiveCameBy) {
  MakeArchive();
  options_.head = archive_.lines()[7].chain;
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.after_head, 5u);
  options_.head = Sha256("of another archive");
  EXPECT_EQ(Findings(), Found{"head manifest/"});
}

TEST_F(VerifyArchiveTest, KeepsTheFirstThousandFindings) {
  archive_.AddFrames(3);
  archive_.StoreManifest();
  for (int i = 0; i < 1010; ++i) {
    PutText(*store_, "added/" + std::to_string(i), "x");
  }
  const VerifyReport report = Verify();
  EXPECT_EQ(report.findings.size(), 1000u);
  EXPECT_EQ(report.more_findings, 10u);
}

TEST_F(VerifyArchiveTest, AsksAgainWhereThatMayHelp) {
  MakeArchive();
  std::mutex mutex;
  std::map<std::string, int> asked;
  FlakyStore flaky(
      *store_,
      [&](const std::string& call, const std::string& key) -> Result<> {
        const std::lock_guard lock(mutex);
        if (key == archive_.KeyOf(5) && ++asked[call] == 1) {
          return Fail(ErrorCode::kUnavailable, "come back later");
        }
        return {};
      });
  const auto report = VerifyArchive(flaky, options_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->findings.empty());
  EXPECT_EQ(asked["get"], 2);
  EXPECT_EQ(asked["list"], 2);
}

TEST_F(VerifyArchiveTest, AnUnreadableStoreIsAnErrorAndNoFinding) {
  MakeArchive();
  FlakyStore forbidden(
      *store_, [&](const std::string&, const std::string& key) -> Result<> {
        if (key != archive_.KeyOf(5)) return {};
        return Fail(ErrorCode::kPermissionDenied, "AccessDenied");
      });
  const auto report = VerifyArchive(forbidden, options_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(VerifyArchiveTest, StopsOnRequest) {
  MakeArchive();
  std::stop_source stop;
  options_.parallel = 1;
  options_.progress = [&](std::uint64_t, std::uint64_t) {
    stop.request_stop();
  };
  const auto report = VerifyArchive(*store_, options_, stop.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
