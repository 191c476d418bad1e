#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/csv.h"
#include "core/result.h"

namespace ocelli {

struct VectorCsvOptions {
  std::string column;         // Of the vectors; empty: the first that has one.
  std::size_t dimension = 0;  // Of each vector; 0: as the first good one.
  int threads = 1;
  std::size_t max_dimension = 65'536;
  CsvLimits limits;
  std::stop_token stop;
};

// Rows of the table in their order, without the broken ones.
struct VectorCsvRows {
  std::vector<CsvRecord> records;  // All columns; they point into the text.
  std::vector<float> values;       // records.size() x dimension, row by row.
  std::vector<Error> broken;       // Each names its line.
};

// A CSV with a column of vectors written as text, such as
// "path,embedding\na.jpg,0.1 0.2\n", read on several threads. The text must
// outlive it. Thread-safe.
class VectorCsv {
 public:
  // Finds the columns and the dimension. kInvalidArgument: no such column, or
  // no row with a vector.
  static Result<VectorCsv> Open(std::string_view text,
                                const VectorCsvOptions& options);

  const std::vector<std::string>& header() const { return reader_.header(); }
  std::size_t vector_column() const { return column_; }
  std::size_t dimension() const { return dimension_; }

  // Calls `emit` on this thread with about a megabyte of rows at a time. A row
  // without a vector, of another dimension or with a value that is not finite
  // is broken. kCancelled when stopped, or the error of `emit`, after which it
  // is not called again.
  Result<> Read(const std::function<Result<>(VectorCsvRows)>& emit) const;

 private:
  VectorCsv(CsvReader reader, const VectorCsvOptions& options)
      : reader_(std::move(reader)), options_(options) {}
  Result<> ReadVector(const CsvRecord& record,
                      std::vector<float>& values) const;
  VectorCsvRows ReadRows(CsvReader reader) const;

  CsvReader reader_;  // Before the first row.
  VectorCsvOptions options_;
  std::size_t column_ = 0;
  std::size_t dimension_ = 0;
};

}  // namespace ocelli
