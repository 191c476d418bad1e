#include "cache/single_flight.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "cache/key_hash.h"
#include "core/log.h"

namespace ocelli {
namespace {

using Compute = std::function<Result<std::string>()>;

// How many computations this thread is in: others may wait for it.
thread_local int computing = 0;

Result<std::string> Run(const Compute& compute) {
  ++computing;
  auto value = compute();
  --computing;
  return value;
}

}  // namespace

struct SingleFlight::State {
  // One key being computed. Guarded by `mutex`.
  struct Flight {
    std::thread::id leader;
    std::condition_variable landed;
    std::optional<Result<Answer>> answer;
  };
  // How the cache was asked before somebody leads.
  enum class Asked { kNot, kJustNow };
  enum class Sharing { kYes, kNo };

  ResultCache* cache = nullptr;
  ComputeLeases* leases = nullptr;
  std::atomic<std::uint64_t> cache_failures = 0;
  std::mutex mutex;
  // Guarded by mutex. Flights are owned here and by everyone who waits.
  std::unordered_map<ResultKey, std::shared_ptr<Flight>, ResultKeyHash> flights;
  std::map<std::thread::id, const Flight*> waiting;

  // Whether `flight` waits, through any chain of others, for this thread.
  bool WaitsForUs(const Flight* flight) const {
    while (flight->leader != std::this_thread::get_id()) {
      const auto next = waiting.find(flight->leader);
      if (next == waiting.end() || next->second->answer) return false;
      flight = next->second;
    }
    return true;
  }

  void CountFailure(const Error& error) {
    if (cache_failures.fetch_add(1) == 0) {
      Log(LogLevel::kWarning, "going on without the result cache",
          {{"error", error.message}});
    }
  }

  Result<Answer> Share(const ResultKey& key, const Compute& compute,
                       Asked asked);
  Result<Answer> Lead(const ResultKey& key, const Compute& compute, Asked asked,
                      Sharing sharing);
  std::optional<std::string> AwaitTurn(
      const ResultKey& key, std::unique_ptr<ComputeLeases::Lease>& lease);
};

// What another machine computed meanwhile; otherwise none, and this one is to
// compute: with the lease or, where that can't be had, without.
std::optional<std::string> SingleFlight::State::AwaitTurn(
    const ResultKey& key, std::unique_ptr<ComputeLeases::Lease>& lease) {
  using std::chrono::steady_clock;
  const ComputeLeaseOptions& options = leases->options();
  const auto end =
      steady_clock::now() +
      (computing > 0 ? options.longest_nested_wait : options.longest_wait);
  std::unique_ptr<ComputeLeases::Watch> watch;
  while (true) {
    auto claimed = leases->Claim(key);
    if (!claimed) {
      CountFailure(claimed.error());
      return std::nullopt;
    }
    lease = std::move(*claimed);
    if (!lease && !watch) {
      // What is released from now on is noticed, so ask once more.
      watch = leases->WatchFor(key);
      continue;
    }
    if (!lease) watch->Wait();
    // Its last owner may have finished between our look and our claim.
    auto value = cache ? cache->GetAgain(key)
                       : Result<std::optional<std::string>>(std::nullopt);
    if (!value) {
      CountFailure(value.error());
      return std::nullopt;
    }
    if (*value || lease || steady_clock::now() >= end) return *value;
  }
}

Result<SingleFlight::Answer> SingleFlight::State::Lead(const ResultKey& key,
                                                       const Compute& compute,
                                                       Asked asked,
                                                       Sharing sharing) {
  bool reachable = true;
  if (cache) {
    auto cached = asked == Asked::kNot ? cache->Get(key) : cache->GetAgain(key);
    if (!cached) {
      CountFailure(cached.error());
      reachable = false;
    } else if (*cached) {
      return Answer{std::move(**cached), true};
    }
  }
  // Until after the value is kept, and no longer where there is none.
  std::unique_ptr<ComputeLeases::Lease> lease;
  if (leases && reachable && sharing == Sharing::kYes) {
    if (auto shared = AwaitTurn(key, lease)) {
      return Answer{std::move(*shared), true};
    }
  }
  auto value = Run(compute);
  if (!value) return value.Failure();
  if (cache) {
    if (auto kept = cache->Put(key, *value); !kept) {
      CountFailure(kept.error());
    }
  }
  return Answer{std::move(*value), false};
}

Result<SingleFlight::Answer> SingleFlight::State::Share(const ResultKey& key,
                                                        const Compute& compute,
                                                        Asked asked) {
  std::unique_lock lock(mutex);
  auto& entry = flights[key];
  if (!entry) {
    const auto flight = entry = std::make_shared<Flight>();
    flight->leader = std::this_thread::get_id();
    lock.unlock();
    auto answer = Lead(key, compute, asked, Sharing::kYes);
    lock.lock();
    flights.erase(key);
    flight->answer = answer;
    flight->landed.notify_all();
    return answer;
  }
  const auto flight = entry;
  bool answered = false;
  if (!WaitsForUs(flight.get())) {
    waiting[std::this_thread::get_id()] = flight.get();
    const auto landed = [&] { return flight->answer.has_value(); };
    if (leases && computing > 0) {
      // Its leader may wait for a machine that waits for us.
      answered = flight->landed.wait_for(
          lock, leases->options().longest_nested_wait, landed);
    } else {
      flight->landed.wait(lock, landed);
      answered = true;
    }
    waiting.erase(std::this_thread::get_id());
  }
  if (answered) return *flight->answer;
  lock.unlock();
  return Lead(key, compute, asked, Sharing::kNo);
}

SingleFlight::SingleFlight(ResultCache* cache, ComputeLeases* leases)
    : state_(std::make_unique<State>()) {
  state_->cache = cache;
  state_->leases = leases;
}

SingleFlight::~SingleFlight() = default;

Result<SingleFlight::Answer> SingleFlight::GetOrCompute(
    const ResultKey& key, const Compute& compute) {
  return state_->Share(key, compute, State::Asked::kNot);
}

Result<SingleFlight::Answer> SingleFlight::ComputeMissing(
    const ResultKey& key, const Compute& compute) {
  return state_->Share(key, compute, State::Asked::kJustNow);
}

std::vector<std::optional<std::string>> SingleFlight::LookUp(
    std::span<const ResultKey> keys) {
  std::vector<std::optional<std::string>> values(keys.size());
  if (!state_->cache) return values;
  auto found = state_->cache->GetMany(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) {
      values[i] = *std::move(found[i]);
    } else {
      state_->CountFailure(found[i].error());
    }
  }
  return values;
}

std::uint64_t SingleFlight::cache_failures() const {
  return state_->cache_failures;
}

}  // namespace ocelli
