#include "cli/collection_transfer.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>
#include <unordered_set>

#include "core/csv.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/vector_csv.h"
#include "index/new_file.h"
#include "index/vector_files.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtOnce = 4096;  // Rows of one transaction.
constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 30;

// Metadata that is called so is left out of a CSV.
const std::set<std::string> kOwnColumns = {"id", "digest", "path", "features"};

bool IsCsv(const fs::path& file) { return file.extension() == ".csv"; }

// "[0.1 0.2 ...\n 0.3]", as NumPy prints an array, with the shortest text of
// each number that reads back as the same.
std::string VectorText(std::span<const float> vector) {
  constexpr std::size_t kALine = 6;
  std::string text = "[";
  for (std::size_t i = 0; i < vector.size(); ++i) {
    char number[32];
    if (i > 0) text += i % kALine == 0 ? "\n " : " ";
    text.append(number, std::to_chars(number, number + 32, vector[i]).ptr);
  }
  return text + "]";
}

Result<> ExportCsv(Collection& collection, const fs::path& file,
                   std::size_t& count) {
  std::set<std::string> keys;
  auto listed = collection.ForEach(
      [&](const Item& item, std::span<const float>) -> Result<> {
        for (const auto& [key, value] : item.metadata) {
          if (!kOwnColumns.contains(key)) keys.insert(key);
        }
        return {};
      });
  if (!listed) return listed;
  std::vector<std::string> fields = {"id", "digest", "path"};
  fields.insert(fields.end(), keys.begin(), keys.end());
  fields.emplace_back("features");
  auto out = NewFile::Create(file);
  if (!out) return out.Failure();
  std::string text;
  AppendCsvRecord(fields, text);
  const auto append = [&] {
    auto appended = out->Append(std::as_bytes(std::span(text)));
    text.clear();
    return appended;
  };
  auto written = collection.ForEach(
      [&](const Item& item, std::span<const float> vector) -> Result<> {
        fields = {item.id, item.digest.ToHex(), item.path};
        for (const std::string& key : keys) {
          const auto value = item.metadata.find(key);
          fields.push_back(value == item.metadata.end() ? "" : value->second);
        }
        fields.push_back(VectorText(vector));
        AppendCsvRecord(fields, text);
        ++count;
        return append();
      });
  if (!written) return written;
  // The heading of an empty collection.
  auto appended = append();
  if (!appended) return appended;
  return out->Publish(NewFile::Care::kDurable);
}

Result<> ExportVectors(Collection& collection, const fs::path& file,
                       std::size_t& count) {
  auto writer = VectorFileWriter::Create(file, collection.spec().dimension);
  if (!writer) return writer.Failure();
  std::string ids;
  auto appended = collection.ForEach(
      [&](const Item& item, std::span<const float> vector) -> Result<> {
        ids += item.id + "\n";
        ++count;
        return writer->Append(vector);
      });
  if (!appended) return appended;
  // Never ids beside vectors that they do not belong to.
  std::error_code ignored;
  fs::remove(file.string() + ".ids", ignored);
  auto finished = writer->Finish();
  if (!finished) return finished;
  return WriteFileAtomically(file.string() + ".ids", ids);
}

// Entries gathered into transactions.
class Importer {
 public:
  Importer(Collection& collection, const fs::path& file, ImportSummary& summary)
      : collection_(collection), file_(file), summary_(summary) {}

  // `place` is the row's in the file, for messages: "line 7".
  Result<> Take(Item item, std::span<const float> vector, std::string place) {
    if (!ids_.insert(item.id).second) {
      Refuse(place, "the id " + item.id + " comes a second time");
      return {};
    }
    const auto known = collection_.Find(item.id);
    if (!known) return known.Failure();
    if (*known) {
      if (item.path.empty()) item.path = (*known)->path;
      if (item.metadata.empty()) item.metadata = (*known)->metadata;
      const auto kept = collection_.VectorOf(item.id);
      if (!kept) return kept.Failure();
      const bool same = std::ranges::equal(*kept, vector);
      if (same && item.digest == Digest()) item.digest = (*known)->digest;
    }
    if (item.digest == Digest()) {
      item.digest = Sha256(std::as_bytes(vector));
    }
    places_.push_back(std::move(place));
    waiting_.push_back({std::move(item), {vector.begin(), vector.end()}});
    return waiting_.size() < kAtOnce ? Result<>() : Store();
  }
  Result<> Store() {
    auto put = PutEach(collection_, waiting_, summary_.put,
                       [&](std::size_t i, const Error& error) {
                         Refuse(places_[i], error.message);
                       });
    waiting_.clear();
    places_.clear();
    return put;
  }

 private:
  void Refuse(const std::string& place, const std::string& why) {
    summary_.broken.push_back({ErrorCode::kInvalidArgument,
                               file_.string() + ": " + place + ": " + why});
  }

  Collection& collection_;
  const fs::path file_;
  ImportSummary& summary_;
  std::vector<Entry> waiting_;
  std::vector<std::string> places_;
  std::unordered_set<std::string> ids_;
};

