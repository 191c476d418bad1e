#include "models/fetch.h"

#include <fnmatch.h>

#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "core/file.h"
#include "models/import.h"
#include "models/package.h"
#include "models/source.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxMemberBytes = std::uint64_t{2} << 30;
// Of a model's file, where its card does not know better.
std::uint64_t MaxBytes(const ModelCard& card) {
  return card.size == 0 ? kMaxMemberBytes : card.size;
}

constexpr std::uint64_t kMaxAssetBytes = std::uint64_t{256} << 20;

Result<std::string> ReadText(const fs::path& file, std::uint64_t max_bytes) {
  const auto bytes = ReadFileLimited(file, max_bytes);
  if (!bytes) return bytes.Failure();
  return std::string(reinterpret_cast<const char*>(bytes->data()),
                     bytes->size());
}

Result<std::string> FetchFromPackage(const ModelCard& card,
                                     const Source& source,
                                     const fs::path& downloads,
                                     const FetchOptions& options) {
  const auto archive =
      FetchPackage(source, card.archive_sha256, downloads, options);
  if (!archive) return archive.Failure();
  const std::uint64_t needed = source.range ? source.range->end : card.size;
  std::optional<std::string> found;
  const auto read = ReadPackage(
      source, *archive,
      [&](const std::string& name, std::uint64_t size) -> Result<bool> {
        if (found || name != source.path) return false;
        if (size >= needed && size <= kMaxMemberBytes) return true;
        return Fail(ErrorCode::kDataLoss,
                    name + " has " + std::to_string(size) +
                        " bytes, expected are " + std::to_string(needed));
      },
      [&](const std::string&, std::string bytes) -> Result<> {
        found = std::move(bytes);
        return {};
      },
      options);
  if (!read) return read.Failure();
  if (!found) {
    return Fail(ErrorCode::kNotFound,
                archive->string() + " holds no " + source.path);
  }
  if (!source.range) return std::move(*found);
  return found->substr(source.range->first,
                       source.range->end - source.range->first);
}

// model.json and the shards beside it, in the order in which it names them.
// `read` gives a file of at most so many bytes.
Result<std::string> JoinTfjs(
    const ModelCard& card, const fs::path& json,
    const std::function<Result<std::string>(const fs::path&, std::uint64_t)>&
        read) {
  auto joined = read(json, card.size);
  if (!joined) return joined;
  const auto shards = TfjsShards(*joined);
  if (!shards) return shards.Failure(json.string());
  for (const std::string& name : *shards) {
    const auto shard =
        read(json.parent_path() / name, card.size - joined->size());
    if (!shard) return shard.Failure();
    *joined += *shard;
  }
  return joined;
}

Result<std::string> FetchTfjs(const ModelCard& card, const Source& source,
                              const fs::path& downloads,
                              const FetchOptions& options) {
  if (source.kind == Source::Kind::kFile)
    return JoinTfjs(card, source.path, ReadText);
  const auto archive =
      FetchPackage(source, card.archive_sha256, downloads, options);
  if (!archive) return archive.Failure();
  std::map<std::string, std::string> files;
  std::uint64_t left = card.size;
  const auto unpacked = ReadPackage(
      source, *archive,
      [&](const std::string& name, std::uint64_t size) -> Result<bool> {
        if (fs::path(name).parent_path() !=
                fs::path(source.path).parent_path() ||
            size > left) {
          return false;
        }
        left -= size;
        return true;
      },
      [&](const std::string& name, std::string bytes) -> Result<> {
        files[name] = std::move(bytes);
        return {};
      },
      options);
  if (!unpacked) return unpacked.Failure();
  const auto read = [&](const fs::path& file,
                        std::uint64_t max_bytes) -> Result<std::string> {
    const auto found = files.find(file.string());
    if (found != files.end() && found->second.size() <= max_bytes) {
      return found->second;
    }
    return Fail(ErrorCode::kDataLoss, archive->string() + " holds no " +
                                          file.string() + " of at most " +
                                          std::to_string(max_bytes) + " bytes");
  };
  return JoinTfjs(card, source.path, read);
}

