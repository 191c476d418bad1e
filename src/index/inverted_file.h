#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/result.h"
#include "index/index_file.h"
#include "index/row_set.h"

namespace ocelli {

// Vectors divided into lists by k-means, with FAISS.
struct Division {
  std::vector<float> centroids;  // lists x dimension.
  std::vector<std::uint32_t> list_of_row;
};

// Takes all processors for as long as it lasts. The same for the same vectors.
Result<Division> Divide(const IndexFile& file, std::size_t lists);

// FAISS's inverted file (IVF, uncompressed) over an index file with lists,
// whose vectors stay where they are. Thread-safe.
class InvertedFile {
 public:
  static Result<std::shared_ptr<const InvertedFile>> Over(
      std::shared_ptr<const IndexFile> file);
  ~InvertedFile();

  // Up to `k` rows, most of them among the most similar to `query`, from the
  // `probes` lists nearest to it. `live` null: any.
  Result<std::vector<std::uint32_t>> Nearest(std::span<const float> query,
                                             std::size_t k, std::size_t probes,
                                             const RowSet* live) const;

 private:
  struct State;
  explicit InvertedFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
