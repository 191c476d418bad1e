#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>

#include "cache/compute_leases.h"
#include "cache/redis_key.h"

namespace ocelli {
namespace {

constexpr std::string_view kPrefix = "ocelli:l:";
constexpr char kChannel[] = "ocelli:released";

// Takes or keeps the lease: where nobody has it, where it is ours already, and
// over what is no lease (wrong type, or without an end). 64 bytes are more than
// a token has.
constexpr char kHold[] = R"(
local holder = redis.pcall('GETRANGE', KEYS[1], 0, 63)
if holder == '' or holder == ARGV[1] or type(holder) == 'table' or
    redis.call('PTTL', KEYS[1]) == -1 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0)";

// A user who may not publish still lets go; who waits looks by itself.
constexpr char kRelease[] = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], KEYS[1])
return 1)";

// Of one set of leases; no two processes have the same.
std::string RandomName() {
  std::random_device random;
  std::string name;
  for (int i = 0; i < 4; ++i) {
    char digits[9];
    std::snprintf(digits, sizeof(digits), "%08x", random());
    name += digits;
  }
  return name;
}

class RedisComputeLeases final : public ComputeLeases {
 public:
  RedisComputeLeases(RedisClient& redis, const ComputeLeaseOptions& options,
                     MetricsRegistry* metrics)
      : redis_(redis), options_(options) {
    if (!metrics) return;
    claims_ = &metrics->AddCounter("ocelli_cache_leases_total",
                                   "Leases to compute a result, taken");
    waits_ = &metrics->AddCounter("ocelli_cache_lease_waits_total",
                                  "Results waited for, that others computed");
    lost_ = &metrics->AddCounter("ocelli_cache_leases_lost_total",
                                 "Leases that others took over");
  }

  ~RedisComputeLeases() override {
    renewing_.request_stop();
    // No message may come any more when the watches' map goes.
    subscription_.reset();
  }

  Result<std::unique_ptr<Lease>> Claim(const ResultKey& key) override {
    const std::string name = RedisKeyOf(kPrefix, key);
    const std::string token = name_ + ":" + std::to_string(++count_);
    const auto taken = redis_.RunScript(hold_, {name}, {token, Ttl()});
    if (!taken) return taken.Failure("asking who computes a result");
    if (taken->integer != 1) return nullptr;
    Count(claims_);
    {
      const std::lock_guard lock(mutex_);
      held_.emplace(token, name);
      if (!renewing_.joinable()) {
        renewing_ =
            std::jthread([this](const std::stop_token& stop) { Renew(stop); });
      }
    }
    return std::make_unique<HeldLease>(*this, name, token);
  }

  std::unique_ptr<Watch> WatchFor(const ResultKey& key) override {
    Count(waits_);
    auto watch = std::make_unique<KeyWatch>(*this, RedisKeyOf(kPrefix, key));
    const std::lock_guard lock(subscribing_);
    if (!subscription_) {
      subscription_ = redis_.Subscribe(
          kChannel, [this](const std::string& name) { Wake(name); });
    }
    return watch;
  }

  const ComputeLeaseOptions& options() const override { return options_; }

 private:
  class HeldLease final : public Lease {
   public:
    HeldLease(RedisComputeLeases& leases, std::string name, std::string token)
        : leases_(leases), name_(std::move(name)), token_(std::move(token)) {}
    ~HeldLease() override { leases_.Release(name_, token_); }

   private:
    RedisComputeLeases& leases_;
    const std::string name_;
    const std::string token_;
  };

  class KeyWatch final : public Watch {
   public:
    KeyWatch(RedisComputeLeases& leases, std::string name)
        : leases_(leases), name_(std::move(name)) {
      const std::lock_guard lock(leases_.mutex_);
      place_ = leases_.watches_.emplace(name_, this);
    }
    ~KeyWatch() override {
      const std::lock_guard lock(leases_.mutex_);
      leases_.watches_.erase(place_);
    }

    void Wait(const std::stop_token& stop) override {
      std::unique_lock lock(leases_.mutex_);
      changed_.wait_for(lock, stop, leases_.options_.poll,
                        [&] { return released_; });
      released_ = false;
    }

    // With the mutex held.
    void Wake() {
      released_ = true;
      changed_.notify_one();
    }

   private:
    RedisComputeLeases& leases_;
    const std::string name_;
    std::unordered_multimap<std::string, KeyWatch*>::iterator place_;
    std::condition_variable_any changed_;
    bool released_ = false;  // Guarded by leases_.mutex_.
  };

  static void Count(Counter* counter) {
    if (counter) counter->Add();
  }

  std::string Ttl() const { return std::to_string(options_.ttl.count()); }

  // An empty name: what was said lately is lost.
  void Wake(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = name.empty()
                                  ? std::pair(watches_.begin(), watches_.end())
                                  : watches_.equal_range(name);
    for (auto watch = begin; watch != end; ++watch) watch->second->Wake();
  }

  void Release(const std::string& name, const std::string& token) {
    {
      std::unique_lock lock(mutex_);
      held_.erase(token);
      // A renewal that comes after the release would take the lease again.
      renewed_.wait(lock, [&] { return !under_way_; });
    }
    // Where Redis is away, the lease ends by itself.
    static_cast<void>(redis_.RunScript(release_, {name}, {token, kChannel}));
  }

  // One thread for all leases.
  void Renew(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      waiting_.wait_for(lock, stop, options_.ttl / 3, [] { return false; });
      if (stop.stop_requested()) return;
      if (held_.empty()) continue;
      std::vector<RedisClient::ScriptCall> calls;
      for (const auto& [token, name] : held_) {
        calls.push_back({&hold_, {name}, {token, Ttl()}});
      }
      under_way_ = true;
      lock.unlock();
      for (const auto& kept : redis_.RunScripts(std::move(calls))) {
        if (kept && kept->integer != 1) Count(lost_);
      }
      lock.lock();
      under_way_ = false;
      renewed_.notify_all();
    }
  }

  RedisClient& redis_;
  const ComputeLeaseOptions options_;
  const RedisScript hold_{kHold};
  const RedisScript release_{kRelease};
  const std::string name_ = RandomName();
  std::atomic<std::uint64_t> count_ = 0;
  Counter* claims_ = nullptr;
  Counter* waits_ = nullptr;
  Counter* lost_ = nullptr;

  std::mutex mutex_;
  std::condition_variable_any waiting_;
  std::condition_variable renewed_;
  // Guarded by mutex_.
  std::map<std::string, std::string> held_;  // Name by token.
  std::unordered_multimap<std::string, KeyWatch*> watches_;
  bool under_way_ = false;  // A renewal.

  std::mutex subscribing_;
  // Guarded by subscribing_ until made.
  std::unique_ptr<RedisSubscription> subscription_;
  std::jthread renewing_;  // Last: ends first. Begun under mutex_.
};

}  // namespace

std::unique_ptr<ComputeLeases> MakeRedisComputeLeases(
    RedisClient& redis, const ComputeLeaseOptions& options,
    MetricsRegistry* metrics) {
  return std::make_unique<RedisComputeLeases>(redis, options, metrics);
}

}  // namespace ocelli
