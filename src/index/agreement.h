#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ocelli {

// The other pictures by how similar they are to picture `query`, the most
// similar first, ties by number. `vectors` are unit vectors row by row.
struct Ranking {
  std::vector<std::size_t> order;   // Without `query`.
  std::vector<float> similarities;  // Cosines in the same order.
};
Ranking RankOthers(std::span<const float> vectors, std::size_t dimension,
                   std::size_t query);

// How many of the first k are the same in both, whatever their order, 0 to 1.
double OverlapAtK(const Ranking& a, const Ranking& b, std::size_t k);

// Spearman's rank correlation of the two orders of the same pictures, -1 to 1;
// 1 where there are fewer than two.
double RankCorrelation(const Ranking& a, const Ranking& b);

}  // namespace ocelli
