#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/file.h"

namespace ocelli {

Result<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FailWithErrno("opening " + path.string(), errno);
  struct stat status {};
  void* bytes = MAP_FAILED;
  if (fstat(file, &status) == 0 && status.st_size > 0) {
    bytes = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ,
                 MAP_PRIVATE, file, 0);
  }
  const int error = errno;
  close(file);
  if (status.st_size == 0) {
    return Fail(ErrorCode::kDataLoss, path.string() + " is empty");
  }
  if (bytes == MAP_FAILED) {
    return FailWithErrno("mapping " + path.string(), error);
  }
  return MappedFile({static_cast<const std::byte*>(bytes),
                     static_cast<std::size_t>(status.st_size)});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace ocelli
