#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// An image and everything that produced the result: never stale, because a
// changed model asks under another key.
struct ResultKey {
  Digest image;
  Digest fingerprint;
  bool operator==(const ResultKey&) const = default;
};

struct CacheStats {
  std::uint64_t hits = 0;    // Since the cache was begun or purged.
  std::uint64_t misses = 0;  // Likewise.
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;
};

// Keeps serialised results by key. Losing an entry only costs time.
// Thread-safe.
class ResultCache {
 public:
  virtual ~ResultCache() = default;
  // None where it holds nothing, or only what has outlived its TTL.
  virtual Result<std::optional<std::string>> Get(const ResultKey& key) = 0;
  virtual Result<> Put(const ResultKey& key, std::string value) = 0;
  virtual Result<CacheStats> Stats() = 0;
  // How many entries went.
  virtual Result<std::uint64_t> Purge() = 0;
};

struct CacheOptions {
  std::uint64_t max_bytes = 1u << 30;  // Least recently used go first.
  std::chrono::seconds ttl{0};         // 0: for ever.
};

std::unique_ptr<ResultCache> MakeMemoryCache(
    const CacheOptions& options, const Clock& clock = SystemClock());

// A damaged file is set aside (FILE.damaged-N) and begun anew.
Result<std::unique_ptr<ResultCache>> OpenSqliteCache(
    const std::filesystem::path& file, const CacheOptions& options,
    const Clock& clock = SystemClock());

// `front` answers first and keeps what `back` answered.
std::unique_ptr<ResultCache> MakeLayeredCache(
    std::unique_ptr<ResultCache> front, std::unique_ptr<ResultCache> back);

}  // namespace ocelli
