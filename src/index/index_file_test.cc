#include "index/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;

constexpr Moment kMoment = {3, -7, 9, 2};

class IndexFileTest : public testing::Test {
 protected:
  // Three vectors of dimension 2 in the slots 9, 4 and 5, in two lists.
  Result<> Write() {
    auto writer = IndexFileWriter::Create(file_, Metric::kL2, 2);
    if (!writer) return writer.Failure();
    for (const std::int64_t slot : {9, 4, 5}) {
      const auto value = static_cast<float>(slot);
      auto done = writer->Append(slot, std::vector<float>{value, 1});
      if (!done) return done;
    }
    auto done = writer->Finish(kMoment, std::vector<std::uint64_t>{1, 3},
                               std::vector<float>{9, 1, 4, 1});
    if (!done) return done;
    return writer->Publish({2, 20, 0.5f});
  }
  Result<std::shared_ptr<const IndexFile>> Read() {
    return IndexFile::Open(file_, Metric::kL2, 2);
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "vectors.index";
};

TEST_F(IndexFileTest, KeepsEverything) {
  ASSERT_TRUE(Write());
  const auto index = Read().value();
  EXPECT_EQ(index->moment(), kMoment);
  EXPECT_EQ(index->probing().probes, 2u);
  EXPECT_EQ(index->probing().queries, 20u);
  EXPECT_EQ(index->probing().recall, 0.5f);
  EXPECT_EQ(index->rows(), 3u);
  EXPECT_THAT(index->vectors(), ElementsAre(9, 1, 4, 1, 5, 1));
  EXPECT_THAT(index->half_squared_lengths(), ElementsAre(41, 8.5f, 13));
  EXPECT_EQ(index->longest_half_square(), 41);
  EXPECT_THAT(index->list_ends(), ElementsAre(1, 3));
  EXPECT_THAT(index->centroids(), ElementsAre(9, 1, 4, 1));
  EXPECT_EQ(index->SlotAt(1), 4);
  EXPECT_EQ(index->RowOf(9), 0u);
  EXPECT_EQ(index->RowOf(4), 1u);
  EXPECT_EQ(index->RowOf(5), 2u);
  EXPECT_EQ(index->RowOf(6), std::nullopt);
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
      1);
}

TEST_F(IndexFileTest, AnyLostByteShows) {
  ASSERT_TRUE(Write());
  const std::string whole = ReadTestFile(file_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    WriteTestFile(file_, whole.substr(0, size));
    EXPECT_EQ(Read().error().code, ErrorCode::kDataLoss) << size;
  }
  WriteTestFile(file_, whole + '\0');
  EXPECT_EQ(Read().error().code, ErrorCode::kDataLoss);
}

TEST_F(IndexFileTest, AnyFlippedBitShows) {
  ASSERT_TRUE(Write());
  const std::string whole = ReadTestFile(file_);
  // The gap between header and vectors is the one thing not looked at.
  const auto is_gap = [](std::size_t at) { return at >= 104 && at < 128; };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    WriteTestFile(file_, bytes);
    EXPECT_EQ(Read().has_value(), is_gap(at)) << at;
  }
}

TEST_F(IndexFileTest, AnotherKindIsNotTaken) {
  EXPECT_EQ(Read().error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Write());
  EXPECT_EQ(IndexFile::Open(file_, Metric::kCosine, 2).error().code,
            ErrorCode::kDataLoss);
  EXPECT_EQ(IndexFile::Open(file_, Metric::kL2, 3).error().code,
            ErrorCode::kDataLoss);
}

TEST_F(IndexFileTest, WhatIsNotPublishedLeavesNothing) {
  ASSERT_TRUE(Write());
  const std::string before = ReadTestFile(file_);
  {
    auto writer = IndexFileWriter::Create(file_, Metric::kL2, 2);
    ASSERT_TRUE(writer->Append(1, std::vector<float>{1, 2}));
    ASSERT_TRUE(writer->Finish(kMoment));
    EXPECT_EQ(
        IndexFile::Open(writer->unpublished(), Metric::kL2, 2).value()->rows(),
        1u);
  }
  EXPECT_EQ(ReadTestFile(file_), before);
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
      1);
  EXPECT_EQ(IndexFileWriter::Create(folder_ / "no/folder", Metric::kL2, 2)
                .error()
                .code,
            ErrorCode::kNotFound);
}

TEST_F(IndexFileTest, WhatAKilledProcessLeftIsRemoved) {
  const auto abandoned = folder_ / "vectors.index.new-1-0";
  WriteTestFile(abandoned, "half of it");
  WriteTestFile(folder_ / "vectors.indexed", "somebody else's");
  auto writing = IndexFileWriter::Create(file_, Metric::kL2, 2);
  EXPECT_FALSE(std::filesystem::exists(abandoned));
  ASSERT_TRUE(Write());
  EXPECT_TRUE(std::filesystem::exists(writing->unpublished()));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "vectors.indexed"));
}

}  // namespace
}  // namespace ocelli
