#include "cache/single_flight.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "cache/key_hash.h"
#include "core/log.h"

namespace ocelli {

struct SingleFlight::State {
  // One key being computed. Guarded by `mutex`.
  struct Flight {
    std::thread::id leader;
    std::condition_variable landed;
    std::optional<Result<Answer>> answer;
  };

  ResultCache* cache = nullptr;
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

  Result<Answer> Lead(const ResultKey& key,
                      const std::function<Result<std::string>()>& compute) {
    if (cache) {
      auto cached = cache->Get(key);
      if (!cached) {
        CountFailure(cached.error());
      } else if (*cached) {
        return Answer{std::move(**cached), true};
      }
    }
    auto value = compute();
    if (!value) return value.Failure();
    if (cache) {
      if (auto kept = cache->Put(key, *value); !kept) {
        CountFailure(kept.error());
      }
    }
    return Answer{std::move(*value), false};
  }
};

SingleFlight::SingleFlight(ResultCache* cache)
    : state_(std::make_unique<State>()) {
  state_->cache = cache;
}

SingleFlight::~SingleFlight() = default;

Result<SingleFlight::Answer> SingleFlight::GetOrCompute(
    const ResultKey& key, const std::function<Result<std::string>()>& compute) {
  std::unique_lock lock(state_->mutex);
  auto& entry = state_->flights[key];
  if (!entry) {
    const auto flight = entry = std::make_shared<State::Flight>();
    flight->leader = std::this_thread::get_id();
    lock.unlock();
    auto answer = state_->Lead(key, compute);
    lock.lock();
    state_->flights.erase(key);
    flight->answer = answer;
    flight->landed.notify_all();
    return answer;
  }
  const auto flight = entry;
  if (state_->WaitsForUs(flight.get())) {
    lock.unlock();
    return state_->Lead(key, compute);
  }
  state_->waiting[std::this_thread::get_id()] = flight.get();
  flight->landed.wait(lock, [&] { return flight->answer.has_value(); });
  state_->waiting.erase(std::this_thread::get_id());
  return *flight->answer;
}

std::uint64_t SingleFlight::cache_failures() const {
  return state_->cache_failures;
}

}  // namespace ocelli
