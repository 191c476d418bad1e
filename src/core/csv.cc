#include "core/csv.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ocelli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The first `c` of the text from `from` on, or its end.
std::size_t Find(std::string_view text, char c, std::size_t from) {
  const void* found = from < text.size() ? std::memchr(text.data() + from, c,
                                                       text.size() - from)
                                         : nullptr;
  if (!found) return text.size();
  return static_cast<std::size_t>(static_cast<const char*>(found) -
                                  text.data());
}

std::uint64_t CountLines(std::string_view text) {
  std::uint64_t count = 0;
  for (std::size_t at = Find(text, '\n', 0); at < text.size();
       at = Find(text, '\n', at + 1)) {
    ++count;
  }
  return count;
}

auto Broken(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument, what);
}

// Most frequent outside of quotes; ',' unless another is.
char DetectSeparator(std::string_view header) {
  std::size_t commas = 0;
  std::size_t semicolons = 0;
  std::size_t tabs = 0;
  bool quoted = false;
  for (const char c : header) {
    quoted ^= c == '"';
    if (quoted) continue;
    if (c == '\n') break;
    commas += c == ',';
    semicolons += c == ';';
    tabs += c == '\t';
  }
  if (semicolons > std::max(commas, tabs)) return ';';
  return tabs > commas ? '\t' : ',';
}

}  // namespace

std::string CsvField::ToString() const {
  if (!doubled_quotes) return std::string(raw);
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    text += raw[i];
    if (raw[i] == '"') ++i;
  }
  return text;
}

Result<CsvReader> CsvReader::Open(std::string_view text,
                                  const CsvLimits& limits) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  CsvReader reader(text, limits);
  reader.SkipEmptyLines();
  if (reader.offset_ == text.size()) {
    return Broken("no header: the CSV is empty");
  }
  const std::string_view rest = text.substr(reader.offset_);
  reader.separator_ = DetectSeparator(rest.substr(0, limits.max_field_bytes));
  auto names = reader.Next();
  if (!*names) return names->Failure("the header of the CSV");
  for (const CsvField& name : (*names)->fields) {
    reader.header_.push_back(name.ToString());
  }
  return reader;
}

std::optional<std::size_t> CsvReader::Column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) return {};
  return static_cast<std::size_t>(found - header_.begin());
}

std::string CsvReader::ColumnNames() const {
  std::string names;
  for (const std::string& name : header_) {
    names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

std::optional<Result<CsvRecord>> CsvReader::Next() {
  SkipEmptyLines();
  if (offset_ == text_.size()) return {};
  const std::size_t begin = offset_;
  const std::uint64_t line = line_;
  auto record = ReadRecord();
  const auto doing = [&] { return "line " + std::to_string(line); };
  if (!record) {
    offset_ = std::min(Find(text_, '\n', begin) + 1, text_.size());
    line_ = line + 1;
    line_end_ = 0;
    return record.Failure(doing());
  }
  if (std::memchr(text_.data() + begin, '\0', offset_ - begin)) {
    record = Broken("a NUL byte: this is not text");
    return record.Failure(doing());
  }
  if (!header_.empty() && record->fields.size() != header_.size()) {
    record = Broken(std::to_string(record->fields.size()) +
                    " values where the header has " +
                    std::to_string(header_.size()));
    return record.Failure(doing());
  }
  return record;
}

CsvReader CsvReader::Part(std::size_t bytes) const {
  CsvReader part = *this;
  part.text_ = text_.substr(0, offset_ + bytes);
  part.line_end_ = 0;
  return part;
}

void CsvReader::SkipEmptyLines() {
  while (offset_ < text_.size()) {
    const bool crlf = text_.substr(offset_).starts_with("\r\n");
    if (!crlf && text_[offset_] != '\n') return;
    offset_ += crlf ? 2 : 1;
    ++line_;
  }
}

// Ends behind the line feed, or at the end of the text.
Result<CsvRecord> CsvReader::ReadRecord() {
  CsvRecord record;
  record.line = line_;
  record.fields.reserve(header_.size());
  while (true) {
    const auto field = ReadField();
    if (!field) return field.Failure();
    if (field->raw.size() > limits_.max_field_bytes) {
      return Broken("a value of more than " +
                    std::to_string(limits_.max_field_bytes) + " bytes");
    }
    if (record.fields.size() == limits_.max_fields) {
      return Broken("more than " + std::to_string(limits_.max_fields) +
                    " values");
    }
    record.fields.push_back(*field);
    if (offset_ == text_.size()) return record;
    if (text_[offset_++] == separator_) continue;
    ++line_;
    return record;
  }
}

// Ends at the separator, the line feed or the end of the text.
Result<CsvField> CsvReader::ReadField() {
  if (offset_ < text_.size() && text_[offset_] == '"') return ReadQuoted();
  return ReadPlain();
}

Result<CsvField> CsvReader::ReadQuoted() {
  const std::size_t begin = ++offset_;
  // Searching further would make a text of unclosed quotes quadratic.
  const std::string_view within =
      limits_.max_field_bytes < text_.size() - begin
          ? text_.substr(0, begin + limits_.max_field_bytes + 1)
          : text_;
  CsvField field;
  while (true) {
    const std::size_t quote = Find(within, '"', offset_);
    if (quote == within.size()) return Broken("a quote that is never closed");
    offset_ = quote + 1;
    if (offset_ == text_.size() || text_[offset_] != '"') break;
    field.doubled_quotes = true;
    ++offset_;
  }
  field.raw = text_.substr(begin, offset_ - 1 - begin);
  line_ += CountLines(field.raw);
  if (text_.substr(offset_).starts_with("\r\n")) ++offset_;
  if (offset_ < text_.size() && text_[offset_] != separator_ &&
      text_[offset_] != '\n') {
    return Broken("text after a closing quote");
  }
  return field;
}

CsvField CsvReader::ReadPlain() {
  const std::size_t begin = offset_;
  const std::size_t line_end = LineEnd();
  offset_ = Find(text_.substr(0, line_end), separator_, begin);
  CsvField field{text_.substr(begin, offset_ - begin)};
  if (offset_ == line_end && field.raw.ends_with('\r')) {
    field.raw.remove_suffix(1);
  }
  return field;
}

std::size_t CsvReader::LineEnd() {
  if (line_end_ < offset_ || line_end_ == 0) {
    line_end_ = Find(text_, '\n', offset_);
  }
  return line_end_;
}

void AppendCsvRecord(std::span<const std::string> fields, std::string& out) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    const std::string& field = fields[i];
    // A record of one empty value would be an empty line.
    const bool quote = field.find_first_of(",\"\r\n") != field.npos ||
                       (fields.size() == 1 && field.empty());
    if (!quote) {
      out += field;
      continue;
    }
    out += '"';
    for (const char c : field) {
      out += c;
      if (c == '"') out += '"';
    }
    out += '"';
  }
  out += '\n';
}

}  // namespace ocelli
