#include "cli/metadata_table.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "core/ascii.h"
#include "core/csv.h"
#include "core/file.h"

namespace ocelli {
namespace {

// The first of `names` that is a column, whatever its case.
std::optional<std::size_t> FindColumn(
    const std::vector<std::string>& header,
    std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (LowerCase(header[i]) == name) return i;
    }
  }
  return std::nullopt;
}

// "https://host/a/Chad.png?width=250" and "a\Chad.png" are Chad.png.
std::string FileNameIn(std::string address) {
  address = address.substr(0, address.find_first_of("?#"));
  const std::size_t slash = address.find_last_of("/\\");
  return slash == address.npos ? address : address.substr(slash + 1);
}

}  // namespace

Result<MetadataTable> MetadataTable::Read(const std::filesystem::path& file,
                                          std::vector<Error>& broken) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{2} << 30;
  const auto bytes = ReadFileLimited(file, kMostBytes);
  if (!bytes) return bytes.Failure();
  auto reader = CsvReader::Open(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!reader) return reader.Failure(file.string());
  const std::vector<std::string>& header = reader->header();
  const auto id = FindColumn(header, {"id"});
  const auto name =
      FindColumn(header, {"file", "filename", "path", "image", "url"});
  const auto vectors = FindColumn(header, {"features", "embedding"});
  const std::size_t key = name.value_or(id.value_or(0));

  MetadataTable table;
  table.by_file_name_ = name.has_value();
  while (const auto record = reader->Next()) {
    if (!*record) {
      broken.push_back({record->error().code,
                        file.string() + ": " + record->error().message});
      continue;
    }
    Row row{.id = id ? (*record)->fields[*id].ToString() : "",
            .metadata = {},
            .line = (*record)->line};
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (i == id || i == name || i == vectors || header[i].empty()) continue;
      std::string value = (*record)->fields[i].ToString();
      if (!value.empty()) row.metadata.emplace(header[i], std::move(value));
    }
    std::string named = (*record)->fields[key].ToString();
    if (name) named = FileNameIn(std::move(named));
    const std::uint64_t line = row.line;
    const auto [at, added] = table.rows_.emplace(named, std::move(row));
    if (!added || named.empty()) {
      broken.push_back(
          {ErrorCode::kInvalidArgument,
           file.string() + ": line " + std::to_string(line) +
               (named.empty() ? " names no picture"
                              : " names " + named + " like line " +
                                    std::to_string(at->second.line))});
      if (named.empty()) table.rows_.erase(at);
    }
  }
  return table;
}

const MetadataTable::Row* MetadataTable::Use(
    const std::filesystem::path& picture) {
  const auto row = rows_.find(by_file_name_ ? picture.filename().string()
                                            : picture.stem().string());
  if (row == rows_.end()) return nullptr;
  row->second.used = true;
  return &row->second;
}

std::vector<const MetadataTable::Row*> MetadataTable::Unused() const {
  std::vector<const Row*> unused;
  for (const auto& [name, row] : rows_) {
    if (!row.used) unused.push_back(&row);
  }
  std::ranges::sort(unused, {}, &Row::line);
  return unused;
}

}  // namespace ocelli
