#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/compute_leases.h"
#include "cache/result_key.h"
#include "core/clock.h"
#include "core/result.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

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
  // Get() of each, in one go where the cache is far away.
  virtual std::vector<Result<std::optional<std::string>>> GetMany(
      std::span<const ResultKey> keys);
  // Get() once more of what was missing a moment ago: no second miss counts.
  virtual Result<std::optional<std::string>> GetAgain(const ResultKey& key) {
    return Get(key);
  }
  virtual Result<> Put(const ResultKey& key, std::string value) = 0;
  virtual Result<CacheStats> Stats() = 0;
  // How many entries went.
  virtual Result<std::uint64_t> Purge() = 0;
  // Who computes what, where other machines compute into this cache too.
  virtual ComputeLeases* leases() { return nullptr; }
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

// For every machine that uses the same Redis. What goes when memory is short
// says Redis's maxmemory-policy (allkeys-lru is a good one); max_bytes only
// limits a single value. A value that is damaged, of another version or another
// program's is a miss, and the next Put() replaces it. Errors are
// RedisClient's; each call tries again. `metrics` (null: none) outlives it.
//   Stats()  hits and misses of all machines, each up to some 100 behind;
//            entries counted by a SCAN (a second for a million keys, nobody is
//            held up), bytes measured on the first 10,000 of them; max_bytes is
//            maxmemory of one node, 0: no limit.
//   Purge()  a SCAN too. What processes keep in layers of their own stays.
std::unique_ptr<ResultCache> MakeRedisCache(
    std::unique_ptr<RedisClient> redis, const CacheOptions& options,
    const ComputeLeaseOptions& leases = {}, MetricsRegistry* metrics = nullptr);

// The same behind `memory_bytes` of this process's memory. An entry outlives
// options.ttl in neither: memory keeps it for a twentieth of that time, a
// minute at most, and Redis for the rest.
std::unique_ptr<ResultCache> MakeRedisCacheWithMemory(
    std::unique_ptr<RedisClient> redis, const CacheOptions& options,
    std::uint64_t memory_bytes, MetricsRegistry* metrics = nullptr,
    const ComputeLeaseOptions& leases = {}, const Clock& clock = SystemClock());

// `front` answers first and keeps what `back` answered.
std::unique_ptr<ResultCache> MakeLayeredCache(
    std::unique_ptr<ResultCache> front, std::unique_ptr<ResultCache> back);

}  // namespace ocelli
