#include "core/vector_csv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/ordered_parallel.h"
#include "core/vector_text.h"

namespace ocelli {
namespace {

constexpr std::size_t kPartBytes = 1 << 20;
// What is too short to tell a vector from a number or a word.
constexpr std::size_t kFewestValues = 2;

// Cuts the text into parts of whole records. Thread-safe.
class Parts {
 public:
  explicit Parts(CsvReader reader) : reader_(std::move(reader)) {}

  // Part `i`; nothing where there are fewer.
  std::optional<CsvReader> At(std::size_t i) {
    const std::lock_guard lock(mutex_);
    while (parts_.size() <= i) {
      const CsvReader begin = reader_;
      const std::size_t before = begin.rest().size();
      while (before - reader_.rest().size() < kPartBytes && reader_.Next()) {
      }
      const std::size_t bytes = before - reader_.rest().size();
      if (bytes == 0) return {};
      parts_.push_back(begin.Part(bytes));
    }
    return parts_[i];
  }

 private:
  std::mutex mutex_;
  // Guarded by mutex_.
  CsvReader reader_;
  std::vector<CsvReader> parts_;
};

}  // namespace

Result<VectorCsv> VectorCsv::Open(std::string_view text,
                                  const VectorCsvOptions& options) {
  auto reader = CsvReader::Open(text, options.limits);
  if (!reader) return reader.Failure();
  VectorCsv csv(*reader, options);
  std::optional<std::size_t> column;
  if (!options.column.empty()) {
    column = reader->Column(options.column);
    if (!column) {
      return Fail(ErrorCode::kInvalidArgument, "no column '" + options.column +
                                                   "' in the CSV; it has " +
                                                   reader->ColumnNames());
    }
  }
  // The first row that has a vector tells the rest.
  std::vector<float> values;
  while (const auto record = reader->Next()) {
    if (!*record) continue;
    for (std::size_t i = 0; i < (*record)->fields.size(); ++i) {
      if (column.value_or(i) != i) continue;
      values.clear();
      const auto read =
          AppendVector((*record)->fields[i].raw, options.max_dimension, values);
      if (!read || (!column && values.size() < kFewestValues) ||
          values.empty()) {
        continue;
      }
      csv.column_ = i;
      csv.dimension_ = options.dimension ? options.dimension : values.size();
      return csv;
    }
  }
  return Fail(
      ErrorCode::kInvalidArgument,
      column
          ? "no row has a vector in the column '" + options.column + "'"
          : "no column holds vectors; there are " + csv.reader_.ColumnNames());
}

Result<> VectorCsv::Read(
    const std::function<Result<>(VectorCsvRows)>& emit) const {
  Parts parts(reader_);
  // Each but the last is larger than kPartBytes.
  const std::size_t most = reader_.rest().size() / kPartBytes + 1;
  const auto threads = static_cast<std::size_t>(options_.threads);
  std::stop_source failed;
  const std::stop_callback stop(options_.stop, [&] { failed.request_stop(); });
  Result<> outcome;
  const std::size_t done = OrderedParallel(
      most, options_.threads, threads * 4, failed.get_token(),
      [&](std::size_t i) {
        const auto part = parts.At(i);
        return part ? ReadRows(*part) : VectorCsvRows{};
      },
      [&](std::size_t, VectorCsvRows rows) {
        if (!outcome || (rows.records.empty() && rows.broken.empty())) return;
        outcome = emit(std::move(rows));
        if (!outcome) failed.request_stop();
      });
  if (outcome && done < most) {
    return Fail(ErrorCode::kCancelled, "stopped while reading the CSV");
  }
  return outcome;
}

VectorCsvRows VectorCsv::ReadRows(CsvReader reader) const {
  VectorCsvRows rows;
  while (auto record = reader.Next()) {
    if (!*record) {
      rows.broken.push_back(std::move(record->error()));
    } else if (auto read = ReadVector(**record, rows.values); !read) {
      rows.broken.push_back(
          read.Failure("line " + std::to_string((*record)->line)).value());
    } else {
      rows.records.push_back(std::move(**record));
    }
  }
  return rows;
}

// Appends the row's vector, or leaves `values` as it is.
Result<> VectorCsv::ReadVector(const CsvRecord& record,
                               std::vector<float>& values) const {
  const std::size_t before = values.size();
  const auto read =
      AppendVector(record.fields[column_].raw, options_.max_dimension, values);
  if (!read) return read.Failure();
  const std::size_t count = values.size() - before;
  const auto refuse = [&](std::string what) {
    values.resize(before);
    return Fail(ErrorCode::kInvalidArgument, std::move(what));
  };
  if (count != dimension_) {
    return refuse(count == 0
                      ? "no vector"
                      : std::to_string(count) + " values in a vector of " +
                            std::to_string(dimension_));
  }
  if (!std::all_of(values.end() - static_cast<std::ptrdiff_t>(count),
                   values.end(), [](float v) { return std::isfinite(v); })) {
    return refuse("a value that is not finite");
  }
  return {};
}

}  // namespace ocelli
