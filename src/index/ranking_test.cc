#include "index/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/test_folder.h"
#include "index/index_builder.h"
#include "index/similarity.h"
#include "index/test_vectors.h"
#include "index/top_rows.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::vector<std::uint32_t> Rows(TopRows& top) {
  std::vector<std::uint32_t> rows;
  const auto candidates = top.Take();
  for (const auto& candidate : candidates) rows.push_back(candidate.row);
  return rows;
}

TEST(TopRows, KeepsTheBestAndWhatComesNear) {
  TopRows top(2, 0.25f);
  const float scores[] = {1, 5, 4, 3.8f, 3.7f, -1};
  for (std::uint32_t row = 0; row < 6; ++row) top.Offer(scores[row], row);
  EXPECT_THAT(Rows(top), UnorderedElementsAre(1, 2, 3));
}

TEST(TopRows, KeepsAllThatAreEqual) {
  TopRows top(3, 1e-5f);
  for (std::uint32_t row = 0; row < 100000; ++row) top.Offer(1, row);
  EXPECT_THAT(top.Take(), SizeIs(100000));
}

TEST(TopRows, TakesNoNaN) {
  TopRows top(3, 0);
  top.Offer(std::numeric_limits<float>::quiet_NaN(), 1);
  top.Offer(0, 2);
  EXPECT_THAT(Rows(top), ElementsAre(2));
}

// A snapshot of random vectors, every third of them twice, partly removed.
class RankingTest : public testing::TestWithParam<Metric> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Store::Create(folder_ / "db", Spec(kDimension, GetParam())));
    store_ = Store::Open(folder_ / "db").value();
    auto entries = RandomEntries(kCount, kDimension, random_);
    for (std::size_t i = 3; i < kCount; i += 3) {
      entries[i].vector = entries[i - 1].vector;
    }
    const auto half = std::span(entries).first(kCount / 2);
    ASSERT_TRUE(store_->Put(half));
    auto file = WriteIndexFile(*store_, folder_ / "index").value();
    snapshot_ = Snapshot::Of(file).value();
    ASSERT_TRUE(store_->Put(entries));
    ASSERT_TRUE(store_->Remove({{"5", "700", "701"}}));
    ASSERT_TRUE(snapshot_.CatchUp(*store_));
    ASSERT_EQ(snapshot_.rows(), kCount);
    ASSERT_EQ(snapshot_.file_rows(), kCount / 2);
    ASSERT_EQ(snapshot_.removed(), 3u);
  }

  std::vector<RankedRow> Expected(std::span<const float> query, std::size_t k,
                                  const RowSet& among) {
    std::vector<RankedRow> all;
    for (std::uint32_t row = 0; row < kCount; ++row) {
      if (!among.Contains(row)) continue;
      all.push_back(
          {Similarity(GetParam(), query, snapshot_.VectorAt(row)), row});
    }
    std::sort(all.begin(), all.end(), Before);
    while (k < all.size() && all[k].similarity == all[k - 1].similarity) ++k;
    all.resize(std::min(k, all.size()));
    return all;
  }
  static bool Before(const RankedRow& a, const RankedRow& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity
                                        : a.row < b.row;
  }
  static void ExpectEqual(std::vector<RankedRow> ranking,
                          const std::vector<RankedRow>& expected) {
    std::sort(ranking.begin(), ranking.end(), Before);
    ASSERT_EQ(ranking.size(), expected.size());
    for (std::size_t i = 0; i < ranking.size(); ++i) {
      EXPECT_EQ(ranking[i].row, expected[i].row);
      EXPECT_EQ(ranking[i].similarity, expected[i].similarity);
    }
  }

  static constexpr int kDimension = 50;
  static constexpr std::size_t kCount = 1500;
  TestFolder folder_;
  std::mt19937 random_{4};
  std::unique_ptr<Store> store_;
  Snapshot snapshot_{GetParam(), kDimension};
};

TEST_P(RankingTest, FindsExactlyTheBestWithTheirTies) {
  RowSet some = RowSet::None(kCount);
  for (std::size_t row = 0; row < kCount; row += 7) some.Add(row);
  auto queries = RandomVectors(6, kDimension, random_);
  for (std::size_t at = 0; at < queries.size(); at += kDimension) {
    ASSERT_TRUE(PrepareVector(GetParam(), kDimension,
                              std::span(queries).subspan(at, kDimension)));
  }
  for (const std::size_t k : {1, 2, 10, 500, 2000}) {
    for (const RowSet& among : {*snapshot_.live(), some}) {
      const auto rankings = RankAll(snapshot_, queries, k, &among);
      ASSERT_EQ(rankings.size(), 6u);
      for (std::size_t q = 0; q < rankings.size(); ++q) {
        const auto query = std::span(queries).subspan(q * kDimension,  //
                                                      kDimension);
        ExpectEqual(rankings[q], Expected(query, k, among));
      }
    }
  }
}

TEST_P(RankingTest, MayBeginAnywhere) {
  auto query = RandomVectors(1, kDimension, random_);
  ASSERT_TRUE(PrepareVector(GetParam(), kDimension, query));
  for (const std::size_t first : {std::size_t{700}, kCount / 2, kCount - 1}) {
    RowSet rest = RowSet::None(kCount);
    for (std::size_t row = first; row < kCount; ++row) rest.Add(row);
    ExpectEqual(RankAll(snapshot_, query, 5, nullptr, first)[0],
                Expected(query, 5, rest));
  }
  EXPECT_THAT(RankAll(snapshot_, query, 5, nullptr, kCount)[0], IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Metrics, RankingTest,
                         testing::Values(Metric::kCosine, Metric::kL2));

}  // namespace
}  // namespace ocelli
