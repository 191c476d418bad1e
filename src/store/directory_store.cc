#include "store/directory_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "core/file.h"
#include "store/folder_tree.h"
#include "store/put_queue.h"

namespace ocelli {
namespace {

// Enough that disks sync many files in one go.
constexpr std::size_t kThreads = 8;
constexpr std::size_t kPieceBytes = 256 << 10;

std::string PercentEncoded(std::string_view path) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
        (c >= 'a' && c <= 'z') ||
        std::string_view("-._~/").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

ObjectInfo InfoOf(std::string key, const struct stat& status) {
  const auto time = std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return {std::move(key), static_cast<std::uint64_t>(status.st_size),
          std::chrono::system_clock::time_point(
              std::chrono::duration_cast<std::chrono::system_clock::duration>(
                  time))};
}

class DirectoryStore final : public ObjectStore {
 public:
  explicit DirectoryStore(std::filesystem::path folder)
      : tree_(std::move(folder)), root_("dir:" + tree_.root().string()) {}

  Result<> Check(std::stop_token /*stop*/) override {
    if (auto made = tree_.MakeRoot(); !made) return made;
    const auto folder = tree_.Open("");
    if (!folder) return folder.Failure();
    if (faccessat(folder->number(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
      return FailWithErrno("writing to the folder " + NameFor(""), errno);
    }
    return {};
  }

  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    queue_.Start(std::move(request), std::move(done));
  }

  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token stop) override {
    struct stat status = {};
    const auto file = OpenObject(key, status);
    if (!file) return file.Failure();
    const std::string doing = "reading " + NameFor(key);
    // One byte more, so that a file that grows is seen.
    std::vector<std::byte> bytes(static_cast<std::size_t>(
        std::min(static_cast<std::uint64_t>(status.st_size), max_bytes) + 1));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, doing + ": cancelled");
      }
      const ssize_t count =
          read(file->number(), bytes.data() + filled,
               std::min(bytes.size() - filled, std::size_t{16} << 20));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FailWithErrno(doing, errno);
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    if (filled > max_bytes) {
      return Fail(
          ErrorCode::kResourceExhausted,
          doing + ": larger than " + std::to_string(max_bytes) + " bytes");
    }
    bytes.resize(filled);
    return bytes;
  }

  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token /*stop*/) override {
    struct stat status = {};
    if (auto file = OpenObject(key, status); !file) return file.Failure();
    return InfoOf(key, status);
  }

  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    const std::string below = FolderOf(prefix);
    // No key begins so.
    if (prefix.starts_with('/') || (!below.empty() && !CheckKey(below))) {
      return {};
    }
    const auto folder = tree_.Open(below);
    // Only the root itself has to be there.
    if (!folder && folder.error().code == ErrorCode::kNotFound &&
        !below.empty()) {
      const auto root = tree_.Open("");
      return root ? Result<>() : root.Failure();
    }
    if (!folder) return folder.Failure();
    return ListFolder(*folder, below.empty() ? below : below + "/",
                      NameOf(prefix), each, stop);
  }

  Result<> Delete(const std::string& key, std::stop_token /*stop*/) override {
    if (auto good = CheckName(key); !good) return good;
    const auto folder = tree_.Open(FolderOf(key));
    if (!folder && folder.error().code == ErrorCode::kNotFound) return {};
    if (!folder) return folder.Failure();
    // EISDIR: a folder, which is no object.
    if (unlinkat(folder->number(), NameOf(key).c_str(), 0) != 0 &&
        errno != ENOENT && errno != EISDIR) {
      return FailWithErrno("deleting " + NameFor(key), errno);
    }
    tree_.RemoveEmpty(FolderOf(key));
    return {};
  }

  std::string UrlOf(const std::string& key) const override {
    return "file://" + PercentEncoded(NameFor(key));
  }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds /*valid*/,
      std::chrono::system_clock::time_point /*now*/) const override {
    return Fail(ErrorCode::kUnimplemented,
                NameFor(key) + ": files have no presigned URLs");
  }
  const std::string& root() const override { return root_; }

 private:
  std::string NameFor(std::string_view key) const { return tree_.PathOf(key); }

  Result<> CheckName(const std::string& key) const {
    if (auto good = CheckKey(key); !good) return good;
    if (IsTemporary(NameOf(key))) {
      return Fail(ErrorCode::kInvalidArgument,
                  "object name " + key +
                      ": so are files called that are "
                      "being written");
    }
    return {};
  }

  Result<FileDescriptor> OpenObject(const std::string& key,
                                    struct stat& status) const {
    if (auto good = CheckName(key); !good) return good.Failure();
    const auto folder = tree_.Open(FolderOf(key));
    if (!folder) return folder.Failure();
    FileDescriptor file(
        openat(folder->number(), NameOf(key).c_str(),
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    const bool is_link = !file.valid() && errno == ELOOP;
    if (!is_link && (!file.valid() || fstat(file.number(), &status) != 0)) {
      return FailWithErrno("opening " + NameFor(key), errno);
    }
    if (is_link || !S_ISREG(status.st_mode)) {
      return Fail(ErrorCode::kNotFound, NameFor(key) + ": is no file");
    }
    return file;
  }

  Result<> ListFolder(const FileDescriptor& folder, const std::string& above,
                      std::string_view beginning,
                      const std::function<Result<>(const ObjectInfo&)>& each,
                      const std::stop_token& stop) const {
    // Folders with the '/' that follows in their objects' keys: "a.b" comes
    // before "a/b".
    std::vector<std::string> names;
    const int error =
        ForEachName(folder, [&](const std::string& name, bool is_folder) {
          if (name.starts_with(beginning) && !IsTemporary(name) &&
              CheckKey(above + name)) {
            names.push_back(name + (is_folder ? "/" : ""));
          }
          return true;
        });
    if (error) return FailWithErrno("listing " + NameFor(above), error);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "listing " + root_ + ": cancelled");
      }
      if (name.ends_with('/')) {
        const FileDescriptor below(
            openat(folder.number(), name.c_str(),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!below.valid() && errno == ENOENT) continue;
        if (!below.valid()) {
          return FailWithErrno("listing " + NameFor(above + name), errno);
        }
        if (auto r = ListFolder(below, above + name, "", each, stop); !r) {
          return r;
        }
        continue;
      }
      struct stat status = {};
      if (fstatat(folder.number(), name.c_str(), &status,
                  AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        return FailWithErrno("listing " + NameFor(above + name), errno);
      }
      if (!S_ISREG(status.st_mode)) continue;
      if (auto r = each(InfoOf(above + name, status)); !r) return r;
    }
    return {};
  }

  PutOutcome Put(const PutRequest& request, const std::stop_token& stop) {
    PutOutcome outcome;
    outcome.result = CheckName(request.key);
    if (!outcome.result) return outcome;
    // kNotFound: its folder was removed as empty, or its temporary file as
    // abandoned, by somebody else at the same time.
    for (int tries = 0; tries < 5; ++tries) {
      outcome.result = TryPut(request, stop);
      if (outcome.result ||
          outcome.result.error().code != ErrorCode::kNotFound) {
        break;
      }
    }
    return outcome;
  }

  Result<> TryPut(const PutRequest& request, const std::stop_token& stop) {
    const auto folder = tree_.Make(FolderOf(request.key));
    if (!folder) return folder.Failure("storing " + request.key);
    std::string temporary;
    const FileDescriptor file = OpenTemporary(*folder, temporary);
    const std::string doing = "writing " + NameFor(request.key);
    if (!file.valid()) return FailWithErrno(doing, errno);
    Result<> result = WriteBody(file.number(), request, stop);
    if (result &&
        (fsync(file.number()) != 0 ||
         renameat(folder->number(), temporary.c_str(), folder->number(),
                  NameOf(request.key).c_str()) != 0)) {
      result = FailWithErrno(doing, errno);
    }
    if (!result) {
      unlinkat(folder->number(), temporary.c_str(), 0);
      tree_.RemoveEmpty(FolderOf(request.key));
      return result;
    }
    // Some file systems refuse; the bytes are in place then.
    fsync(folder->number());
    return {};
  }

  Result<> WriteBody(int file, const PutRequest& request,
                     const std::stop_token& stop) const {
    const std::string doing = "writing " + NameFor(request.key);
    std::vector<std::byte> piece(static_cast<std::size_t>(
        std::min<std::uint64_t>(kPieceBytes, request.body.size)));
    Sha256Stream digest;
    for (std::uint64_t at = 0; at < request.body.size;) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, doing + ": cancelled");
      }
      const auto wanted = std::span(piece).first(static_cast<std::size_t>(
          std::min<std::uint64_t>(piece.size(), request.body.size - at)));
      const auto count = request.body.read(at, wanted);
      if (!count) return count.Failure(doing);
      if (*count == 0) break;  // Too short, which its digest shows.
      auto bytes = std::span<const std::byte>(wanted).first(*count);
      digest.Update(bytes);
      at += *count;
      while (!bytes.empty()) {
        const ssize_t written = write(file, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return FailWithErrno(doing, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      }
    }
    if (digest.Finish() != request.digest) {
      return Fail(ErrorCode::kDataLoss,
                  doing + ": not the bytes of its digest");
    }
    return {};
  }

  FolderTree tree_;
  const std::string root_;
  // The last, whose puts end before the rest goes.
  PutQueue queue_{
      kThreads, [this](const PutRequest& request, const std::stop_token& stop) {
        return Put(request, stop);
      }};
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> MakeDirectoryStore(
    const std::filesystem::path& folder) {
  if (folder.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a store in a folder needs its path, as in dir:/srv/frames");
  }
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error);
  if (error) {
    return FailWithErrno("finding the folder " + folder.string(),
                         error.value());
  }
  path = path.lexically_normal();
  if (!path.has_filename() && path.has_relative_path()) {
    path = path.parent_path();  // "/srv/frames/"
  }
  return std::make_unique<DirectoryStore>(std::move(path));
}

}  // namespace ocelli
