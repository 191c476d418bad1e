#include "live/session_keeper.h"

#include <algorithm>

#include "core/log.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Clocks of two machines run at rates that differ a little.
constexpr int kRateMargin = 20;  // Of the lease, one part in so many.
// Of following: what is kept is at most so much older than when it is kept.
constexpr milliseconds kFollowEvery{250};
constexpr milliseconds kRetryEvery{250};

}  // namespace

SessionKeeper::SessionKeeper(SessionStore& store, SessionKeeperOptions options,
                             MetricsRegistry& metrics, const Clock& clock)
    : store_(store),
      options_(std::move(options)),
      clock_(clock),
      saves_(metrics.AddCounter("ocelli_live_session_saves_total",
                                "States and heartbeats kept.")),
      failures_(metrics.AddCounter("ocelli_live_session_save_failures_total",
                                   "States that could not be kept.")),
      withheld_(metrics.AddCounter(
          "ocelli_live_session_frames_withheld_total",
          "Frames that came while the session was not surely ours.")),
      save_seconds_(metrics.AddHistogram("ocelli_live_session_save_seconds",
                                         "What keeping a state took.",
                                         LatencyBounds())),
      owned_gauge_(metrics.AddGauge("ocelli_live_session_owned",
                                    "Sessions that this process has.")),
      state_bytes_(metrics.AddGauge("ocelli_live_session_state_bytes",
                                    "Size of the last state.")),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

SessionKeeper::~SessionKeeper() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<std::optional<ResumedSession>> SessionKeeper::Own(
    const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [&] { return taken_.has_value(); })) {
    return Fail(ErrorCode::kCancelled, "waiting for session " + options_.name);
  }
  if (!*taken_) return taken_->Failure();
  if (!kept_) return std::nullopt;
  auto state = ParseSessionState(kept_->state);
  if (!state) {
    return Fail(state.error().code,
                "session " + options_.name + ": " + kept_->where + ": " +
                    state.error().message + "; " + options_.advice);
  }
  const auto now = clock_.MonotonicTime();
  const auto gap =
      kept_->age + std::chrono::duration_cast<microseconds>(now - taken_at_);
  // Until Follow() knows better.
  tracker_ = state->tracker;
  tracker_at_ = now - gap;
  return ResumedSession{std::move(*state), gap};
}

void SessionKeeper::Begin(std::function<SessionCounters()> counters,
                          std::function<void(const Error&)> lost) {
  std::unique_lock lock(mutex_);
  counters_ = std::move(counters);
  if (lost_error_) {
    const Error error = *lost_error_;
    lock.unlock();
    lost(error);
    return;
  }
  on_lost_ = std::move(lost);
  soon_ = true;
  changed_.notify_all();
}

void SessionKeeper::Follow(const FaceTracker& tracker,
                           std::span<const TrackedFace> faces) {
  const bool same = std::equal(
      faces.begin(), faces.end(), followed_.begin(), followed_.end(),
      [](const TrackedFace& face, const auto& before) {
        return face.track == before.first && face.name == before.second;
      });
  const auto now = clock_.MonotonicTime();
  if (same && now - followed_at_ < kFollowEvery) return;
  followed_at_ = now;
  FaceTrackerState state = tracker.State();
  if (!same) {
    followed_.clear();
    for (const TrackedFace& face : faces) {
      followed_.emplace_back(face.track, face.name);
    }
  }
  const std::lock_guard lock(mutex_);
  tracker_ = std::move(state);
  tracker_at_ = now;
  if (same) return;
  soon_ = true;
  changed_.notify_all();
}

bool SessionKeeper::MayWrite() const {
  return !lost_ && clock_.MonotonicTime().time_since_epoch().count() <
                       lease_end_.load(std::memory_order_relaxed);
}

bool SessionKeeper::AwaitWrite(const std::stop_token& stop) const {
  constexpr milliseconds kLookEvery{20};
  while (!MayWrite()) {
    if (lost_ || !SleepFor(kLookEvery, stop)) return false;
  }
  return true;
}

