#include "index/new_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr const char* kSuffix = ".new-";

}  // namespace

struct NewFile::State {
  ~State() {
    if (descriptor < 0) return;
    if (!published) unlink(path.c_str());
    close(descriptor);
  }

  Result<> WriteAt(std::uint64_t at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(),
                                     static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return FailWithErrno("writing " + place.string(), errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      at += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  std::filesystem::path place;
  std::filesystem::path path;
  // Locked for as long as somebody writes.
  int descriptor = -1;
  bool published = false;
  std::uint64_t flushed = 0;
  std::vector<std::byte> buffer;
};

NewFile::NewFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
NewFile::~NewFile() = default;
NewFile::NewFile(NewFile&&) noexcept = default;

const std::filesystem::path& NewFile::path() const { return state_->path; }

Result<NewFile> NewFile::Create(const std::filesystem::path& place,
                                mode_t mode) {
  static std::atomic<unsigned> counter = 0;
  auto state = std::make_unique<State>();
  state->place = place;
  for (int tries = 0; state->descriptor < 0 && tries < 100; ++tries) {
    state->path = place.string() + kSuffix + std::to_string(getpid()) + "-" +
                  std::to_string(counter++);
    state->descriptor =
        open(state->path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (state->descriptor < 0 && errno != EEXIST) break;
  }
  if (state->descriptor < 0) {
    return FailWithErrno("writing " + place.string(), errno);
  }
  flock(state->descriptor, LOCK_EX | LOCK_NB);
  state->buffer.reserve(kBufferBytes);
  return NewFile(std::move(state));
}

Result<> NewFile::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t size =
        std::min(bytes.size(), kBufferBytes - state_->buffer.size());
    state_->buffer.insert(state_->buffer.end(), bytes.begin(),
                          bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    if (state_->buffer.size() == kBufferBytes) {
      if (auto done = Flush(); !done) return done;
    }
  }
  return {};
}

Result<> NewFile::Flush() {
  auto done = state_->WriteAt(state_->flushed, state_->buffer);
  state_->flushed += state_->buffer.size();
  state_->buffer.clear();
  return done;
}

Result<> NewFile::Overwrite(std::uint64_t offset,
                            std::span<const std::byte> bytes) {
  if (auto done = Flush(); !done) return done;
  return state_->WriteAt(offset, bytes);
}

Result<> NewFile::Publish(Care care) {
  if (auto done = Flush(); !done) return done;
  const std::string doing = "writing " + state_->place.string();
  if (care == Care::kDurable && fsync(state_->descriptor) != 0) {
    return FailWithErrno(doing, errno);
  }
  if (rename(state_->path.c_str(), state_->place.c_str()) != 0) {
    return FailWithErrno(doing, errno);
  }
  state_->published = true;
  if (care == Care::kQuick) return {};
  const auto folder = state_->place.parent_path();
  const int directory = open(folder.empty() ? "." : folder.c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return {};
  fsync(directory);  // Some file systems refuse; the bytes are in place then.
  close(directory);
  return {};
}

void NewFile::RemoveAbandoned(const std::filesystem::path& place) {
  const std::string prefix = place.filename().string() + kSuffix;
  std::error_code error;
  std::filesystem::directory_iterator entry(place.parent_path(), error), end;
  for (; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(prefix)) continue;
    const int file = open(entry->path().c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) continue;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) unlink(entry->path().c_str());
    close(file);
  }
}

}  // namespace ocelli
