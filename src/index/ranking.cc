#include "index/ranking.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "index/similarity.h"
#include "index/top_rows.h"

namespace ocelli {
namespace {

// Vectors that stay in the first caches while all queries pass over them.
constexpr std::size_t kBlockBytes = 64 << 10;
constexpr std::size_t kMaxBlockRows = 1024;
// Whose products with a block stay in the next caches.
constexpr std::size_t kQueriesAtOnce = 256;
// Of the product of two lengths: more than a sum in fp32 is wrong by.
constexpr float kRounding = 1e-5f;

// By how much rounding may change a score.
float Slack(const Snapshot& snapshot, std::span<const float> query) {
  if (snapshot.metric() == Metric::kCosine) return kRounding;
  const float longest = std::sqrt(2 * snapshot.longest_half_square());
  const float length = std::sqrt(2 * HalfSquaredLength(query));
  return kRounding * longest * (length + longest);
}

// Offers rows with their dot products. For kL2 the order of q.x - |x|^2 / 2 is
// that of the distances.
void OfferBlock(const VectorRows& rows, std::span<float> products,
                const RowSet* among, TopRows& top) {
  if (rows.half_squared_lengths) {
    for (std::size_t i = 0; i < rows.count; ++i) {
      products[i] -= rows.half_squared_lengths[i];
    }
  }
  for (std::size_t i = 0; i < rows.count; ++i) {
    if (!(products[i] >= top.threshold())) continue;
    if (among && !among->Contains(rows.first + i)) continue;
    top.Offer(products[i], static_cast<std::uint32_t>(rows.first + i));
  }
}

}  // namespace

std::vector<RankedRow> RankRows(const Snapshot& snapshot,
                                std::span<const float> query,
                                std::span<const std::uint32_t> rows,
                                std::size_t k) {
  std::vector<RankedRow> ranked;
  ranked.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    const float similarity =
        Similarity(snapshot.metric(), query, snapshot.VectorAt(row));
    // NaN comes from a database that somebody else wrote.
    if (!std::isnan(similarity)) ranked.push_back({similarity, row});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const RankedRow& a, const RankedRow& b) {
              return a.similarity > b.similarity;
            });
  if (ranked.size() <= k) return ranked;
  const auto end = std::find_if(
      ranked.begin() + static_cast<std::ptrdiff_t>(k), ranked.end(),
      [last = ranked[k - 1].similarity](const RankedRow& row) {
        return row.similarity < last;
      });
  ranked.erase(end, ranked.end());
  return ranked;
}

namespace {

std::vector<std::vector<RankedRow>> RankInOnePass(
    const Snapshot& snapshot, std::span<const float> queries, std::size_t k,
    const RowSet* among, std::size_t first) {
  const std::size_t dimension = snapshot.dimension();
  std::vector<TopRows> tops;
  for (std::size_t at = 0; at < queries.size(); at += dimension) {
    tops.emplace_back(k, Slack(snapshot, queries.subspan(at, dimension)));
  }
  const std::size_t block_rows = std::clamp<std::size_t>(
      kBlockBytes / (dimension * sizeof(float)), 1, kMaxBlockRows);
  std::vector<float> products(block_rows * tops.size());
  snapshot.Visit(first, [&](const VectorRows& piece) {
    for (std::size_t at = 0; at < piece.count; at += block_rows) {
      const VectorRows block =
          piece.Part(at, std::min(block_rows, piece.count - at), dimension);
      DotProducts(block.vectors, block.count, dimension, queries.data(),
                  tops.size(), products.data());
      for (std::size_t q = 0; q < tops.size(); ++q) {
        OfferBlock(block,
                   std::span(products).subspan(q * block.count, block.count),
                   among, tops[q]);
      }
    }
  });
  std::vector<std::vector<RankedRow>> rankings;
  std::vector<std::uint32_t> rows;
  for (std::size_t q = 0; q < tops.size(); ++q) {
    rows.clear();
    for (const auto& candidate : tops[q].Take()) rows.push_back(candidate.row);
    rankings.push_back(
        RankRows(snapshot, queries.subspan(q * dimension, dimension), rows, k));
  }
  return rankings;
}

}  // namespace

std::vector<std::vector<RankedRow>> RankAll(const Snapshot& snapshot,
                                            std::span<const float> queries,
                                            std::size_t k, const RowSet* among,
                                            std::size_t first) {
  std::vector<std::vector<RankedRow>> rankings;
  const std::size_t at_once = kQueriesAtOnce * snapshot.dimension();
  while (!queries.empty()) {
    const auto some = queries.first(std::min(at_once, queries.size()));
    queries = queries.subspan(some.size());
    std::ranges::move(RankInOnePass(snapshot, some, k, among, first),
                      std::back_inserter(rankings));
  }
  return rankings;
}

}  // namespace ocelli
