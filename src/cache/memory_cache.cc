#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "cache/key_hash.h"
#include "cache/result_cache.h"

namespace ocelli {
namespace {

// What a list node, a hash node and the allocator add to the bytes of a value.
constexpr std::uint64_t kEntryOverhead = 256;

class MemoryCache final : public ResultCache {
 public:
  MemoryCache(const CacheOptions& options, const Clock& clock)
      : options_(options), clock_(clock) {}

  Result<std::optional<std::string>> Get(const ResultKey& key) override {
    return Find(key, true);
  }

  Result<std::optional<std::string>> GetAgain(const ResultKey& key) override {
    return Find(key, false);
  }

  Result<> Put(const ResultKey& key, std::string value) override {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      Drop(found->second);
    }
    if (Cost(value) > options_.max_bytes) return {};
    bytes_ += Cost(value);
    entries_.push_front({key, std::move(value), clock_.MonotonicTime()});
    by_key_[key] = entries_.begin();
    while (bytes_ > options_.max_bytes) Drop(std::prev(entries_.end()));
    return {};
  }

  Result<CacheStats> Stats() override {
    const std::lock_guard lock(mutex_);
    return CacheStats{hits_, misses_, entries_.size(), bytes_,
                      options_.max_bytes};
  }

  Result<std::uint64_t> Purge() override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t count = entries_.size();
    by_key_.clear();
    entries_.clear();
    bytes_ = hits_ = misses_ = 0;
    return count;
  }

 private:
  struct Entry {
    ResultKey key;
    std::string value;
    std::chrono::steady_clock::time_point stored;
  };
  using Entries = std::list<Entry>;

  static std::uint64_t Cost(const std::string& value) {
    return value.size() + kEntryOverhead;
  }

  std::optional<std::string> Find(const ResultKey& key, bool count_miss) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      misses_ += count_miss;
      return std::nullopt;
    }
    const auto entry = found->second;
    if (options_.ttl.count() > 0 &&
        clock_.MonotonicTime() - entry->stored >= options_.ttl) {
      Drop(entry);
      misses_ += count_miss;
      return std::nullopt;
    }
    ++hits_;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->value;
  }

  void Drop(Entries::iterator entry) {
    bytes_ -= Cost(entry->value);
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }

  const CacheOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Entries entries_;  // The last one used first.
  std::unordered_map<ResultKey, Entries::iterator, ResultKeyHash> by_key_;
  std::uint64_t bytes_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace

std::unique_ptr<ResultCache> MakeMemoryCache(const CacheOptions& options,
                                             const Clock& clock) {
  return std::make_unique<MemoryCache>(options, clock);
}

}  // namespace ocelli
