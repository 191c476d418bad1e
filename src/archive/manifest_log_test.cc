#include "archive/manifest_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/file_system.h"
#include "archive/numbered_file.h"
#include "archive/test_file_system.h"
#include "archive/test_spool.h"
#include "core/digest.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::unique_ptr<ManifestLog> OpenLog(
    FileSystem& files, const std::optional<ManifestLine>& last = std::nullopt) {
  auto log = ManifestLog::Open(files, last);
  EXPECT_TRUE(log) << log.error().message;
  return log ? *std::move(log) : nullptr;
}

ManifestLine MakeLine(std::uint64_t seq) {
  ManifestLine line;
  line.frame = MakeTestFrame(seq, 10).record;
  line.key = FrameKey(line.frame);
  line.attempts = 1;
  return line;
}

ManifestLine MakeEnd(std::uint64_t seq) {
  ManifestLine line;
  line.frame.seq = seq;
  line.end = true;
  return line;
}

std::vector<ManifestLine> MakeLines(std::uint64_t first, std::uint64_t count) {
  std::vector<ManifestLine> lines;
  for (std::uint64_t i = 0; i < count; ++i)
    lines.push_back(MakeLine(first + i));
  return lines;
}

std::uint64_t SeqOf(const ManifestLine& line) { return line.frame.seq; }

// The lines' texts, chained anew.
std::string TextOf(std::vector<ManifestLine> lines,
                   Digest chain = ChainStart()) {
  std::string text;
  for (ManifestLine& line : lines) {
    text += FormatLine(line, chain) + "\n";
    chain = line.chain;
  }
  return text;
}

