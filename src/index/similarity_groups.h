#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace ocelli {

struct SimilarityGroup {
  std::vector<std::size_t> members;  // Two or more, ascending.
  // The least cosine that holds it together: each member is linked with
  // another one by at least this.
  float least = 1;
};

// The rows that a chain of similarities of at least `threshold` joins.
// `vectors` are unit vectors row by row. Calls `advance` after each row, which
// may return false to stop; then what was found so far comes back.
std::vector<SimilarityGroup> GroupSimilar(std::span<const float> vectors,
                                          std::size_t dimension,
                                          float threshold,
                                          const std::function<bool()>& advance);

}  // namespace ocelli