// Where below the asset's folder a file of the package goes, if it is wanted.
std::optional<fs::path> PlaceOf(const std::string& name,
                                const std::string& wanted) {
  if (wanted.find_first_of("*?[") != wanted.npos) {
    if (fnmatch(wanted.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD)) {
      return {};
    }
    return fs::path(name).filename();
  }
  if (name == wanted) return fs::path(name).filename();
  if (!name.starts_with(wanted + "/")) return {};
  const fs::path place =
      fs::path(name.substr(wanted.size() + 1)).lexically_normal();
  if (place.empty() || place.is_absolute() || *place.begin() == "..") return {};
  return place;
}

// What FetchAsset() did for a folder: the call on the first line, then the
// size and the name of each file.
bool IsFetched(const fs::path& record, const std::string& call,
               const fs::path& folder) {
  const auto text = ReadText(record, 1 << 20);
  if (!text) return false;
  std::istringstream lines(*text);
  std::string line;
  if (!std::getline(lines, line) || line != call) return false;
  std::uint64_t size = 0;
  while (lines >> size && lines.get() == ' ' && std::getline(lines, line)) {
    std::error_code error;
    if (fs::file_size(folder / line, error) != size || error) return false;
  }
  return lines.eof();
}

}  // namespace

Result<std::string> FetchModel(const ModelCard& card,
                               const std::filesystem::path& downloads,
                               const FetchOptions& options) {
  const auto source = ParseSource(card.source);
  if (!source) return source.Failure();
  Result<std::string> bytes;
  switch (source->kind) {
    case Source::Kind::kNpm:
    case Source::Kind::kDeb:
      bytes = card.format == "tfjs"
                  ? FetchTfjs(card, *source, downloads, options)
                  : FetchFromPackage(card, *source, downloads, options);
      break;
    case Source::Kind::kFile:
      bytes = card.format == "tfjs"
                  ? FetchTfjs(card, *source, downloads, options)
                  : ReadText(source->path, card.size);
      break;
    case Source::Kind::kWeb: {
      const fs::path file = downloads / card.sha256;
      std::error_code error;
      fs::create_directories(downloads, error);
      const auto done =
          Download(source->path, card.sha256, MaxBytes(card), file, options);
      if (!done && done.error().code == ErrorCode::kUnavailable) {
        return Fail(ErrorCode::kUnavailable,
                    done.error().message +
                        "; try again online, or put the file at " +
                        file.string());
      }
      if (!done) return done.Failure();
      bytes = ReadText(file, MaxBytes(card));
      break;
    }
  }
  if (!bytes) return bytes.Failure();
  const auto same = CheckSha256(Sha256(*bytes), card.sha256);
  if (!same) return same.Failure(card.source);
  return bytes;
}

Result<> FetchAsset(std::string_view source_text, const std::string& sha256,
                    const std::filesystem::path& folder,
                    const FetchOptions& options) {
  const auto source = ParseSource(source_text);
  if (!source) return source.Failure();
  if (source->kind != Source::Kind::kNpm &&
      source->kind != Source::Kind::kDeb) {
    return Fail(ErrorCode::kInvalidArgument,
                std::string(source_text) + " is no package");
  }
  const auto lock = FolderLock::Take(folder, options.stop);
  if (!lock) return lock.Failure();
  const std::string call = std::string(source_text) + " " + sha256;
  const fs::path record = folder.string() + ".fetched";
  if (IsFetched(record, call, folder)) return {};

  const fs::path downloads = folder.string() + ".download";
  const auto archive = FetchPackage(*source, sha256, downloads, options);
  if (!archive) return archive.Failure();
  std::string list = call + "\n";
  const auto read = ReadPackage(
      *source, *archive,
      [&](const std::string& name, std::uint64_t size) -> Result<bool> {
        return size <= kMaxAssetBytes &&
               PlaceOf(name, source->path).has_value();
      },
      [&](const std::string& name, const std::string& bytes) -> Result<> {
        const fs::path place = *PlaceOf(name, source->path);
        std::error_code error;
        fs::create_directories((folder / place).parent_path(), error);
        list += std::to_string(bytes.size()) + " " + place.string() + "\n";
        return WriteFileAtomically(folder / place, bytes);
      },
      options);
  if (!read) return read.Failure();
  if (list.size() == call.size() + 1) {
    return Fail(ErrorCode::kNotFound,
                archive->string() + " holds no " + source->path);
  }
  std::error_code ignored;
  fs::remove_all(downloads, ignored);
  return WriteFileAtomically(record, list);
}

}  // namespace ocelli