Result<> ImportCsv(Collection& collection, const fs::path& file,
                   const std::string& id_column, const std::stop_token& stop,
                   ImportSummary& summary) {
  const auto bytes = ReadFileLimited(file, kMostBytes);
  if (!bytes) return bytes.Failure();
  const auto table = VectorCsv::Open(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()},
      {.column = {},
       .dimension = static_cast<std::size_t>(collection.spec().dimension),
       .threads =
           static_cast<int>(std::max(1u, std::thread::hardware_concurrency())),
       .limits = {},
       .stop = stop});
  if (!table) return table.Failure(file.string());
  const std::vector<std::string>& header = table->header();
  if (id_column != "id" && std::ranges::count(header, id_column) == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                file.string() + " has no column " + id_column);
  }
  Importer importer(collection, file, summary);
  std::size_t row = 0;
  const auto read = table->Read([&](VectorCsvRows rows) -> Result<> {
    for (std::size_t i = 0; i < rows.records.size(); ++i, ++row) {
      Item item{
          .id = std::to_string(row), .digest = {}, .path = {}, .metadata = {}};
      for (std::size_t c = 0; c < header.size(); ++c) {
        if (c == table->vector_column()) continue;
        std::string value = rows.records[i].fields[c].ToString();
        if (value.empty()) continue;
        if (header[c] == id_column) {
          item.id = std::move(value);
        } else if (header[c] == "path") {
          item.path = std::move(value);
        } else if (header[c] == "digest") {
          item.digest = Digest::FromHex(value).value_or(Digest());
        } else {
          item.metadata.emplace(header[c], std::move(value));
        }
      }
      auto taken = importer.Take(
          std::move(item),
          std::span(rows.values)
              .subspan(i * table->dimension(), table->dimension()),
          "line " + std::to_string(rows.records[i].line));
      if (!taken) return taken;
    }
    for (Error& error : rows.broken) {
      error.message.insert(0, file.string() + ": ");
      summary.broken.push_back(std::move(error));
    }
    return {};
  });
  const auto stored = importer.Store();
  return read ? stored : read;
}

// The lines of FILE.ids, where there is one.
Result<std::vector<std::string>> ReadIds(const fs::path& file,
                                         std::size_t rows) {
  const fs::path path = file.string() + ".ids";
  std::vector<std::string> ids;
  std::error_code error;
  if (!fs::exists(path, error)) {
    for (std::size_t i = 0; i < rows; ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  const auto bytes = ReadFileLimited(path, kMostBytes);
  if (!bytes) return bytes.Failure();
  std::string_view text(reinterpret_cast<const char*>(bytes->data()),
                        bytes->size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ids.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (ids.size() != rows) {
    return Fail(ErrorCode::kInvalidArgument,
                path.string() + " has " + std::to_string(ids.size()) +
                    " ids for " + std::to_string(rows) + " vectors");
  }
  return ids;
}

Result<> ImportRows(Collection& collection, const fs::path& file,
                    const std::stop_token& stop, ImportSummary& summary) {
  auto vectors = VectorFile::Open(file);
  if (!vectors) return vectors.Failure();
  if (vectors->dimension() != collection.spec().dimension) {
    return Fail(ErrorCode::kInvalidArgument,
                file.string() + " has vectors of " +
                    std::to_string(vectors->dimension()) + " numbers, " +
                    collection.spec().name + " has " +
                    std::to_string(collection.spec().dimension));
  }
  const auto ids = ReadIds(file, vectors->rows());
  if (!ids) return ids.Failure();
  const auto dimension = static_cast<std::size_t>(vectors->dimension());
  Importer importer(collection, file, summary);
  std::vector<float> block;
  for (std::size_t first = 0; first < vectors->rows(); first += kAtOnce) {
    if (stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled,
                  "stopped after " + std::to_string(first) + " of " +
                      std::to_string(vectors->rows()) + " vectors");
    }
    const std::size_t count = std::min(kAtOnce, vectors->rows() - first);
    block.resize(count * dimension);
    auto read = vectors->Read(first, block);
    if (!read) return read;
    for (std::size_t i = 0; i < count; ++i) {
      auto taken = importer.Take(
          {.id = (*ids)[first + i], .digest = {}, .path = {}, .metadata = {}},
          std::span(block).subspan(i * dimension, dimension),
          "row " + std::to_string(first + i));
      if (!taken) return taken;
    }
  }
  return importer.Store();
}

}  // namespace

Result<> PutEach(
    Collection& collection, std::span<const Entry> entries, PutSummary& summary,
    const std::function<void(std::size_t, const Error&)>& refused) {
  const auto add = [&](const PutSummary& put) {
    summary.added += put.added;
    summary.updated += put.updated;
    summary.unchanged += put.unchanged;
  };
  const auto together = collection.Put(entries);
  if (together) add(*together);
  if (together || together.error().code != ErrorCode::kInvalidArgument) {
    return together ? Result<>() : together.Failure();
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto put = collection.Put(entries.subspan(i, 1));
    if (put) {
      add(*put);
    } else if (put.error().code == ErrorCode::kInvalidArgument) {
      refused(i, put.error());
    } else {
      return put.Failure();
    }
  }
  return {};
}

Result<std::size_t> ExportCollection(Collection& collection,
                                     const fs::path& file) {
  std::size_t count = 0;
  const auto done = IsCsv(file) ? ExportCsv(collection, file, count)
                                : ExportVectors(collection, file, count);
  if (!done) return done.Failure("exporting " + collection.spec().name);
  return count;
}

Result<ImportSummary> ImportVectors(Collection& collection,
                                    const fs::path& file,
                                    const std::string& id_column,
                                    const std::stop_token& stop) {
  ImportSummary summary;
  const auto done = IsCsv(file)
                        ? ImportCsv(collection, file, id_column, stop, summary)
                        : ImportRows(collection, file, stop, summary);
  if (!done) return done.Failure("importing " + file.string());
  return summary;
}

}  // namespace ocelli
