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
#include "core/work_scope.h"

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

auto Cancelled() {
  return Fail(ErrorCode::kCancelled, "stopped while another computes it");
}

}  // namespace

struct SingleFlight::State {
  // One key being computed. Guarded by `mutex`.
  struct Flight {
    std::thread::id leader;
    std::condition_variable_any landed;
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
  bool AwaitLanding(Flight& flight, std::unique_lock<std::mutex>& lock);
  Result<std::optional<std::string>> AwaitTurn(
      const ResultKey& key, std::unique_ptr<ComputeLeases::Lease>& lease);
};

// What another machine computed meanwhile; otherwise none, and this one is to
// compute: with the lease or, where that can't be had, without. kCancelled.
Result<std::optional<std::string>> SingleFlight::State::AwaitTurn(
    const ResultKey& key, std::unique_ptr<ComputeLeases::Lease>& lease) {
  using std::chrono::steady_clock;
  const ComputeLeaseOptions& options = leases->options();
  const std::stop_token stop = WorkScope::stop();
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
    if (!lease) watch->Wait(stop);
    if (stop.stop_requested()) return Cancelled();
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
    auto shared = AwaitTurn(key, lease);
    if (!shared) return shared.Failure();
    if (*shared) return Answer{std::move(**shared), true};
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

// False: stopped, or it may never land.
bool SingleFlight::State::AwaitLanding(Flight& flight,
                                       std::unique_lock<std::mutex>& lock) {
  if (WaitsForUs(&flight)) return false;
  waiting[std::this_thread::get_id()] = &flight;
  const auto landed = [&] { return flight.answer.has_value(); };
  // Where machines are involved, its leader may wait for one that waits for us.
  const bool done = leases && computing > 0
                        ? flight.landed.wait_for(
                              lock, WorkScope::stop(),
                              leases->options().longest_nested_wait, landed)
                        : flight.landed.wait(lock, WorkScope::stop(), landed);
  waiting.erase(std::this_thread::get_id());
  return done;
}

Result<SingleFlight::Answer> SingleFlight::State::Share(const ResultKey& key,
                                                        const Compute& compute,
                                                        Asked asked) {
  std::unique_lock lock(mutex);
  while (true) {
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
    if (!AwaitLanding(*flight, lock)) break;
    const auto& answer = *flight->answer;
    if (answer || answer.error().code != ErrorCode::kCancelled) return answer;
    asked = Asked::kJustNow;
  }
  lock.unlock();
  if (WorkScope::stop().stop_requested()) return Cancelled();
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

std::size_t SingleFlight::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting.size();
}

std::uint64_t SingleFlight::cache_failures() const {
  return state_->cache_failures;
}

}  // namespace ocelli
