#include "archive/local_lines.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "archive/test_archive.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

class LocalLinesTest : public testing::Test {
 protected:
  static fs::path MakeFolder() {
    std::string name = testing::TempDir() + "ocelli-lines-XXXXXX";
    return mkdtemp(name.data());
  }
  LocalLinesTest() {
    archive_.AddFrames(6);
    archive_.End();
    archive_.AddFrames(3);
    archive_.StoreManifest();  // Segments of 0, 4, 7.
  }
  ~LocalLinesTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  // The first `bytes` of a segment, as if it were being written.
  void Write(std::uint64_t first_seq, std::size_t bytes = std::string::npos) {
    const std::string key = ManifestKey(first_seq);
    std::ofstream(folder_ / key.substr(key.find('/') + 1), std::ios::binary)
        << TextOf(*store_, key).substr(0, bytes);
  }
  std::size_t LineBytes(std::uint64_t first_seq) {
    return TextOf(*store_, ManifestKey(first_seq)).find('\n') + 1;
  }

  std::vector<std::uint64_t> ReadNew(LocalLines& lines) {
    std::vector<std::uint64_t> seqs;
    const auto read = lines.ReadNew([&](const ManifestLine& line) -> Result<> {
      if (!line.end) seqs.push_back(line.frame.seq);
      return {};
    });
    EXPECT_TRUE(read) << read.error().message;
    return seqs;
  }
  using Seqs = std::vector<std::uint64_t>;

  const fs::path folder_ = MakeFolder();
  const std::unique_ptr<ObjectStore> store_ = MakeMemoryObjectStore();
  TestArchive archive_{*store_};
};

TEST_F(LocalLinesTest, AreReadOnAsTheyGrow) {
  LocalLines lines(folder_, 0);
  EXPECT_EQ(ReadNew(lines), Seqs{});
  Write(0, LineBytes(0));
  EXPECT_EQ(ReadNew(lines), Seqs{0});
  Write(0, LineBytes(0) + 20);
  EXPECT_EQ(ReadNew(lines), Seqs{});
  Write(0);
  EXPECT_EQ(ReadNew(lines), (Seqs{1, 2, 3}));
  Write(4);
  Write(7, 5);
  EXPECT_EQ(ReadNew(lines), (Seqs{4, 5, 6}));
  Write(7);
  EXPECT_EQ(ReadNew(lines), (Seqs{7, 8}));
  EXPECT_EQ(ReadNew(lines), Seqs{});
}

TEST_F(LocalLinesTest, BeginWhereTheyAreWanted) {
  for (const std::uint64_t first : {0, 4, 7}) Write(first);
  LocalLines from_five(folder_, 5);
  EXPECT_EQ(ReadNew(from_five), (Seqs{5, 6, 7, 8}));
  LocalLines from_nine(folder_, 9);
  EXPECT_EQ(ReadNew(from_nine), Seqs{});
  fs::remove(folder_ / "000000000000.jsonl");
  LocalLines from_one(folder_, 1);
  EXPECT_EQ(ReadNew(from_one), (Seqs{4, 5, 6, 7, 8}));
  EXPECT_EQ(FirstLocalSeq(folder_).value(), 4u);
  EXPECT_EQ(FirstLocalSeq(folder_ / "none").value(), std::nullopt);
}

TEST_F(LocalLinesTest, ComeOnceThoughTheirFileWasRecovered) {
  LocalLines lines(folder_, 0);
  Write(0, LineBytes(0) * 3);
  EXPECT_EQ(ReadNew(lines).size(), 3u);
  Write(0, LineBytes(0));
  EXPECT_EQ(ReadNew(lines), Seqs{});
  Write(0);
  EXPECT_EQ(ReadNew(lines), Seqs{3});
}

TEST_F(LocalLinesTest, ABrokenOneBeforeTheLastFileIsAnError) {
  Write(0);
  Write(4);
  std::fstream(folder_ / "000000000000.jsonl", std::ios::in | std::ios::out)
      << "xx";
  LocalLines lines(folder_, 0);
  EXPECT_EQ(lines.ReadNew([](const ManifestLine&) { return Result<>(); })
                .error()
                .code,
            ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace ocelli
