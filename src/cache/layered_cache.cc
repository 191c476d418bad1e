#include <atomic>
#include <utility>

#include "cache/result_cache.h"

namespace ocelli {
namespace {

class LayeredCache final : public ResultCache {
 public:
  LayeredCache(std::unique_ptr<ResultCache> front,
               std::unique_ptr<ResultCache> back)
      : front_(std::move(front)), back_(std::move(back)) {}

  Result<std::optional<std::string>> Get(const ResultKey& key) override {
    if (auto near = front_->Get(key); near && *near) {
      ++hits_;
      return near;
    }
    auto far = back_->Get(key);
    if (!far) return far;
    if (!*far) {
      ++misses_;
      return far;
    }
    ++hits_;
    // The answer counts, whether or not it is kept.
    static_cast<void>(front_->Put(key, **far));
    return far;
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

 private:
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
