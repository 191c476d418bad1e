#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/result.h"

namespace ocelli {

// Files of vectors as other programs write them, by the ending of their name:
//   .npy    NumPy's format 1 to 3: float16, 32 or 64, little-endian, C order,
//           two dimensions, or one for a single vector
//   .fvecs  for each vector its dimension (int32) and that many float32
// Nothing is read that is not asked for, whatever the size of the file.
// kInvalidArgument, naming file and byte, for what is none of these;
// kDataLoss for one that ends too soon; kNotFound. One thread at a time.
class VectorFile {
 public:
  static Result<VectorFile> Open(const std::filesystem::path& path);
  ~VectorFile();
  VectorFile(VectorFile&&) noexcept;
  VectorFile& operator=(VectorFile&&) = delete;

  std::size_t rows() const;
  int dimension() const;  // 1 to kMaxDimension.
  // `vectors.size() / dimension()` rows from `first` on, which there must be.
  // Not a look at the values: they may be infinite or NaN.
  Result<> Read(std::size_t first, std::span<float> vectors);

 private:
  struct State;
  explicit VectorFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes a .npy (float32, format 1) or .fvecs. Until Finish() succeeds, what
// was at `path` stays.
class VectorFileWriter {
 public:
  // kInvalidArgument for another ending.
  static Result<VectorFileWriter> Create(const std::filesystem::path& path,
                                         int dimension);
  ~VectorFileWriter();
  VectorFileWriter(VectorFileWriter&&) noexcept;
  VectorFileWriter& operator=(VectorFileWriter&&) = delete;

  Result<> Append(std::span<const float> vector);
  Result<> Finish();

 private:
  struct State;
  explicit VectorFileWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A table of int32, row by row: what a ground truth is.
struct IntTable {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<std::int32_t> values;
};

// .ivecs, as .fvecs with int32. kResourceExhausted for more than a gigabyte.
Result<IntTable> ReadIvecs(const std::filesystem::path& path);
Result<> WriteIvecs(const std::filesystem::path& path, const IntTable& table);

}  // namespace ocelli
