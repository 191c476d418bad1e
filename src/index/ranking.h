#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/row_set.h"
#include "index/snapshot.h"

namespace ocelli {

struct RankedRow {
  float similarity = 0;
  std::uint32_t row = 0;
};

// The k most similar of `rows`, and those as similar as the last of these; the
// most similar first. `query` is prepared, `k` at least 1.
std::vector<RankedRow> RankRows(const Snapshot& snapshot,
                                std::span<const float> query,
                                std::span<const std::uint32_t> rows,
                                std::size_t k);

// The same for each of `queries` (n x dimension) over all rows from `first` on
// that are in `among` (null: all). Reads the vectors once for many queries.
std::vector<std::vector<RankedRow>> RankAll(const Snapshot& snapshot,
                                            std::span<const float> queries,
                                            std::size_t k, const RowSet* among,
                                            std::size_t first = 0);

}  // namespace ocelli
