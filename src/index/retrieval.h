#pragma once

#include <cstddef>
#include <span>

namespace ocelli {

// How often what is most similar has the same label, each 0 to 1: the share of
// first hits, the mean share of the first ten (of fewer where there are fewer),
// and the mean over all queries of average precision over the whole ranking
// (Manning et al., Introduction to Information Retrieval, 8.4).
struct RetrievalScore {
  std::size_t queries = 0;  // Pictures whose label another one has.
  double p_at_1 = 0;
  double p_at_10 = 0;
  double map = 0;
};

// Each picture in turn against all others. `vectors` are unit vectors row by
// row, `labels` one a row.
RetrievalScore ScoreRetrieval(std::span<const float> vectors,
                              std::size_t dimension,
                              std::span<const int> labels);

}  // namespace ocelli
