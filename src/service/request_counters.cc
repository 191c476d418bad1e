#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "service/service.h"

namespace ocelli {
namespace {

using std::chrono::steady_clock;

// Durations counted by their size, second by second: each bucket is 7 % wider
// than the one before, from 10 us to about 100 s.
class LastMinute {
 public:
  void Add(steady_clock::time_point now, double seconds) {
    Second& second = At(now);
    ++second.counts[BucketOf(seconds)];
    second.empty = false;
  }

  double Percentile(steady_clock::time_point now, double share) const {
    std::array<std::uint64_t, kBuckets> sums{};
    std::uint64_t total = 0;
    const std::int64_t current = SecondOf(now);
    for (const Second& second : seconds_) {
      if (second.empty || second.number <= current - kSeconds) continue;
      for (std::size_t i = 0; i < kBuckets; ++i) {
        sums[i] += second.counts[i];
        total += second.counts[i];
      }
    }
    if (total == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(
        std::ceil(std::clamp(share, 0., 1.) * static_cast<double>(total)));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      below += sums[i];
      if (below >= std::max<std::uint64_t>(wanted, 1)) return MiddleOf(i);
    }
    return MiddleOf(kBuckets - 1);
  }

 private:
  static constexpr std::int64_t kSeconds = 60;
  static constexpr std::size_t kBuckets = 240;
  static constexpr double kFirst = 1e-5;
  static constexpr double kStep = 1.07;

  struct Second {
    std::int64_t number = 0;
    bool empty = true;
    std::array<std::uint32_t, kBuckets> counts{};
  };

  static std::int64_t SecondOf(steady_clock::time_point time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())
        .count();
  }
  static std::size_t BucketOf(double seconds) {
    if (!(seconds > kFirst)) return 0;
    const double at = std::log(seconds / kFirst) / std::log(kStep);
    return std::min(static_cast<std::size_t>(at) + 1, kBuckets - 1);
  }
  static double MiddleOf(std::size_t bucket) {
    return kFirst * std::pow(kStep, static_cast<double>(bucket) - 0.5);
  }
  Second& At(steady_clock::time_point now) {
    const std::int64_t number = SecondOf(now);
    Second& second =
        seconds_[static_cast<std::size_t>(number % kSeconds + kSeconds) %
                 static_cast<std::size_t>(kSeconds)];
    if (second.number != number) second = {.number = number};
    return second;
  }

  std::array<Second, static_cast<std::size_t>(kSeconds)> seconds_;
};

}  // namespace

struct RequestCounters::State {
  State(MetricsRegistry& registry, const Clock& given_clock)
      : metrics(registry),
        clock(given_clock),
        running(metrics.AddGauge("ocelli_service_requests_in_flight",
                                 "Requests that are being answered")) {}

  // Of one operation over one transport.
  struct Kind {
    Histogram* seconds = nullptr;
    std::unordered_map<std::string, Counter*> outcomes;
  };

  Kind& KindOf(const std::string& operation, const std::string& transport) {
    Kind& kind = kinds[operation + '\n' + transport];
    if (!kind.seconds) {
      kind.seconds = &metrics.AddHistogram(
          "ocelli_service_request_seconds", "From begun to answered",
          LatencyBounds(),
          {{"operation", operation}, {"transport", transport}});
    }
    return kind;
  }

  void Count(const std::string& operation, const std::string& transport,
             const std::string& outcome, steady_clock::duration took) {
    const double seconds = std::chrono::duration<double>(took).count();
    if (outcome != "ok") ++failed;
    const std::lock_guard lock(mutex);
    Kind& kind = KindOf(operation, transport);
    Counter*& counter = kind.outcomes[outcome];
    if (!counter) {
      counter = &metrics.AddCounter("ocelli_service_requests_total",
                                    "Requests that were answered",
                                    {{"operation", operation},
                                     {"outcome", outcome},
                                     {"transport", transport}});
    }
    counter->Add();
    kind.seconds->Observe(seconds);
    last_minute.Add(clock.MonotonicTime(), seconds);
  }

  MetricsRegistry& metrics;
  const Clock& clock;
  Gauge& running;
  std::atomic<std::uint64_t> begun = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::atomic<std::uint32_t> in_flight = 0;
  std::mutex mutex;
  // Guarded by mutex.
  std::unordered_map<std::string, Kind> kinds;
  LastMinute last_minute;
};

struct RequestCounters::Running::State {
  RequestCounters::State& counters;
  const std::string operation;
  const std::string transport;
  const steady_clock::time_point began;
  std::string outcome = "cancelled";  // Whoever forgets it gave it up.
};

RequestCounters::Running::Running(RequestCounters& counters,
                                  std::string operation, std::string transport)
    : state_(new State{*counters.state_, std::move(operation),
                       std::move(transport),
                       counters.state_->clock.MonotonicTime()}) {
  ++state_->counters.begun;
  state_->counters.running.Set(++state_->counters.in_flight);
}

RequestCounters::Running::~Running() {
  if (!state_) return;
  RequestCounters::State& counters = state_->counters;
  counters.running.Set(--counters.in_flight);
  counters.Count(state_->operation, state_->transport, state_->outcome,
                 counters.clock.MonotonicTime() - state_->began);
}

RequestCounters::Running::Running(Running&&) noexcept = default;

void RequestCounters::Running::Ended(std::string outcome) {
  state_->outcome = std::move(outcome);
}

RequestCounters::RequestCounters(MetricsRegistry& metrics, const Clock& clock)
    : state_(std::make_unique<State>(metrics, clock)) {}

RequestCounters::~RequestCounters() = default;

std::uint64_t RequestCounters::requests() const { return state_->begun; }
std::uint64_t RequestCounters::failed() const { return state_->failed; }
std::uint32_t RequestCounters::in_flight() const { return state_->in_flight; }

double RequestCounters::Percentile(double share) const {
  const std::lock_guard lock(state_->mutex);
  return state_->last_minute.Percentile(state_->clock.MonotonicTime(), share);
}

}  // namespace ocelli
