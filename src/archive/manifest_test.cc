#include "archive/manifest.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ocelli {
namespace {

ManifestLine FrameLine() {
  ManifestLine line;
  line.frame.seq = 42;
  line.frame.run = 3;
  line.frame.pts = std::chrono::microseconds(1'400'000);
  // 2026-11-25T14:24:15.123456Z
  line.frame.time = std::chrono::system_clock::time_point(
      std::chrono::microseconds(1'795'616'655'123'456));
  line.frame.width = 1920;
  line.frame.height = 1080;
  line.frame.bytes = 301'234;
  line.frame.digest = Sha256("a picture");
  line.key = FrameKey(line.frame);
  line.attempts = 1;
  return line;
}

ManifestLine EndLine() {
  ManifestLine line;
  line.frame.seq = 43;
  line.frame.run = 3;
  line.frame.time = FrameLine().frame.time;
  line.end = true;
  return line;
}

ManifestLine DroppedLine() {
  ManifestLine line = FrameLine();
  line.dropped = true;
  line.key.clear();
  line.attempts = 0;
  return line;
}

TEST(Manifest, ALineIsWrittenAsItsDocumentSays) {
  ManifestLine line = FrameLine();
  const std::string digest = line.frame.digest.ToHex();
  const std::string text = FormatLine(line, ChainStart());
  const std::string covered =
      "{\"seq\":42,\"run\":3,\"pts\":1.4,\"time\":\"2026-11-25T14:24:15."
      "123456Z\",\"width\":1920,\"height\":1080,\"bytes\":301234,\"digest\":"
      "\"" +
      digest + "\",\"key\":\"2026/11/25/14/000000000042-" +
      digest.substr(0, 8) + ".jpg\",\"attempts\":1";
  const std::string chain =
      Sha256(std::string(64, '0') + "\n" + covered).ToHex();
  EXPECT_EQ(text, covered + ",\"chain\":\"" + chain + "\"}");
  EXPECT_EQ(line.chain.ToHex(), chain);
}

TEST(Manifest, AnEndAndADroppedFrameHaveNoKey) {
  ManifestLine end = EndLine();
  EXPECT_TRUE(FormatLine(end, ChainStart())
                  .starts_with("{\"end\":true,\"seq\":43,\"run\":3,\"time\":"
                               "\"2026-11-25T14:24:15.123456Z\",\"chain\":\""));
  ManifestLine dropped = DroppedLine();
  EXPECT_NE(FormatLine(dropped, ChainStart())
                .find("\",\"dropped\":true,\"attempts\":0,\"chain\":\""),
            std::string::npos);
}

TEST(Manifest, LinesAreReadAsTheyWereWritten) {
  std::vector<ManifestLine> lines = {FrameLine(), EndLine(), DroppedLine()};
  for (const std::int64_t pts :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-40'000},
        std::int64_t{1'000'000}, std::int64_t{1'795'616'655'123'456},
        std::int64_t{-1'795'616'655'123'457}}) {
    ManifestLine line = FrameLine();
    line.frame.pts = std::chrono::microseconds(pts);
    lines.push_back(line);
  }
  lines.push_back(FrameLine());
  lines.back().key = "Kamera \"Süd\"\\1/bild.jpg";
  lines.push_back(FrameLine());
  lines.back().frame.seq = 999'999'999'999;
  Digest before = Sha256("before");
  for (ManifestLine& line : lines) {
    const std::string text = FormatLine(line, before);
    const auto read = ParseLine(text);
    ASSERT_TRUE(read) << read.error().message << ": " << text;
    EXPECT_EQ(*read, line) << text;
    EXPECT_EQ(ChainOf(text, before), line.chain);
    before = line.chain;
  }
}

TEST(Manifest, KeysSortBySeq) {
  ManifestLine line = FrameLine();
  EXPECT_EQ(FrameKey(line.frame), "2026/11/25/14/000000000042-" +
                                      line.frame.digest.ToHex().substr(0, 8) +
                                      ".jpg");
  EXPECT_EQ(ManifestKey(42), "manifest/000000000042.jsonl");
  EXPECT_EQ(FirstSeqOf(ManifestKey(42)), 42u);
  for (const char* key :
       {"manifest/pruned.json", "manifest/42.jsonl", "manifest/",
        "manifest/00000000004x.jsonl", "manifest/0000000000042.jsonl",
        "manifesto/00000000042.jsonl"}) {
    EXPECT_EQ(FirstSeqOf(key), std::nullopt) << key;
  }
}

// The line with `from` replaced by `to`, its chain made anew.
std::string Edited(const std::string& from, const std::string& to) {
  ManifestLine line = FrameLine();
  std::string text = FormatLine(line, ChainStart());
  text.replace(text.find(from), from.size(), to);
  text.replace(text.size() - 66, 64, ChainOf(text, ChainStart()).ToHex());
  return text;
}

TEST(Manifest, RefusesWhatIsNoLineOfIt) {
  const std::string key = FrameKey(FrameLine().frame);
  const std::string digest = FrameLine().frame.digest.ToHex();
  const std::vector<std::string> texts = {
      "",
      "{}",
      "[]",
      std::string(100'000, '['),
      Edited("\"seq\":42", "\"seq\":-1"),
      Edited("\"seq\":42", "\"seq\":4.2"),
      Edited("\"seq\":42", "\"seq\":\"42\""),
      Edited("\"seq\":42", "\"seq\":1000000000000"),
      Edited("\"seq\":42,", ""),
      Edited("\"run\":3", "\"run\":4294967296"),
      Edited("\"pts\":1.4", "\"pts\":1e300"),
      Edited("\"pts\":1.4", "\"pts\":null"),
      Edited("2026-11-25T", "2026-13-25T"),
      Edited("\"width\":1920", "\"width\":2147483648"),
      Edited("\"bytes\":301234", "\"bytes\":18446744073709551615"),
      Edited("\"attempts\":1", "\"attempts\":[]"),
      Edited(digest, digest.substr(1)),
      Edited(digest.substr(0, 64), std::string(64, 'A')),
      Edited(key, "../etc/passwd"),
      Edited(key, "/a.jpg"),
      Edited(key, ""),
      Edited(key, "manifest/000000000000.jsonl"),
      Edited(key, "a\\u0000b.jpg"),
      Edited("\"key\"", "\"clef\""),
      Edited("{\"seq\"", "{\"end\":1,\"seq\""),
      Edited("\"attempts\"", "\"dropped\":\"no\",\"attempts\""),
  };
  for (const std::string& text : texts) {
    const auto line = ParseLine(text);
    ASSERT_FALSE(line) << text.substr(0, 600);
    EXPECT_EQ(line.error().code, ErrorCode::kDataLoss);
  }
}

TEST(Manifest, NothingMayFollowTheChain) {
  ManifestLine line = FrameLine();
  std::string text = FormatLine(line, ChainStart());
  EXPECT_FALSE(ParseLine(text + " "));
  text.insert(text.size() - 1, ",\"width\":7");
  EXPECT_FALSE(ParseLine(text));
}

TEST(Manifest, MembersOfLaterVersionsAreAllowedAndChained) {
  const std::string text =
      Edited("\"attempts\"", "\"note\":{\"by\":[1]},\"attempts\"");
  const auto line = ParseLine(text);
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->chain, ChainOf(text, ChainStart()));
  EXPECT_NE(line->chain, ParseLine(Edited("\"seq\"", "\"seq\"")).value().chain);
}

TEST(Manifest, EveryChangedByteIsFound) {
  for (ManifestLine line : {FrameLine(), EndLine(), DroppedLine()}) {
    const Digest before = Sha256("before");
    const std::string text = FormatLine(line, before);
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = text;
        damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
        const auto read = ParseLine(damaged);
        EXPECT_TRUE(!read || read->chain != ChainOf(damaged, before))
            << damaged;
      }
    }
  }
}

TEST(Manifest, EveryCutLineIsFound) {
  for (ManifestLine line : {FrameLine(), EndLine(), DroppedLine()}) {
    const std::string text = FormatLine(line, ChainStart());
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT_FALSE(ParseLine(text.substr(0, size))) << size;
      ChainOf(text.substr(0, size), ChainStart());
    }
  }
}

}  // namespace
}  // namespace ocelli
