#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/file_descriptor.h"
#include "core/result.h"

namespace ocelli {

// The folders below a root, "" and "2026/11", opened part by part so that no
// link leads elsewhere. Thread-safe.
class FolderTree {
 public:
  explicit FolderTree(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::string PathOf(std::string_view below) const;

  // The root with all above it.
  Result<> MakeRoot() const;
  // kNotFound also where a part is no folder.
  Result<FileDescriptor> Open(std::string_view folder) const;
  // Makes what is missing below the root, for good. The first time, removes
  // temporary files that killed processes left in it. kFailedPrecondition: a
  // part is no folder.
  Result<FileDescriptor> Make(std::string_view folder);
  // Removes the folder if it is empty, then the one above, up to the root.
  void RemoveEmpty(std::string folder);

 private:
  bool Known(const std::string& folder);
  void Prepare(const std::string& folder, const FileDescriptor& open,
               bool made);

  const std::filesystem::path root_;
  std::mutex mutex_;
  // Folders whose names are durable, and without abandoned files. Guarded by
  // mutex_.
  std::set<std::string> known_;
};

// Of a key: "a/b" and "c" of "a/b/c".
std::string FolderOf(std::string_view key);
std::string NameOf(std::string_view key);

// A new file for what has no name yet, locked as long as it is open, so that
// nobody takes it for abandoned. `name` is set to its own in `folder`.
FileDescriptor OpenTemporary(const FileDescriptor& folder, std::string& name);
bool IsTemporary(std::string_view name);

// Calls `each` with every name, and whether it is a folder's, until it says
// false. 0, or errno.
int ForEachName(
    const FileDescriptor& folder,
    const std::function<bool(const std::string& name, bool is_folder)>& each);

}  // namespace ocelli
