#include "store/folder_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr std::size_t kMostKnown = 4096;

// Removes temporary files that nobody writes any more; where `only_these`, it
// gives up at the first other name. Whether there was no other name.
bool RemoveAbandoned(const FileDescriptor& folder, bool only_these) {
  bool others = false;
  ForEachName(folder, [&](const std::string& name, bool) {
    if (!IsTemporary(name)) {
      others = true;
      return !only_these;
    }
    const FileDescriptor file(
        openat(folder.number(), name.c_str(),
               O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (file.valid() && flock(file.number(), LOCK_EX | LOCK_NB) == 0) {
      unlinkat(folder.number(), name.c_str(), 0);
    }
    return true;
  });
  return !others;
}

}  // namespace

std::string FolderTree::PathOf(std::string_view below) const {
  return (root_ / below).string();
}

Result<> FolderTree::MakeRoot() const {
  std::filesystem::path so_far;
  for (const auto& part : root_) {
    const std::filesystem::path above = so_far;
    so_far /= part;
    struct stat status = {};
    if (stat(so_far.c_str(), &status) == 0) continue;
    if (mkdir(so_far.c_str(), 0777) != 0 && errno != EEXIST) {
      return FailWithErrno("making the folder " + root_.string(), errno);
    }
    const FileDescriptor folder(open(above.c_str(), kFolder));
    if (folder.valid()) fsync(folder.number());
  }
  return {};
}

Result<FileDescriptor> FolderTree::Open(std::string_view folder) const {
  FileDescriptor at(open(root_.c_str(), kFolder));
  if (!at.valid()) return FailWithErrno("opening " + root_.string(), errno);
  for (std::size_t from = 0; from < folder.size();) {
    const std::size_t to = std::min(folder.find('/', from), folder.size());
    const std::string part(folder.substr(from, to - from));
    at =
        FileDescriptor(openat(at.number(), part.c_str(), kFolder | O_NOFOLLOW));
    if (!at.valid()) {
      return FailWithErrno("opening " + PathOf(folder.substr(0, to)), errno);
    }
    from = to + 1;
  }
  return at;
}

Result<FileDescriptor> FolderTree::Make(std::string_view folder) {
  auto at = Open("");
  if (!at) return at;
  Prepare("", *at, false);
  for (std::size_t from = 0; from < folder.size();) {
    const std::size_t to = std::min(folder.find('/', from), folder.size());
    const std::string part(folder.substr(from, to - from));
    const std::string so_far(folder.substr(0, to));
    const bool made = mkdirat(at->number(), part.c_str(), 0777) == 0;
    if (!made && errno != EEXIST) {
      return FailWithErrno("making the folder " + PathOf(so_far), errno);
    }
    FileDescriptor next(
        openat(at->number(), part.c_str(), kFolder | O_NOFOLLOW));
    if (!next.valid() && (errno == ENOTDIR || errno == ELOOP)) {
      return Fail(ErrorCode::kFailedPrecondition,
                  PathOf(so_far) +
                      ": is no folder, and links are not "
                      "followed; remove it or choose another place");
    }
    if (!next.valid()) {
      return FailWithErrno("opening " + PathOf(so_far), errno);
    }
    if (made || !Known(so_far)) fsync(at->number());
    Prepare(so_far, next, made);
    *at = std::move(next);
    from = to + 1;
  }
  return at;
}

bool FolderTree::Known(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  return known_.contains(folder);
}

void FolderTree::Prepare(const std::string& folder, const FileDescriptor& open,
                         bool made) {
  if (Known(folder)) return;
  if (!made) RemoveAbandoned(open, false);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert(folder);
}

void FolderTree::RemoveEmpty(std::string folder) {
  for (; !folder.empty(); folder = FolderOf(folder)) {
    const auto above = Open(FolderOf(folder));
    if (!above) return;
    const std::string name = NameOf(folder);
    const auto remove = [&] {
      return unlinkat(above->number(), name.c_str(), AT_REMOVEDIR) == 0;
    };
    if (!remove()) {
      if (errno != ENOTEMPTY && errno != EEXIST) return;
      const auto inside = Open(folder);
      if (!inside || !RemoveAbandoned(*inside, true) || !remove()) {
        return;
      }
    }
    const std::lock_guard lock(mutex_);
    known_.erase(folder);
  }
}

std::string FolderOf(std::string_view key) {
  const auto slash = key.rfind('/');
  return std::string(key.substr(0, slash == key.npos ? 0 : slash));
}

std::string NameOf(std::string_view key) {
  return std::string(key.substr(key.rfind('/') + 1));
}

FileDescriptor OpenTemporary(const FileDescriptor& folder, std::string& name) {
  static std::atomic<unsigned> counter = 0;
  FileDescriptor file(-1);
  // EEXIST: left by a process that died, or of another machine's.
  for (int tries = 0; !file.valid() && tries < 100; ++tries) {
    name = ".ocelli-" + std::to_string(getpid()) + "-" +
           std::to_string(counter++) + ".tmp";
    file =
        FileDescriptor(openat(folder.number(), name.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.valid() && errno != EEXIST) return file;
  }
  if (file.valid()) flock(file.number(), LOCK_EX | LOCK_NB);
  return file;
}

bool IsTemporary(std::string_view name) {
  return name.starts_with(".ocelli-") && name.ends_with(".tmp");
}

int ForEachName(
    const FileDescriptor& folder,
    const std::function<bool(const std::string& name, bool is_folder)>& each) {
  DIR* const open = fdopendir(openat(folder.number(), ".", kFolder));
  if (!open) return errno;
  int error = 0;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(open);
    if (!entry) {
      error = errno;
      break;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    struct stat status = {};
    if (entry->d_type == DT_UNKNOWN &&
        fstatat(folder.number(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ==
            0) {
      is_folder = S_ISDIR(status.st_mode);
    }
    if (!each(name, is_folder)) break;
  }
  closedir(open);
  return error;
}

}  // namespace ocelli
