// What concerns the folder that collections lie in.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "index/collection.h"
#include "index/collection_folder.h"

namespace ocelli {
namespace {

using namespace std::string_literals;

constexpr std::size_t kMaxNameBytes = 64;
constexpr const char* kRemoved = ".removed-";
constexpr const char* kPointerName = "shared.json";
constexpr std::uint64_t kMaxPointerBytes = 1 << 16;

auto FailDamaged(const std::filesystem::path& file) {
  return Fail(ErrorCode::kDataLoss,
              file.string() +
                  " is damaged: it does not say where the collection is; to"
                  " find it again, remove that folder, then: ocelli"
                  " collection attach");
}

}  // namespace

Result<> MakeCollectionFolder(
    const std::filesystem::path& folder, const std::string& name,
    const std::function<Result<>(const std::filesystem::path&)>& fill) {
  const auto exists = [&] {
    return Fail(ErrorCode::kAlreadyExists,
                "there is a collection \"" + name + "\" already");
  };
  const auto home = folder / name;
  std::error_code error;
  if (std::filesystem::exists(home, error)) return exists();
  std::filesystem::create_directories(folder, error);
  // Made elsewhere, so that a collection is there whole or not at all.
  std::string made = (folder / ".new-XXXXXX").string();
  if (!mkdtemp(made.data())) {
    return FailWithErrno("cannot make a folder in " + folder.string(), errno);
  }
  auto filled = fill(made);
  if (!filled || rename(made.c_str(), home.c_str()) != 0) {
    const int number = errno;
    std::filesystem::remove_all(made, error);
    if (!filled) return filled;
    if (number == ENOTEMPTY || number == EEXIST || number == ENOTDIR) {
      return exists();
    }
    return FailWithErrno("cannot make " + home.string(), number);
  }
  return {};
}

Result<> WriteSharedPointer(const std::filesystem::path& home,
                            const SharedPointer& pointer) {
  const nlohmann::ordered_json json = {{"redis", pointer.address},
                                       {"collection", pointer.collection}};
  return WriteFileAtomically(home / kPointerName, json.dump(2) + "\n");
}

Result<std::optional<SharedPointer>> ReadSharedPointer(
    const std::filesystem::path& home) {
  const auto file = home / kPointerName;
  const auto bytes = ReadFileLimited(file, kMaxPointerBytes);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!bytes) return bytes.Failure();
  const auto* text = reinterpret_cast<const char*>(bytes->data());
  const auto json =
      nlohmann::json::parse(text, text + bytes->size(), nullptr, false);
  if (!json.is_object()) return FailDamaged(file);
  const auto field = [&](const char* key) -> std::string {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
  };
  SharedPointer pointer{field("redis"), field("collection")};
  if (pointer.address.empty() || !CheckCollectionName(pointer.collection)) {
    return FailDamaged(file);
  }
  return pointer;
}

std::string SharedAddressOf(const std::filesystem::path& folder,
                            std::string_view name) {
  const auto pointer = ReadSharedPointer(folder / name);
  return pointer && *pointer ? (*pointer)->address : "";
}

Result<> CheckCollectionName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  if (!name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
      name.front() != '-' && std::all_of(name.begin(), name.end(), allowed)) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "\"" + std::string(name.substr(0, 2 * kMaxNameBytes)) +
                  "\" cannot name a collection: 1 to 64 letters, digits, dots,"
                  " dashes and underscores, the first no dot or dash");
}

Result<std::vector<std::string>> ListCollections(
    const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (CheckCollectionName(name) && entry->is_directory(error)) {
      names.push_back(name);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return FailWithErrno("reading " + folder.string(), error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<> RemoveCollection(const std::filesystem::path& folder,
                          std::string_view name) {
  if (auto checked = CheckCollectionName(name); !checked) return checked;
  const auto home = folder / name;
  std::error_code error;
  if (!std::filesystem::exists(home, error)) {
    return Fail(ErrorCode::kNotFound,
                "no collection \"" + std::string(name) + "\"");
  }
  // Out of sight in one step, so that nobody opens half of it.
  std::string gone = (folder / (kRemoved + "XXXXXX"s)).string();
  if (!mkdtemp(gone.data())) {
    return FailWithErrno("cannot make a folder in " + folder.string(), errno);
  }
  if (rename(home.c_str(), gone.c_str()) != 0) {
    const int number = errno;
    rmdir(gone.c_str());
    return FailWithErrno("cannot remove " + home.string(), number);
  }
  // And what a process that was killed here has left.
  std::filesystem::directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(kRemoved)) continue;
    std::filesystem::remove_all(entry->path(), error);
  }
  if (error) {
    return FailWithErrno("cannot remove all of " + gone, error.value());
  }
  return {};
}

}  // namespace ocelli