std::string ContentOf(TestFileSystem& files, const std::string& name) {
  const auto* bytes = files.Content(name);
  if (!bytes) return "none";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

void Put(TestFileSystem& files, const std::string& name,
         const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  files.Put(name, {bytes.begin(), bytes.end()});
}

TEST(ManifestLogTest, LinesAreChainedAndComeBack) {
  TestFileSystem files;
  auto lines = MakeLines(0, 3);
  {
    const auto log = OpenLog(files);
    EXPECT_EQ(log->last(), std::nullopt);
    ASSERT_TRUE(log->Append(std::span(lines).first(2)));
    ASSERT_TRUE(log->Append(std::span(lines).last(1)));
    EXPECT_EQ(log->last(), lines[2]);
  }
  EXPECT_EQ(ContentOf(files, "000000000000.jsonl"), TextOf(lines));
  files.PowerCut();
  const auto log = OpenLog(files);
  EXPECT_EQ(log->last(), lines[2]);
  const auto unstored = log->Unstored();
  ASSERT_TRUE(unstored && *unstored);
  EXPECT_EQ((*unstored)->text, TextOf(lines));
  EXPECT_EQ((*unstored)->lines, 3u);
}

TEST(ManifestLogTest, GoesOnAfterWhatTheStoreHas) {
  TestFileSystem files;
  auto stored = MakeLines(0, 5);
  TextOf(stored);
  ManifestLine last = stored.back();
  last.chain = Sha256("the chain there");
  const auto log = OpenLog(files, last);
  EXPECT_EQ(log->last(), last);
  auto lines = MakeLines(5, 2);
  ASSERT_TRUE(log->Append(lines));
  EXPECT_EQ(ContentOf(files, "000000000005.jsonl"),
            TextOf(MakeLines(5, 2), last.chain));
  EXPECT_EQ(OpenLog(files)->last(), lines[1]);
}

TEST(ManifestLogTest, RefusesALineThatDoesNotFollow) {
  TestFileSystem files;
  const auto log = OpenLog(files);
  auto lines = MakeLines(0, 2);
  ASSERT_TRUE(log->Append(lines));
  auto gap = MakeLines(3, 1);
  EXPECT_EQ(log->Append(gap).error().code, ErrorCode::kInvalidArgument);
  // An end has the seq of the frame after it.
  std::vector<ManifestLine> end = {MakeEnd(2)};
  EXPECT_TRUE(log->Append(end));
  auto next = MakeLines(2, 1);
  EXPECT_TRUE(log->Append(next));
  EXPECT_EQ(OpenLog(files)->last(), next[0]);
}

TEST(ManifestLogTest, SegmentsHaveAThousandLinesAndGrowUntilTheyAreStored) {
  TestFileSystem files;
  const auto log = OpenLog(files);
  auto lines = MakeLines(0, 2500);
  ASSERT_TRUE(log->Append(std::span(lines).first(999)));
  auto unstored = log->Unstored().value();
  EXPECT_EQ(unstored->lines, 999u);
  ASSERT_TRUE(log->SetStored(0, 999));
  EXPECT_EQ(log->Unstored().value(), std::nullopt);
  ASSERT_TRUE(log->Append(std::span(lines).subspan(999)));
  const std::string text = TextOf(lines);
  std::string stored;
  for (std::uint64_t first = 0; first < 2500; first += 1000) {
    unstored = log->Unstored().value();
    ASSERT_TRUE(unstored);
    EXPECT_EQ(unstored->first_seq, first);
    EXPECT_EQ(unstored->lines, first == 2000 ? 500u : 1000u);
    stored += unstored->text;
    ASSERT_TRUE(log->SetStored(first, unstored->lines));
  }
  EXPECT_EQ(stored, text);
  EXPECT_EQ(log->Unstored().value(), std::nullopt);
}

TEST(ManifestLogTest, FullSegmentsAreNotStoredAgainAfterARestart) {
  TestFileSystem files;
  {
    const auto log = OpenLog(files);
    auto lines = MakeLines(0, 2500);
    ASSERT_TRUE(log->Append(lines));
    ASSERT_TRUE(log->SetStored(0, 1000));
    ASSERT_TRUE(log->SetStored(1000, 1000));
    ASSERT_TRUE(log->SetStored(2000, 500));
  }
  {
    const auto log = OpenLog(files);
    EXPECT_EQ(log->Unstored().value()->first_seq, 2000u);
    EXPECT_EQ(log->last()->frame.seq, 2499u);
  }
  // A note that was torn counts for nothing.
  auto& note = *files.Content("manifest.stored");
  ASSERT_EQ(note.size(), 26u);
  note[8] = std::byte{'9'};
  EXPECT_EQ(OpenLog(files)->Unstored().value()->first_seq, 0u);
}

TEST(ManifestLogTest, OldStoredSegmentsAreDeleted) {
  TestFileSystem files;
  // As if all before 256 were full and stored: those are not even read.
  constexpr std::uint64_t kLast = ManifestLog::kKeptSegments + 1;
  auto lines = MakeLines(kLast - 2, 3);
  Digest chain;
  for (std::uint64_t seq = 0; seq <= kLast; ++seq) {
    std::string text = "what?\n";
    if (seq + 2 >= kLast) {
      ManifestLine& line = lines[seq + 2 - kLast];
      text = FormatLine(line, chain) + "\n";
      chain = line.chain;
    }
    Put(files, NumberedName(seq, ".jsonl"), text);
  }
  Put(files, "manifest.stored",
      NumberedName(kLast - 1, " ") + NumberedName(kLast - 1, "\n"));
  const auto log = OpenLog(files);
  EXPECT_EQ(log->Unstored().value()->first_seq, kLast - 1);
  EXPECT_NE(files.Content("000000000000.jsonl"), nullptr);
  ASSERT_TRUE(log->SetStored(kLast - 1, 1));
  EXPECT_EQ(files.Content("000000000000.jsonl"), nullptr);
  EXPECT_EQ(files.Content("000000000001.jsonl"), nullptr);
  EXPECT_NE(files.Content("000000000002.jsonl"), nullptr);
}

// The file's text after a log was opened, or the error.
std::string Reopened(const std::string& text, std::string* error = nullptr) {
  TestFileSystem files;
  Put(files, "000000000000.jsonl", text);
  const auto log = ManifestLog::Open(files, std::nullopt);
  if (!log && error) *error = log.error().message;
  if (!log) {
    EXPECT_EQ(log.error().code, ErrorCode::kDataLoss);
  }
  return ContentOf(files, "000000000000.jsonl");
}

TEST(ManifestLogTest, ATornEndIsCutOff) {
  const std::string whole = TextOf(MakeLines(0, 4));
  const std::size_t three = TextOf(MakeLines(0, 3)).size();
  const std::string begin = whole.substr(0, three);
  EXPECT_EQ(Reopened(whole), whole);
  EXPECT_EQ(Reopened(whole.substr(0, whole.size() - 1)), begin);
  EXPECT_EQ(Reopened(whole.substr(0, three + 1)), begin);
  EXPECT_EQ(Reopened(begin + std::string(300, '\0')), begin);
  // A sector that was never written, amid what a later one has.
  std::string hole = whole;
  hole.replace(three - 50, 100, 100, '\0');
  EXPECT_EQ(Reopened(hole), TextOf(MakeLines(0, 2)));
  EXPECT_EQ(Reopened("{"), "none");
  EXPECT_EQ(Reopened(""), "none");
}

TEST(ManifestLogTest, ABrokenLineIsNamedAndNothingIsChanged) {
  const std::string whole = TextOf(MakeLines(0, 4));
  std::string error;
  std::string changed = whole;
  changed[changed.find("\"bytes\":10") + 8] = '2';  // Of the first line.
  changed[changed.rfind("\"bytes\":10") + 8] = '2';
  EXPECT_EQ(Reopened(changed, &error), changed);
  EXPECT_THAT(error, AllOf(HasSubstr("/spool/000000000000.jsonl: line 4"),
                           HasSubstr("chain")));
  changed = whole;
  changed.insert(changed.find('\n') + 1, "what?\n");
  EXPECT_EQ(Reopened(changed, &error), changed);
  EXPECT_THAT(error, HasSubstr("line 2"));
  changed = whole;
  changed.erase(0, changed.find('\n') + 1).erase(0, changed.find('\n') + 1);
  const std::string missing = TextOf(MakeLines(0, 1)) + changed;
  EXPECT_EQ(Reopened(missing, &error), missing);
  EXPECT_THAT(error, AllOf(HasSubstr("line 2"), HasSubstr("seq 2 instead")));
  // Too much follows for a power cut.
  changed = TextOf(MakeLines(0, 900));
  changed[10] = '\0';
  EXPECT_EQ(Reopened(changed, &error), changed);
  EXPECT_THAT(error, HasSubstr("line 1"));
}

TEST(ManifestLogTest, AFileThatIsMissingAmidIsNoticed) {
  TestFileSystem files;
  {
    const auto log = OpenLog(files);
    auto lines = MakeLines(0, 2500);
    ASSERT_TRUE(log->Append(lines));
  }
  ASSERT_TRUE(files.Remove("000000001000.jsonl"));
  const auto log = ManifestLog::Open(files, std::nullopt);
  ASSERT_FALSE(log);
  EXPECT_THAT(
      log.error().message,
      HasSubstr("000000002000.jsonl: line 1: seq 2000 instead of 1000"));
}

// Appends so many lines at a time until a call fails. How many lines the log
// has for certain; `begun` is how many it was ever given.
std::uint64_t AppendUntilItFails(ManifestLog& log,
                                 const std::vector<std::uint64_t>& counts,
                                 std::uint64_t& begun) {
  std::uint64_t acknowledged = begun = log.last() ? SeqOf(*log.last()) + 1 : 0;
  for (const std::uint64_t count : counts) {
    auto lines = MakeLines(acknowledged, count);
    begun = acknowledged + count;
    if (!log.Append(lines)) break;
    acknowledged = begun;
    const auto unstored = log.Unstored();
    if (!unstored || !*unstored) break;
    if (!log.SetStored((*unstored)->first_seq, (*unstored)->lines)) break;
  }
  return acknowledged;
}

void CheckLog(TestFileSystem& files, std::uint64_t acknowledged,
              std::uint64_t begun) {
  const auto log = OpenLog(files);
  ASSERT_NE(log, nullptr);
  const std::uint64_t count = log->last() ? SeqOf(*log->last()) + 1 : 0;
  EXPECT_GE(count, acknowledged);
  EXPECT_LE(count, begun);
  std::string kept;
  const auto names = files.List().value();
  for (const std::string& name : names) {
    if (name.ends_with(".jsonl")) kept += ContentOf(files, name);
  }
  EXPECT_TRUE(kept == TextOf(MakeLines(0, count))) << count << " lines";
}

// Power fails at each call, and again amid the recoveries.
void LosePower(const std::string& before,
               const std::vector<std::uint64_t>& counts, std::uint64_t seeds,
               std::uint64_t recovery_step) {
  bool survived = false;
  for (std::uint64_t call = 0; !survived; ++call) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      SCOPED_TRACE("call " + std::to_string(call) + ", seed " +
                   std::to_string(seed));
      TestFileSystem files(call * 10 + seed);
      std::uint64_t acknowledged = 0, begun = 0;
      if (!before.empty()) {
        Put(files, "000000000000.jsonl", before);
        acknowledged = begun = static_cast<std::uint64_t>(
            std::count(before.begin(), before.end(), '\n'));
      }
      files.FailPowerAfter(call);
      if (const auto log = ManifestLog::Open(files, std::nullopt)) {
        acknowledged = AppendUntilItFails(**log, counts, begun);
      }
      survived = files.power();
      files.PowerCut();
      for (std::uint64_t again = 0; again < 12; again += recovery_step) {
        files.FailPowerAfter(again);
        static_cast<void>(ManifestLog::Open(files, std::nullopt));
        files.PowerCut();
      }
      ASSERT_NO_FATAL_FAILURE(CheckLog(files, acknowledged, begun));
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(ManifestLogTest, NoAcknowledgedLineIsLostWhenPowerFailsAtAnyCall) {
  LosePower("", {2, 1, 5, 3}, 20, 1);
  // More than is written at once.
  LosePower("", {1, 230, 2}, 1, 5);
  // Over the end of a segment.
  LosePower(TextOf(MakeLines(0, 995)), {3, 4, 2}, 1, 7);
}

TEST(ManifestLogTest, WhatADiskRefusesIsNotThereAndCanBeAppendedAgain) {
  const std::string before = TextOf(MakeLines(0, 990));
  for (const auto code :
       {ErrorCode::kResourceExhausted, ErrorCode::kDataLoss}) {
    bool refused = true;
    int appended_again = 0;
    for (std::uint64_t call = 0; refused; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      TestFileSystem files(call);
      Put(files, "000000000000.jsonl", before);
      std::uint64_t acknowledged = 990;
      {
        const auto log = OpenLog(files);
        files.FailCallAfter(call, code);
        auto lines = MakeLines(990, 230);
        refused = !log->Append(lines);
        EXPECT_EQ(SeqOf(*log->last()), refused ? 989u : 1219u);
        // Unless a sync failed.
        const bool again = refused && log->Append(lines);
        if (!refused || again) acknowledged = 1220;
        appended_again += again;
      }
      files.PowerCut();
      ASSERT_NO_FATAL_FAILURE(CheckLog(files, acknowledged, 1220));
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_EQ(appended_again, 4);  // Open, and three writes.
  }
}

std::vector<std::uint64_t> LocalSeqs(const std::string& folder) {
  std::vector<std::uint64_t> seqs;
  const auto read = ReadLocalLines(folder, [&](const ManifestLine& line) {
    seqs.push_back(SeqOf(line));
    return Result<>();
  });
  EXPECT_TRUE(read) << read.error().message;
  return seqs;
}

TEST(ManifestLogTest, LocalLinesAreReadWhileTheyAreWritten) {
  const TestFolder folder;
  const auto files = OpenSpoolFolder(folder.path()).value();
  const auto log = OpenLog(*files);
  EXPECT_EQ(LocalSeqs(folder.path()).size(), 0u);
  auto lines = MakeLines(0, 1003);
  ASSERT_TRUE(log->Append(std::span(lines).first(1002)));
  const auto seqs = LocalSeqs(folder.path());
  ASSERT_EQ(seqs.size(), 1002u);
  EXPECT_EQ(seqs.back(), 1001u);
  // Half of the next line.
  std::string text = FormatLine(lines[1002], lines[1001].chain);
  std::ofstream(folder / "000000001000.jsonl", std::ios::app)
      << text.substr(0, 100);
  EXPECT_EQ(LocalSeqs(folder.path()).size(), 1002u);
  const auto stopped =
      ReadLocalLines(folder.path(), [](const ManifestLine&) -> Result<> {
        return Fail(ErrorCode::kCancelled, "enough");
      });
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

TEST(ManifestLogTest, LocalLinesOfNoFolderAreNotFound) {
  const TestFolder folder;
  const auto read = ReadLocalLines(
      folder / "none", [](const ManifestLine&) { return Result<>(); });
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ocelli
