#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// One value of a record, as it stands in the text, without the quotes around
// it. Lives as long as the text.
struct CsvField {
  std::string_view raw;
  bool doubled_quotes = false;  // `raw` has "" where " is meant.

  std::string ToString() const;
};

struct CsvRecord {
  std::uint64_t line = 0;  // Where it begins; the first line is 1.
  std::vector<CsvField> fields;
};

struct CsvLimits {
  std::size_t max_field_bytes = 16 << 20;
  std::size_t max_fields = 4096;  // Of a record.
};

// Reads RFC 4180: quoted values with separators, line ends and doubled quotes
// in them, LF or CRLF. A byte order mark and empty lines are skipped; a quote
// inside of a value that does not begin with one stands for itself. The text
// is not copied. Not thread-safe; a copy reads on by itself.
class CsvReader {
 public:
  // Reads the header. The separator is whichever of ',', ';' and tab is most
  // frequent in it. kInvalidArgument where there is none or it is broken.
  static Result<CsvReader> Open(std::string_view text,
                                const CsvLimits& limits = {});

  const std::vector<std::string>& header() const { return header_; }
  char separator() const { return separator_; }
  // The first column of that name.
  std::optional<std::size_t> Column(std::string_view name) const;
  // Of the header's names: what messages offer instead of an unknown one.
  std::string ColumnNames() const;

  // The next record, with as many fields as the header; nothing at the end.
  // A broken one is kInvalidArgument naming its line, and reading goes on: at
  // the next record where its end is known, else at its second line.
  std::optional<Result<CsvRecord>> Next();

  // The text that is not read yet.
  std::string_view rest() const { return text_.substr(offset_); }
  // Reads on as this reader would, but only the next `bytes`.
  CsvReader Part(std::size_t bytes) const;

 private:
  CsvReader(std::string_view text, const CsvLimits& limits)
      : text_(text), limits_(limits) {}
  void SkipEmptyLines();
  Result<CsvRecord> ReadRecord();
  Result<CsvField> ReadField();
  Result<CsvField> ReadQuoted();
  CsvField ReadPlain();
  std::size_t LineEnd();

  std::string_view text_;
  CsvLimits limits_;
  char separator_ = ',';
  std::vector<std::string> header_;
  std::size_t offset_ = 0;
  std::uint64_t line_ = 1;
  std::size_t line_end_ = 0;  // Of the line last looked at; kept for speed.
};

// Appends a record and its line feed, with quotes where they are needed only.
void AppendCsvRecord(std::span<const std::string> fields, std::string& out);

}  // namespace ocelli
