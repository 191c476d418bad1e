#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

struct FetchOptions {
  // Bytes so far and in all (0 while unknown). Called often.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  std::stop_token stop;
  std::chrono::milliseconds connect_timeout{20'000};
  // Given up, then tried again, when next to nothing came in this long.
  std::chrono::milliseconds stall_timeout{30'000};
  int attempts = 4;
  std::chrono::milliseconds retry_delay{500};  // Doubles with each attempt.
};

// Downloads to `file`, unless it is there already with that hash. What a
// failed attempt brought stays in FILE.part, and the next goes on from there.
// More than `max_bytes` and a wrong hash are refused and removed.
// kUnavailable, kNotFound (404), kPermissionDenied (401, 403, no https),
// kResourceExhausted (too large, disk full), kDataLoss (wrong hash).
Result<> Download(const std::string& url, const std::string& sha256,
                  std::uint64_t max_bytes, const std::filesystem::path& file,
                  const FetchOptions& options);

// Of a file of any size.
Result<Digest> Sha256OfFile(const std::filesystem::path& file);

// kDataLoss where `digest` is not the one expected: names both.
Result<> CheckSha256(const Digest& digest, const std::string& expected);

// Held while it lives: no other process or thread holds it for that folder.
class FolderLock {
 public:
  // Makes the folder where it is missing, and waits for whoever holds it.
  // kCancelled.
  static Result<FolderLock> Take(const std::filesystem::path& folder,
                                 const std::stop_token& stop);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace ocelli
