#include "archive/archive_reader.h"

#include <gtest/gtest.h>

#include <atomic>

#include "archive/flaky_store.h"
#include "archive/test_archive.h"

namespace ocelli {
namespace {

class ArchiveReader : public testing::Test {
 protected:
  std::vector<ManifestLine> Read(std::uint64_t from_seq = 0) {
    std::vector<ManifestLine> lines;
    const auto read = ReadManifest(
        *store_,
        [&](const ManifestLine& line) -> Result<> {
          lines.push_back(line);
          return {};
        },
        {}, from_seq);
    EXPECT_TRUE(read) << read.error().message;
    return lines;
  }

  const std::unique_ptr<ObjectStore> store_ = MakeMemoryObjectStore();
  TestArchive archive_{*store_};
};

TEST_F(ArchiveReader, ReadsTheLinesInTheirOrder) {
  archive_.AddFrames(50);
  archive_.End();
  archive_.StoreManifest();
  EXPECT_EQ(Read(), archive_.lines());
  EXPECT_EQ(ListSegments(*store_, {}).value().size(), 13u);
  EXPECT_EQ(ReadLastLine(*store_, {}).value(), archive_.lines().back());
}

TEST_F(ArchiveReader, BeginsWithTheSegmentOfAFrame) {
  archive_.AddFrames(10);
  archive_.StoreManifest();
  EXPECT_EQ(Read(3).front().frame.seq, 0u);
  EXPECT_EQ(Read(4).front().frame.seq, 4u);
  EXPECT_EQ(Read(7).front().frame.seq, 4u);
  EXPECT_EQ(Read(1000).front().frame.seq, 8u);
}

TEST_F(ArchiveReader, FindsNothingWhereThereIsNoArchive) {
  EXPECT_EQ(ReadLastLine(*store_, {}).value(), std::nullopt);
  EXPECT_TRUE(Read().empty());
}

TEST_F(ArchiveReader, NamesABrokenLine) {
  archive_.AddFrames(8);
  archive_.StoreManifest();
  std::string text = TextOf(*store_, ManifestKey(4));
  text.insert(text.find('\n') + 1, "{\"se");
  PutText(*store_, ManifestKey(4), text);
  const auto read =
      ReadManifest(*store_, [](const ManifestLine&) { return Result<>(); }, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(read.error().message.find("manifest/000000000004.jsonl, line 2"),
            std::string::npos)
      << read.error().message;
}

TEST_F(ArchiveReader, ACutSegmentHasNoLastLine) {
  archive_.AddFrames(2);
  archive_.StoreManifest();
  std::string text = TextOf(*store_, ManifestKey(0));
  text.pop_back();
  PutText(*store_, ManifestKey(0), text);
  EXPECT_EQ(ReadLastLine(*store_, {}).error().code, ErrorCode::kDataLoss);
  PutText(*store_, ManifestKey(0), "");
  EXPECT_EQ(ReadLastLine(*store_, {}).error().code, ErrorCode::kDataLoss);
  PutText(*store_, ManifestKey(0), "\n");
  EXPECT_EQ(ReadLastLine(*store_, {}).error().code, ErrorCode::kDataLoss);
}

TEST_F(ArchiveReader, EndsWithTheErrorOfItsReader) {
  archive_.AddFrames(50);
  archive_.StoreManifest();
  int lines = 0;
  const auto read =
      ReadManifest(*store_,
                   [&](const ManifestLine&) -> Result<> {
                     if (++lines == 6)
                       return Fail(ErrorCode::kUnavailable, "enough");
                     return {};
                   },
                   {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "enough");
  EXPECT_EQ(lines, 6);
}

TEST_F(ArchiveReader, StopsOnRequest) {
  archive_.AddFrames(50);
  archive_.StoreManifest();
  std::stop_source stop;
  int lines = 0;
  const auto read = ReadManifest(
      *store_,
      [&](const ManifestLine&) -> Result<> {
        if (++lines == 3) stop.request_stop();
        return {};
      },
      stop.get_token());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  EXPECT_LT(lines, 50);
}

TEST_F(ArchiveReader, AsksAgainWhereThatMayHelp) {
  archive_.AddFrames(10);
  archive_.StoreManifest();
  std::atomic<int> failures = 0;
  FlakyStore flaky(
      *store_,
      [&](const std::string& call, const std::string& key) -> Result<> {
        if ((call == "list" || key == ManifestKey(4)) && ++failures <= 2) {
          return Fail(ErrorCode::kUnavailable, "come back later");
        }
        return {};
      });
  EXPECT_EQ(ListSegments(flaky, {}).value(),
            (std::vector<std::uint64_t>{0, 4, 8}));
  failures = 1;
  std::size_t lines = 0;
  ASSERT_TRUE(ReadManifest(flaky,
                           [&](const ManifestLine&) -> Result<> {
                             ++lines;
                             return {};
                           },
                           {}));
  EXPECT_EQ(lines, 10u);
}

TEST_F(ArchiveReader, AsksOnceWhereItIsNotAllowed) {
  archive_.AddFrames(10);
  archive_.StoreManifest();
  std::atomic<int> asked = 0;
  FlakyStore flaky(*store_,
                   [&](const std::string&, const std::string&) -> Result<> {
                     ++asked;
                     return Fail(ErrorCode::kPermissionDenied, "no");
                   });
  EXPECT_EQ(ReadPrunedPart(flaky, {}).error().code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(asked, 1);
}

TEST_F(ArchiveReader, ReadsThePrunedPartAsItWasWritten) {
  EXPECT_EQ(ReadPrunedPart(*store_, {}).value(), std::nullopt);
  PrunedPart pruned;
  pruned.through = 41;
  pruned.first_seq = 40;
  pruned.chain = Sha256("chain");
  pruned.time = TestArchive::TimeOf(3) + std::chrono::microseconds(7);
  pruned.done = true;
  const std::string text = FormatPrunedPart(pruned);
  EXPECT_EQ(text, "{\"through\":41,\"first_seq\":40,\"chain\":\"" +
                      pruned.chain.ToHex() +
                      "\",\"time\":\"2024-11-25T14:00:01.000007Z\","
                      "\"done\":true}\n");
  PutText(*store_, std::string(kPrunedKey), text);
  EXPECT_EQ(ReadPrunedPart(*store_, {}).value(), pruned);
  for (std::size_t size = 0; size < text.size() - 2; ++size) {
    const auto cut = ParsePrunedPart(text.substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace ocelli
