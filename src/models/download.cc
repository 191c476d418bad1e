#include "models/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/sleep.h"
#include "net/http_client.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

std::uint64_t SizeOf(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : size;
}

void Remove(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
}

// kCancelled when stopped meanwhile.
Result<> Wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  if (!SleepFor(time, stop)) return Fail(ErrorCode::kCancelled, "stopped");
  return {};
}

// The part of the file that is there, open to be continued.
class PartialFile {
 public:
  explicit PartialFile(fs::path path)
      : path_(std::move(path)),
        descriptor_(open(path_.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)),
        size_(SizeOf(path_)) {}
  ~PartialFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  bool valid() const { return descriptor_ >= 0; }
  std::uint64_t size() const { return size_; }

  Result<> Restart() {
    size_ = 0;
    if (ftruncate(descriptor_, 0) == 0) return {};
    return FailWithErrno("writing " + path_.string(), errno);
  }

  Result<> Append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FailWithErrno("writing " + path_.string(), errno);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      size_ += static_cast<std::uint64_t>(count);
    }
    return {};
  }

 private:
  const fs::path path_;
  const int descriptor_;
  std::uint64_t size_;
};

// FIRST of "Content-Range: bytes FIRST-LAST/TOTAL".
std::optional<std::uint64_t> RangeStart(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return {};
  header.remove_prefix(kUnit.size());
  std::uint64_t first = 0;
  const auto [stop, error] =
      std::from_chars(header.data(), header.data() + header.size(), first);
  if (error != std::errc()) return {};
  return first;
}

// One request for what `part` still lacks.
Result<> Continue(HttpClient& client, const Url& url, std::uint64_t max_bytes,
                  const fs::path& part, const FetchOptions& options) {
  PartialFile file(part);
  if (!file.valid()) return FailWithErrno("writing " + part.string(), errno);
  HttpOptions request;
  request.connect_timeout = options.connect_timeout;
  request.stall_timeout = options.stall_timeout;
  request.stop = options.stop;
  request.max_body_bytes = max_bytes;
  const std::uint64_t have = file.size();
  if (have > 0) {
    request.headers = {"Range: bytes=" + std::to_string(have) + "-"};
  }
  std::uint64_t total = 0;
  bool complete = false;
  HttpSink sink;
  sink.head = [&](const HttpGetReply& response) -> Result<> {
    if (response.status == 206) {
      if (have == 0 || RangeStart(response.Header("content-range")) != have) {
        return Fail(ErrorCode::kUnavailable, "the server sends another range");
      }
    } else if (response.status == 200) {
      if (auto restarted = file.Restart(); !restarted) return restarted;
    } else {
      complete = have > 0 && response.status == 416;  // No such range.
      return CheckStatus(response.status);
    }
    total = file.size() + response.ContentLength().value_or(0);
    return {};
  };
  sink.body = [&](std::span<const std::byte> bytes) -> Result<> {
    if (file.size() + bytes.size() > max_bytes) {
      return Fail(
          ErrorCode::kResourceExhausted,
          "more than the " + std::to_string(max_bytes) + " bytes expected");
    }
    auto appended = file.Append(bytes);
    if (options.progress) options.progress(file.size(), total);
    return appended;
  };
  const auto response = client.Get(url, request, sink);
  if (!response && !complete) return response.Failure();
  return {};
}

}  // namespace

Result<> Download(const std::string& url, const std::string& sha256,
                  std::uint64_t max_bytes, const std::filesystem::path& file,
                  const FetchOptions& options) {
  const auto parsed = ParseUrl(url);
  if (!parsed) return parsed.Failure();
  if (const auto digest = Sha256OfFile(file);
      digest && digest->ToHex() == sha256) {
    return {};
  }
  const fs::path part = file.string() + ".part";
  HttpClient client;
  auto delay = options.retry_delay;
  bool restarted = false;
  for (int attempt = 1;; ++attempt) {
    if (SizeOf(part) > max_bytes) Remove(part);
    const std::uint64_t had = SizeOf(part);
    Result<> got;
    if (had < max_bytes) {
      got = Continue(client, *parsed, max_bytes, part, options);
    }
    if (got) {
      const auto digest = Sha256OfFile(part);
      if (!digest) return digest.Failure();
      const auto same = CheckSha256(*digest, sha256);
      if (same) break;
      Remove(part);
      // What was there before may have been the beginning of another file.
      if (had == 0 || restarted) return same.Failure(parsed->ForMessage());
      restarted = true;
      continue;
    }
    if (SizeOf(part) == 0 ||
        got.error().code == ErrorCode::kResourceExhausted) {
      Remove(part);
    }
    if (got.error().code != ErrorCode::kUnavailable ||
        attempt >= options.attempts) {
      const std::uint64_t kept = SizeOf(part);
      if (kept == 0) return got.Failure();
      return Fail(got.error().code,
                  got.error().message + "; the next try goes on after the " +
                      std::to_string(kept) + " bytes that came");
    }
    if (auto waited = Wait(delay, options.stop); !waited) return waited;
    delay *= 2;
  }
  std::error_code error;
  fs::rename(part, file, error);
  if (error) return FailWithErrno(file.string(), error.value());
  return {};
}

Result<Digest> Sha256OfFile(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FailWithErrno(file.string(), errno);
  Sha256Stream stream;
  std::vector<std::byte> buffer(1 << 20);
  ssize_t count = 0;
  while ((count = read(descriptor, buffer.data(), buffer.size())) > 0) {
    stream.Update(std::span(buffer).first(static_cast<std::size_t>(count)));
  }
  const int error = errno;
  close(descriptor);
  if (count < 0) return FailWithErrno("reading " + file.string(), error);
  return stream.Finish();
}

Result<> CheckSha256(const Digest& digest, const std::string& expected) {
  if (digest.ToHex() == expected) return {};
  return Fail(ErrorCode::kDataLoss,
              "its SHA-256 is " + digest.ToHex() + ", expected is " + expected);
}

Result<FolderLock> FolderLock::Take(const std::filesystem::path& folder,
                                    const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kPollTime{50};
  std::error_code error;
  fs::create_directories(folder, error);
  const int descriptor =
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return FailWithErrno(folder.string(), errno);
  FolderLock lock(descriptor);
  // Where the file system has no locks, renaming still keeps files whole.
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    if (const auto waited = Wait(kPollTime, stop); !waited) {
      return waited.Failure("waiting for another process to leave " +
                            folder.string());
    }
  }
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace ocelli
