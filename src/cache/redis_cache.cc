#include <algorithm>
#include <atomic>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "cache/redis_key.h"
#include "cache/result_cache.h"
#include "cache/value_envelope.h"

namespace ocelli {
namespace {

using Value = Result<std::optional<std::string>>;

constexpr std::string_view kPrefix = "ocelli:r:";
constexpr char kPattern[] = "ocelli:r:*";
constexpr char kCounts[] = "ocelli:cache";  // A hash: hits, misses.
// Hits and misses go there when so many have come, and at the end.
constexpr std::uint64_t kMaxUnsaved = 100;
// What Redis adds to the bytes of a value.
constexpr std::uint64_t kEntryOverhead = 200;
constexpr std::size_t kMeasured = 10'000;  // Values, by Stats().
constexpr std::size_t kBatch = 500;

// Reads no more than could be ours, whatever lies there. Missing is empty.
RedisCommand GetOf(const ResultKey& key) {
  constexpr std::size_t kMost = kMaxSealedValue + 1024;
  return {{"GETRANGE", RedisKeyOf(kPrefix, key), "0", std::to_string(kMost)},
          RedisEffect::kRead};
}

std::uint64_t NumberOf(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Of a reply to INFO.
std::uint64_t InfoNumber(std::string_view info, std::string_view name) {
  const std::string line = "\n" + std::string(name) + ":";
  const auto at = info.find(line);
  return at == info.npos ? 0 : NumberOf(info.substr(at + line.size()));
}

struct Metrics {
  explicit Metrics(MetricsRegistry* registry) {
    if (!registry) return;
    const auto add = [registry](const char* answer) {
      return &registry->AddCounter("ocelli_cache_lookups_total",
                                   "Questions to the shared result cache",
                                   {{"answer", answer}});
    };
    hit = add("hit");
    miss = add("miss");
    foreign = add("foreign");
    error = add("error");
    lost = &registry->AddCounter("ocelli_cache_unsaved_total",
                                 "Results that the shared cache did not take");
  }

  static void Count(Counter* counter) {
    if (counter) counter->Add();
  }

  Counter* hit = nullptr;
  Counter* miss = nullptr;
  Counter* foreign = nullptr;  // Nothing that we wrote, or damaged.
  Counter* error = nullptr;
  Counter* lost = nullptr;
};

class RedisCache final : public ResultCache {
 public:
  RedisCache(std::unique_ptr<RedisClient> redis, const CacheOptions& options,
             const ComputeLeaseOptions& leases, MetricsRegistry* metrics)
      : redis_(std::move(redis)),
        ttl_(options.ttl),
        max_value_(std::min<std::uint64_t>(options.max_bytes, kMaxSealedValue)),
        metrics_(metrics),
        leases_(MakeRedisComputeLeases(*redis_, leases, metrics)) {}

  ~RedisCache() override {
    // Where Redis is away, nobody waits here for it to come back.
    if (reachable_) static_cast<void>(redis_->RunAll(CountCommands(1)));
  }

  Value Get(const ResultKey& key) override {
    return Read(key, redis_->Run(GetOf(key)), true);
  }

  Value GetAgain(const ResultKey& key) override {
    return Read(key, redis_->Run(GetOf(key)), false);
  }

  std::vector<Value> GetMany(std::span<const ResultKey> keys) override {
    std::vector<RedisCommand> commands;
    commands.reserve(keys.size());
    for (const ResultKey& key : keys) commands.push_back(GetOf(key));
    auto replies = redis_->RunAll(std::move(commands));
    std::vector<Value> values;
    values.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      values.push_back(Read(keys[i], std::move(replies[i]), true));
    }
    return values;
  }

  Result<> Put(const ResultKey& key, std::string value) override {
    if (value.size() + kEntryOverhead > max_value_) return {};
    std::vector<RedisCommand> commands = CountCommands(kMaxUnsaved);
    RedisCommand set{{"SET", RedisKeyOf(kPrefix, key), SealValue(key, value)}};
    if (ttl_.count() > 0) {
      set.arguments.push_back("PX");
      set.arguments.push_back(
          std::to_string(std::chrono::milliseconds(ttl_).count()));
    }
    commands.push_back(std::move(set));
    const auto kept = std::move(redis_->RunAll(std::move(commands)).back());
    reachable_ = kept.has_value();
    if (kept) return {};
    Metrics::Count(metrics_.lost);
    return kept.Failure("keeping a result in " + redis_->url().ForMessage());
  }

  Result<CacheStats> Stats() override {
    CacheStats stats{hits_, misses_, 0, 0, 0};
    auto info = redis_->Run({{"INFO", "memory"}, RedisEffect::kRead, 0});
    if (!info) return info.Failure();
    stats.max_bytes = InfoNumber(info->text, "maxmemory");
    auto counts =
        redis_->Run({{"HMGET", kCounts, "hits", "misses"}, RedisEffect::kRead});
    if (!counts) return counts.Failure();
    if (counts->elements.size() == 2) {
      stats.hits += NumberOf(counts->elements[0].text);
      stats.misses += NumberOf(counts->elements[1].text);
    }
    // A SCAN may name a key twice; where the number is small, that would show.
    std::unordered_set<std::string> measured;
    auto counted =
        redis_->ForEachKey(kPattern, [&](const std::string& key) -> Result<> {
          const bool more = measured.size() < kMeasured;
          if (!more || measured.insert(key).second) ++stats.entries;
          return {};
        });
    if (!counted) return counted.Failure();
    const auto bytes = BytesOf({measured.begin(), measured.end()});
    if (!bytes) return bytes.Failure();
    stats.bytes = static_cast<std::uint64_t>(
        static_cast<double>(*bytes) * static_cast<double>(stats.entries) /
        static_cast<double>(std::max<std::size_t>(measured.size(), 1)));
    return stats;
  }

  Result<std::uint64_t> Purge() override {
    std::uint64_t removed = 0;
    std::vector<RedisCommand> batch;
    const auto remove = [&]() -> Result<> {
      for (const auto& reply : redis_->RunAll(std::exchange(batch, {}))) {
        if (!reply) return reply.Failure();
        removed += static_cast<std::uint64_t>(reply->integer);
      }
      return {};
    };
    auto purged =
        redis_->ForEachKey(kPattern, [&](const std::string& key) -> Result<> {
          batch.push_back({{"UNLINK", key}});
          return batch.size() < kBatch ? Result<>() : remove();
        });
    if (purged) purged = remove();
    if (!purged) return purged.Failure();
    hits_ = misses_ = 0;
    if (auto reset = redis_->Run({{"UNLINK", kCounts}}); !reset) {
      return reset.Failure();
    }
    return removed;
  }

  ComputeLeases* leases() override { return leases_.get(); }

 private:
  Value Read(const ResultKey& key, Result<RedisReply> reply, bool count_miss) {
    reachable_ = reply.has_value();
    // WRONGTYPE: what lies there is nothing that we wrote.
    const bool wrong_type =
        !reply && reply.error().code == ErrorCode::kFailedPrecondition;
    if (!reply && !wrong_type) {
      Metrics::Count(metrics_.error);
      return reply.Failure("asking " + redis_->url().ForMessage());
    }
    const bool missing = !wrong_type && reply->is_text() && reply->text.empty();
    std::optional<std::string> value;
    if (!wrong_type && !missing) value = OpenValue(key, std::move(reply->text));
    if (value) {
      ++hits_;
      Metrics::Count(metrics_.hit);
      return value;
    }
    if (count_miss) {
      ++misses_;
      Metrics::Count(missing ? metrics_.miss : metrics_.foreign);
    }
    return value;
  }

  // To add the hits and misses so far, where they are at least so many.
  std::vector<RedisCommand> CountCommands(std::uint64_t at_least) {
    std::vector<RedisCommand> commands;
    if (hits_ + misses_ < at_least) return commands;
    const auto add = [&](const char* field, std::uint64_t count) {
      if (count == 0) return;
      commands.push_back({{"HINCRBY", kCounts, field, std::to_string(count)},
                          RedisEffect::kOnce});
    };
    add("hits", hits_.exchange(0));
    add("misses", misses_.exchange(0));
    return commands;
  }

  // Of these keys and their values.
  Result<std::uint64_t> BytesOf(const std::vector<std::string>& keys) {
    std::uint64_t bytes = 0;
    for (std::size_t begin = 0; begin < keys.size(); begin += kBatch) {
      std::vector<RedisCommand> commands;
      for (std::size_t i = begin; i < std::min(begin + kBatch, keys.size());
           ++i) {
        commands.push_back({{"STRLEN", keys[i]}, RedisEffect::kRead});
        bytes += keys[i].size();
      }
      for (const auto& length : redis_->RunAll(std::move(commands))) {
        if (length) {
          bytes += static_cast<std::uint64_t>(length->integer);
        } else if (length.error().code != ErrorCode::kFailedPrecondition) {
          return length.Failure();
        }
      }
    }
    return bytes;
  }

  const std::unique_ptr<RedisClient> redis_;
  const std::chrono::seconds ttl_;
  const std::uint64_t max_value_;
  const Metrics metrics_;
  const std::unique_ptr<ComputeLeases> leases_;  // Ends before redis_.
  std::atomic<bool> reachable_ = false;          // As the last call found it.
  // Not yet in Redis.
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;
};

}  // namespace

std::unique_ptr<ResultCache> MakeRedisCache(std::unique_ptr<RedisClient> redis,
                                            const CacheOptions& options,
                                            const ComputeLeaseOptions& leases,
                                            MetricsRegistry* metrics) {
  return std::make_unique<RedisCache>(std::move(redis), options, leases,
                                      metrics);
}

std::unique_ptr<ResultCache> MakeRedisCacheWithMemory(
    std::unique_ptr<RedisClient> redis, const CacheOptions& options,
    std::uint64_t memory_bytes, MetricsRegistry* metrics,
    const ComputeLeaseOptions& leases, const Clock& clock) {
  // Whole seconds: the ttl of a cache has no finer ones.
  const auto near =
      std::min(std::max(options.ttl / 20, std::chrono::seconds(1)),
               std::chrono::seconds(60));
  CacheOptions memory{memory_bytes, {}};
  CacheOptions far = options;
  if (options.ttl.count() > 0) {
    memory.ttl = near;
    far.ttl = std::max(options.ttl - near, std::chrono::seconds(1));
  }
  return MakeLayeredCache(
      MakeMemoryCache(memory, clock),
      MakeRedisCache(std::move(redis), far, leases, metrics));
}

}  // namespace ocelli