void SessionKeeper::End() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  lease_end_ = 0;
}

void SessionKeeper::Run(const std::stop_token& stop) {
  auto taken = Take(stop);
  const bool owned = taken.has_value();
  {
    const std::lock_guard lock(mutex_);
    taken_ = std::move(taken);
    changed_.notify_all();
  }
  if (!owned) return;
  owned_gauge_.Add(1);
  auto last = clock_.MonotonicTime();
  std::unique_lock lock(mutex_);
  while (true) {
    const milliseconds pause = failing_ ? kRetryEvery : options_.save_every;
    changed_.wait_until(lock, stop, last + pause,
                        [&] { return ending_ || (soon_ && !failing_); });
    if (!ending_ && soon_ && !failing_) {
      changed_.wait_until(lock, stop, last + options_.save_soonest,
                          [&] { return ending_; });
    }
    if (stop.stop_requested() && !ending_) break;
    soon_ = false;
    const bool ended = ending_;
    lock.unlock();
    last = clock_.MonotonicTime();
    const bool ours = KeepNow(ended);
    lock.lock();
    if (!ours || ended) break;
  }
  lock.unlock();
  owned_gauge_.Add(-1);
}

Result<> SessionKeeper::Take(const std::stop_token& stop) {
  auto taken = AwaitSession(store_, options_.name, options_.take, stop);
  if (!taken) return taken.Failure();
  session_ = std::move(*taken);
  const auto called = clock_.MonotonicTime();
  // The lease began somewhen in that call: renewed, it is known since when.
  if (auto renewed = session_->Renew(); !renewed) return renewed;
  ExtendLease(called);
  const std::lock_guard lock(mutex_);
  kept_ = session_->kept();
  taken_at_ = called;
  return {};
}

std::optional<std::string> SessionKeeper::StateNow(bool ended) {
  std::function<SessionCounters()> counters;
  SessionState state;
  {
    const std::lock_guard lock(mutex_);
    if (!counters_) return std::nullopt;
    counters = counters_;
    if (tracker_) {
      state.tracker = *tracker_;
      const auto age = std::chrono::duration_cast<microseconds>(
          clock_.MonotonicTime() - tracker_at_);
      for (TrackState& track : state.tracker.tracks) track.unseen_for += age;
    }
  }
  state.settings = options_.settings;
  state.counters = counters();
  state.ended = ended;
  return SerializeSessionState(state);
}

bool SessionKeeper::KeepNow(bool ended) {
  const auto state = StateNow(ended);
  const auto called = clock_.MonotonicTime();
  const auto kept = ended && state ? session_->Release(*state)
                    : state        ? session_->Save(*state)
                                   : session_->Renew();
  if (kept) {
    saves_.Add();
    save_seconds_.Observe(
        std::chrono::duration<double>(clock_.MonotonicTime() - called).count());
    if (state) state_bytes_.Set(static_cast<double>(state->size()));
    if (!ended) ExtendLease(called);
    if (failing_) {
      Log(LogLevel::kWarning, "session is kept again",
          {{"session", options_.name}});
    }
    failing_ = false;
    return true;
  }
  if (kept.error().code == ErrorCode::kFailedPrecondition) {
    Lose(kept.error());
    return false;
  }
  failures_.Add();
  if (!failing_) {
    Log(LogLevel::kWarning,
        "session can't be kept; until it can, frames are withheld from the end "
        "of the lease on",
        {{"session", options_.name}, {"error", kept.error().message}});
  }
  failing_ = true;
  return true;
}

void SessionKeeper::ExtendLease(steady_clock::time_point called) {
  const nanoseconds lease = store_.options().lease;
  lease_end_ =
      (called + lease - lease / kRateMargin).time_since_epoch().count();
}

void SessionKeeper::Lose(const Error& error) {
  lost_ = true;
  const Error told{error.code, error.message + "; this process stops"};
  std::function<void(const Error&)> tell;
  {
    const std::lock_guard lock(mutex_);
    lost_error_ = told;
    tell = on_lost_;
  }
  if (tell) tell(told);
}

}  // namespace ocelli
