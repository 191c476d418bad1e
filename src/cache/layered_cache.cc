#include <atomic>
#include <utility>

#include "cache/result_cache.h"

namespace ocelli {
namespace {

using Value = Result<std::optional<std::string>>;

class LayeredCache final : public ResultCache {
 public:
  LayeredCache(std::unique_ptr<ResultCache> front,
               std::unique_ptr<ResultCache> back)
      : front_(std::move(front)), back_(std::move(back)) {}

  Value Get(const ResultKey& key) override {
    if (auto near = front_->Get(key); near && *near) {
      ++hits_;
      return near;
    }
    return Keep(key, back_->Get(key), true);
  }

  Value GetAgain(const ResultKey& key) override {
    if (auto near = front_->GetAgain(key); near && *near) {
      ++hits_;
      return near;
    }
    return Keep(key, back_->GetAgain(key), false);
  }

  std::vector<Value> GetMany(std::span<const ResultKey> keys) override {
    std::vector<Value> values = front_->GetMany(keys);
    std::vector<ResultKey> missing;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (values[i] && *values[i]) {
        ++hits_;
      } else {
        missing.push_back(keys[i]);
      }
    }
    if (missing.empty()) return values;
    auto far = back_->GetMany(missing);
    std::size_t next = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (values[i] && *values[i]) continue;
      values[i] = Keep(keys[i], std::move(far[next++]), true);
    }
    return values;
  }

  Result<> Put(const ResultKey& key, std::string value) override {
    auto near = front_->Put(key, value);
    auto far = back_->Put(key, std::move(value));
    return far ? near : far;
  }

  Result<CacheStats> Stats() override {
    auto stats = back_->Stats();
    if (!stats) return stats;
    stats->hits = hits_;
    stats->misses = misses_;
    return stats;
  }

  Result<std::uint64_t> Purge() override {
    if (auto near = front_->Purge(); !near) return near;
    hits_ = misses_ = 0;
    return back_->Purge();
  }

  ComputeLeases* leases() override { return back_->leases(); }

 private:
  // What the back answered, which counts whether or not it is kept.
  Value Keep(const ResultKey& key, Value far, bool count_miss) {
    if (!far) return far;
    if (*far) {
      ++hits_;
      static_cast<void>(front_->Put(key, **far));
    } else if (count_miss) {
      ++misses_;
    }
    return far;
  }

  const std::unique_ptr<ResultCache> front_;
  const std::unique_ptr<ResultCache> back_;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;
};

}  // namespace

std::unique_ptr<ResultCache> MakeLayeredCache(
    std::unique_ptr<ResultCache> front, std::unique_ptr<ResultCache> back) {
  return std::make_unique<LayeredCache>(std::move(front), std::move(back));
}

}  // namespace ocelli
