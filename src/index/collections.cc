// What concerns the folder that collections lie in.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "core/file.h"
#include "index/collection.h"

namespace ocelli {
namespace {

using namespace std::string_literals;

constexpr std::size_t kMaxNameBytes = 64;
constexpr const char* kRemoved = ".removed-";

}  // namespace

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
