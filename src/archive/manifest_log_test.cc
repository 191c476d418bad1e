#include "archive/manifest_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/file_system.h"
#include "archive/test_file_system.h"
#include "archive/test_spool.h"
#include "core/digest.h"

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

std::vector<ManifestLine> MakeLines(std::uint64_t first, std::uint64_t count) {
  std::vector<ManifestLine> lines;
  for (std::uint64_t i = 0; i < count; ++i)
    lines.push_back(MakeLine(first + i));
  return lines;
}

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

}  // namespace
}  // namespace ocelli
