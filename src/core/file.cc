#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/file_descriptor.h"

namespace ocelli {
namespace {

ErrorCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::kResourceExhausted;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      return ErrorCode::kInvalidArgument;
    case EIO:
      return ErrorCode::kDataLoss;
    case EAGAIN:
    case EBUSY:
    case ETIMEDOUT:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

// 0, or errno.
int WriteAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

// A name that no other writer of this process uses.
std::filesystem::path TemporaryBeside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter = 0;
  return path.parent_path() / (".ocelli-" + std::to_string(getpid()) + "-" +
                               std::to_string(counter++) + ".tmp");
}

}  // namespace

tl::unexpected<Error> FailWithErrno(std::string doing, int error_number) {
  return Fail(
      CodeOf(error_number),
      std::move(doing) + ": " + std::generic_category().message(error_number));
}

Result<std::vector<std::byte>> ReadFileLimited(
    const std::filesystem::path& path, std::uint64_t max_bytes) {
  // Opening a FIFO would otherwise wait for its writer.
  const FileDescriptor file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status = {};
  if (!file.valid() || fstat(file.number(), &status) != 0) {
    return FailWithErrno(path.string(), errno);
  }
  if (S_ISDIR(status.st_mode)) {
    return Fail(ErrorCode::kInvalidArgument, path.string() + ": is a folder");
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kInvalidArgument,
                path.string() + ": not a regular file");
  }
  const auto too_large = [&] {
    return Fail(ErrorCode::kResourceExhausted,
                path.string() + ": larger than " + std::to_string(max_bytes) +
                    " bytes");
  };
  const auto expected = static_cast<std::uint64_t>(status.st_size);
  if (expected > max_bytes) return too_large();

  // One byte more than expected, so that the end is seen without growing; a
  // file that grows meanwhile, or that claims no size (/proc), is read on.
  std::vector<std::byte> bytes(static_cast<std::size_t>(expected) + 1);
  std::size_t filled = 0;
  for (;;) {
    const ssize_t count =
        read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailWithErrno(path.string(), errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > max_bytes) return too_large();
    if (filled == bytes.size()) bytes.resize(bytes.size() + (64 << 10));
  }
  bytes.resize(filled);
  return bytes;
}

Result<> WriteFileAtomically(const std::filesystem::path& path,
                             std::span<const std::byte> bytes, unsigned mode) {
  const std::string doing = "writing " + path.string();
  std::filesystem::path temporary;
  int descriptor = -1;
  // EEXIST: left by a process that died, or of another machine's.
  for (int tries = 0; descriptor < 0 && tries < 100; ++tries) {
    temporary = TemporaryBeside(path);
    descriptor =
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0 && errno != EEXIST) break;
  }
  FileDescriptor file(descriptor);
  if (!file.valid()) return FailWithErrno(doing, errno);

  int error = WriteAll(file.number(), bytes);
  if (!error && fsync(file.number()) != 0) error = errno;
  if (file.Close() != 0 && !error) error = errno;
  if (!error && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error) {
    unlink(temporary.c_str());
    return FailWithErrno(doing, error);
  }

  // The new name is durable once its folder is; some file systems refuse to
  // sync one, and the bytes are in place then too.
  const std::filesystem::path folder = path.parent_path();
  const FileDescriptor directory(open(folder.empty() ? "." : folder.c_str(),
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) fsync(directory.number());
  return {};
}

Result<> WriteFileAtomically(const std::filesystem::path& path,
                             std::string_view text, unsigned mode) {
  return WriteFileAtomically(path, std::as_bytes(std::span(text)), mode);
}

}  // namespace ocelli
