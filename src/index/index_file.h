#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/mapped_file.h"
#include "core/result.h"
#include "index/collection.h"
#include "index/store.h"

namespace ocelli {

// How well the lists of an index file narrow a search down.
struct Probing {
  std::uint32_t probes = 0;   // Lists a query reads; 0: it must read all.
  std::uint32_t queries = 0;  // That the recall was measured with.
  float recall = 0;           // At 10.
};

// The vectors of one moment in a file: mapped, so that opening reads them once
// to check them and copies nothing. Rows lie list by list; a file without
// lists has them by slot. Only on machines of the byte order that wrote it.
class IndexFile {
 public:
  // kNotFound. kDataLoss: not whole, not ours, or of another metric or
  // dimension; the file was checked to the last byte.
  static Result<std::shared_ptr<const IndexFile>> Open(
      const std::filesystem::path& file, Metric metric, int dimension);

  Metric metric() const { return metric_; }
  std::size_t dimension() const { return dimension_; }
  const Moment& moment() const { return moment_; }
  const Probing& probing() const { return probing_; }
  std::size_t rows() const { return slots_.size(); }
  std::span<const float> vectors() const { return vectors_; }
  // Of each row; none for kCosine.
  std::span<const float> half_squared_lengths() const {
    return half_squared_lengths_;
  }
  float longest_half_square() const { return longest_half_square_; }
  std::int64_t SlotAt(std::size_t row) const { return slots_[row]; }
  std::optional<std::uint32_t> RowOf(std::int64_t slot) const;

  // For each list, the row after its last.
  std::span<const std::uint64_t> list_ends() const { return list_ends_; }
  std::span<const float> centroids() const { return centroids_; }

 private:
  IndexFile() = default;
  Result<> Read(const std::filesystem::path& file, Metric metric,
                int dimension);
  bool MakesSense() const;

  MappedFile bytes_;
  Metric metric_ = Metric::kCosine;
  std::size_t dimension_ = 0;
  Moment moment_;
  Probing probing_;
  std::span<const float> vectors_;
  std::span<const std::int64_t> slots_;
  std::span<const std::uint32_t> by_slot_;  // Rows in the order of slots.
  std::span<const std::uint64_t> list_ends_;
  std::span<const float> centroids_;
  std::vector<float> half_squared_lengths_;
  float longest_half_square_ = 0;
};

// Writes an index file beside its place, and puts it there when it is whole.
// Any error leaves what was there.
class IndexFileWriter {
 public:
  static Result<IndexFileWriter> Create(const std::filesystem::path& place,
                                        Metric metric, int dimension);
  ~IndexFileWriter();  // Unless it was published, nothing is left.
  IndexFileWriter(IndexFileWriter&&) noexcept;
  IndexFileWriter& operator=(IndexFileWriter&&) = delete;

  // The next row.
  Result<> Append(std::int64_t slot, std::span<const float> vector);
  // After the last row. Both empty, or as in IndexFile.
  Result<> Finish(const Moment& moment,
                  std::span<const std::uint64_t> list_ends = {},
                  std::span<const float> centroids = {});
  // Where it is until then: to be opened and measured.
  const std::filesystem::path& unpublished() const;
  // Replaces what is in its place.
  Result<> Publish(const Probing& probing = {});

 private:
  struct State;
  explicit IndexFileWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
