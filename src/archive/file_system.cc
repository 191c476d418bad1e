#include "archive/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "core/file_descriptor.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr char kLockName[] = "lock";

// The call's result, once no signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class DiskFile final : public SpoolFile {
 public:
  DiskFile(FileDescriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  Result<> Write(std::uint64_t offset,
                 std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = Uninterrupted([&] {
        return pwrite(file_.number(), bytes.data(), bytes.size(),
                      static_cast<off_t>(offset));
      });
      if (count <= 0) {
        return FailWithErrno("writing " + path_, count < 0 ? errno : EIO);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Result<std::size_t> Read(std::uint64_t offset,
                           std::span<std::byte> into) const override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      const ssize_t count = Uninterrupted([&] {
        return pread(file_.number(), into.data() + filled, into.size() - filled,
                     static_cast<off_t>(offset + filled));
      });
      if (count < 0) return FailWithErrno("reading " + path_, errno);
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

  Result<std::uint64_t> Size() const override {
    struct stat status = {};
    if (fstat(file_.number(), &status) != 0) {
      return FailWithErrno("reading " + path_, errno);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<> Truncate(std::uint64_t size) override {
    if (Uninterrupted([&] {
          return ftruncate(file_.number(), static_cast<off_t>(size));
        }) != 0) {
      return FailWithErrno("shortening " + path_, errno);
    }
    return {};
  }

  Result<> Sync() override {
    // Also syncs the size.
    if (Uninterrupted([&] { return fdatasync(file_.number()); }) != 0) {
      return FailWithErrno("syncing " + path_, errno);
    }
    return {};
  }

 private:
  FileDescriptor file_;
  std::string path_;
};

class DiskFolder final : public FileSystem {
 public:
  DiskFolder(fs::path path, FileDescriptor folder, FileDescriptor lock)
      : path_(std::move(path)),
        folder_(std::move(folder)),
        lock_(std::move(lock)) {}

  Result<std::shared_ptr<SpoolFile>> Open(const std::string& name) override {
    OCELLI_CHECK(name.find('/') == name.npos);
    FileDescriptor file(Uninterrupted([&] {
      // A FIFO would otherwise wait for its writer.
      return openat(folder_.number(), name.c_str(),
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                    0600);
    }));
    struct stat status = {};
    if (!file.valid() || fstat(file.number(), &status) != 0) {
      return FailWithErrno("opening " + PathOf(name), errno);
    }
    if (!S_ISREG(status.st_mode)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "opening " + PathOf(name) + ": not a regular file");
    }
    return std::make_shared<DiskFile>(std::move(file), PathOf(name));
  }

  Result<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entry(path_, error);
    for (; !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) {
      return FailWithErrno("listing " + path_.string(), error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<> Remove(const std::string& name) override {
    if (unlinkat(folder_.number(), name.c_str(), 0) != 0) {
      return FailWithErrno("deleting " + PathOf(name), errno);
    }
    return {};
  }

  Result<> Rename(const std::string& from, const std::string& to) override {
    if (renameat(folder_.number(), from.c_str(), folder_.number(),
                 to.c_str()) != 0) {
      return FailWithErrno("renaming " + PathOf(from) + " to " + to, errno);
    }
    return {};
  }

  Result<> SyncFolder() override {
    if (Uninterrupted([&] { return fsync(folder_.number()); }) != 0) {
      return FailWithErrno("syncing " + path_.string(), errno);
    }
    return {};
  }

  std::string PathOf(const std::string& name) const override {
    return (path_ / name).string();
  }

 private:
  fs::path path_;
  FileDescriptor folder_;
  FileDescriptor lock_;
};

FileDescriptor OpenFolder(const fs::path& path) {
  return FileDescriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// The folder and those above it that there are not; their names survive a power
// cut.
Result<> MakeFolders(const fs::path& path) {
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    if (errno != ENOENT || !path.has_parent_path() ||
        path == path.parent_path()) {
      return FailWithErrno("making " + path.string(), errno);
    }
    if (auto made = MakeFolders(path.parent_path()); !made) return made;
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return FailWithErrno("making " + path.string(), errno);
    }
  }
  const FileDescriptor parent =
      OpenFolder(path.has_parent_path() ? path.parent_path() : fs::path("."));
  if (!parent.valid() || fsync(parent.number()) != 0) {
    return FailWithErrno("syncing the folder of " + path.string(), errno);
  }
  return {};
}

// Of the open file, so that it can be asked for without taking it, which
// flock() cannot.
struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::int64_t ProcessIn(const FileDescriptor& file) {
  std::array<char, 24> text = {};
  const ssize_t count = Uninterrupted(
      [&] { return pread(file.number(), text.data(), text.size(), 0); });
  std::int64_t process = 0;
  if (count > 0) std::from_chars(text.data(), text.data() + count, process);
  return process;
}

}  // namespace

Result<std::unique_ptr<FileSystem>> OpenSpoolFolder(const fs::path& path) {
  // Later changes of the current folder do not matter then.
  std::error_code error;
  const fs::path folder = fs::absolute(path, error);
  if (error) return FailWithErrno("opening " + path.string(), error.value());
  const std::string doing = "opening the spool " + folder.string();
  if (auto made = MakeFolders(folder); !made) return made.Failure(doing);
  FileDescriptor opened = OpenFolder(folder);
  if (!opened.valid()) return FailWithErrno(doing, errno);

  FileDescriptor lock(openat(opened.number(), kLockName,
                             O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return FailWithErrno(doing + ": its lock", errno);
  struct flock wanted = WholeFile();
  if (fcntl(lock.number(), F_OFD_SETLK, &wanted) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return FailWithErrno(doing + ": its lock", errno);
    }
    return Fail(ErrorCode::kFailedPrecondition,
                doing + ": process " + std::to_string(ProcessIn(lock)) +
                    " has it; stop that one first, or choose another folder");
  }
  const std::string process = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.number(), 0) != 0 ||
      pwrite(lock.number(), process.data(), process.size(), 0) !=
          static_cast<ssize_t>(process.size())) {
    return FailWithErrno(doing + ": its lock", errno);
  }
  return std::make_unique<DiskFolder>(folder, std::move(opened),
                                      std::move(lock));
}

Result<std::optional<std::int64_t>> HolderOfSpoolFolder(
    const fs::path& folder) {
  const fs::path path = folder / kLockName;
  const FileDescriptor lock(
      open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!lock.valid() && (errno == ENOENT || errno == ENOTDIR)) {
    return std::nullopt;
  }
  struct flock found = WholeFile();
  if (!lock.valid() || fcntl(lock.number(), F_OFD_GETLK, &found) != 0) {
    return FailWithErrno("asking who holds " + path.string(), errno);
  }
  if (found.l_type == F_UNLCK) return std::nullopt;
  return ProcessIn(lock);
}

}  // namespace ocelli
