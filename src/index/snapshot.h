#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "index/collection.h"
#include "index/index_file.h"
#include "index/inverted_file.h"
#include "index/row_set.h"
#include "index/store.h"

namespace ocelli {

// Vectors one after the other.
struct VectorRows {
  std::size_t first = 0;  // The row of the first in its snapshot.
  std::size_t count = 0;
  const float* vectors = nullptr;
  const float* half_squared_lengths = nullptr;  // For kL2 alone.

  VectorRows Part(std::size_t at, std::size_t size,
                  std::size_t dimension) const {
    return {first + at, size, vectors + at * dimension,
            half_squared_lengths ? half_squared_lengths + at : nullptr};
  }
};

// The vectors of a collection at one moment, in rows. A copy costs little and
// stays what it is while the original goes on: one thread changes the original
// at a time, any number read copies.
class Snapshot {
 public:
  Snapshot(Metric metric, int dimension);
  // What is in the file.
  static Result<Snapshot> Of(std::shared_ptr<const IndexFile> file);

  const Moment& moment() const { return moment_; }
  Metric metric() const { return metric_; }
  std::size_t dimension() const { return dimension_; }
  // With those that were removed since.
  std::size_t rows() const { return file_rows() + tail_rows_; }
  // The first rows are those of the file.
  std::size_t file_rows() const { return file_ ? file_->rows() : 0; }
  std::size_t tail_rows() const { return tail_rows_; }
  // Null: there is none.
  const IndexFile* file() const { return file_.get(); }
  // Null where all rows have to be compared.
  const InvertedFile* inverted_file() const { return inverted_file_.get(); }
  // The rows that were not removed; null: all.
  const RowSet* live() const { return live_.get(); }
  std::size_t removed() const { return removed_; }
  // For kL2: no vector is longer than what this is half the square of.
  float longest_half_square() const { return longest_half_square_; }

  // Takes on what `store`, in the middle of a Reading, has since moment().
  Result<> CatchUp(Store& store);

  std::int64_t SlotAt(std::size_t row) const;
  // None where it is not here, or removed.
  std::optional<std::uint32_t> RowOf(std::int64_t slot) const;
  std::span<const float> VectorAt(std::size_t row) const;
  // All rows from `first` on, in pieces.
  void Visit(std::size_t first,
             const std::function<void(const VectorRows&)>& visit) const;

 private:
  struct Chunk;
  Result<> Append(std::int64_t slot, std::span<const float> vector);
  void Remove(std::int64_t slot);
  std::int64_t TailSlot(std::size_t at) const;

  Metric metric_;
  std::size_t dimension_;
  std::size_t chunk_rows_;
  Moment moment_;
  // Shared by copies, here and in inverted_file_.
  std::shared_ptr<const IndexFile> file_;
  std::shared_ptr<const InvertedFile> inverted_file_;
  // What came after the file, by slot. Chunks are shared by all copies, each of
  // which reads no further than its own rows: the original fills the rest.
  std::vector<std::shared_ptr<Chunk>> tail_;
  std::size_t tail_rows_ = 0;
  std::shared_ptr<const RowSet> live_;  // Shared by copies; replaced.
  std::size_t removed_ = 0;
  float longest_half_square_ = 0;
};

}  // namespace ocelli
