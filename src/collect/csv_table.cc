// Tables of CSV files.

#include <utility>

#include "collect/image_columns.h"
#include "collect/image_table.h"

namespace ocelli {
namespace {

// References to other folders make no sense in a file that came from anywhere.
bool IsAddress(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://") ||
         text.starts_with("//");
}

}  // namespace

Result<ImageTable> ReadImageTable(std::string_view csv,
                                  const ColumnChoice& choice) {
  auto reader = CsvReader::Open(csv);
  if (!reader) return reader.Failure();
  ImageTable table;
  std::vector<CsvRecord> records;
  std::vector<ColumnSample> samples(reader->header().size());
  while (auto record = reader->Next()) {
    if (!*record) {
      table.skipped.push_back(std::move(record->error()));
      continue;
    }
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::string_view text = (*record)->fields[i].raw;
      samples[i].Add(text, IsAddress(text), false);
    }
    records.push_back(std::move(**record));
  }
  const auto columns = ChooseColumns(reader->header(), samples, choice);
  if (!columns) return columns.Failure("the CSV");
  table.columns = OtherColumns(reader->header(), *columns);
  const Url base = ParseUrl("https://localhost/").value();
  for (const CsvRecord& record : records) {
    ImageRow row;
    if (columns->name) row.name = record.fields[*columns->name].ToString();
    row.label = "line " + std::to_string(record.line);
    if (!row.name.empty()) row.label += " (" + row.name + ")";
    const std::string address = record.fields[columns->image].ToString();
    auto url = ResolveReference(base, address);
    if (!IsAddress(address) || !url) {
      table.skipped.push_back({ErrorCode::kInvalidArgument,
                               row.label + ": no address of an image"});
      continue;
    }
    row.url = std::move(*url);
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
      if (!columns->Takes(i)) row.values.push_back(record.fields[i].ToString());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace ocelli
