#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/tracked_face.h"
#include "faces/face_tracker.h"
#include "live/session_state.h"
#include "live/session_store.h"
#include "metrics/metrics.h"

namespace ocelli {

struct SessionKeeperOptions {
  std::string name;
  TakeSessionOptions take;
  std::vector<LiveSetting> settings;  // Kept with the session.
  // What to do about a state that can't be read.
  std::string advice = "--new-session begins it anew";
  std::chrono::milliseconds save_every{500};
  // A face that comes or gets a name is kept so soon after the last time.
  std::chrono::milliseconds save_soonest{100};
};

// What a session goes on from.
struct ResumedSession {
  SessionState state;
  std::chrono::microseconds gap{};  // From when it was kept to now.
};

// Holds one live session for as long as it lives: takes it, keeps its state,
// and says whether frames may go out. All that talks to the store is in one
// thread of its own, so a store that is slow or away never slows a frame; of
// states that wait the latest counts.
//
// Two processes never own a session: frames may go out only until the lease
// ends, counted by this machine's monotonic clock from before the call that
// renewed it. While the store is away longer than that, frames are withheld;
// they go out again once the session is renewed, which fails where somebody
// else took it meanwhile. A frame on its way when the lease ends still comes
// out; so does, after a forced take-over, what goes out before the next
// heartbeat (save_every, and the time that the store takes to answer).
//
// Thread-safe but for Follow().
class SessionKeeper {
 public:
  // Begins to take the session. `store`, `metrics` and `clock` outlive it.
  SessionKeeper(SessionStore& store, SessionKeeperOptions options,
                MetricsRegistry& metrics, const Clock& clock = SystemClock());
  // Without End(), others have to wait until the lease ends.
  ~SessionKeeper();
  SessionKeeper(const SessionKeeper&) = delete;
  SessionKeeper& operator=(const SessionKeeper&) = delete;

  const std::string& name() const { return options_.name; }

  // Waits until this process owns the session, for as long as its last owner
  // may be dead. Nothing: it is a new one. Errors of AwaitSession(), and
  // kDataLoss for a state that can't be read.
  Result<std::optional<ResumedSession>> Own(const std::stop_token& stop);

  // From now on the state is kept: what Follow() saw last and these counters,
  // asked for at each save. `lost` is called at most once, when somebody else
  // owns the session: both from the keeper's thread, or from this call, until
  // End() or the destructor.
  void Begin(std::function<SessionCounters()> counters,
             std::function<void(const Error&)> lost);

  // After each frame, from the thread of the tracker.
  void Follow(const FaceTracker& tracker, std::span<const TrackedFace> faces);

  // Whether a frame may go out now. Cheap.
  bool MayWrite() const;
  // Until it may; false: never again, or `stop` was requested.
  bool AwaitWrite(const std::stop_token& stop) const;
  void CountWithheld() { withheld_.Add(); }

  // Keeps the last state and lets others have the session at once. A store that
  // is away is logged: the lease ends by itself.
  void End();

 private:
  void Run(const std::stop_token& stop);
  Result<> Take(const std::stop_token& stop);
  // False: lost.
  bool KeepNow(bool ended);
  std::optional<std::string> StateNow(bool ended);
  void ExtendLease(std::chrono::steady_clock::time_point called);
  void Lose(const Error& error);

  SessionStore& store_;
  const SessionKeeperOptions options_;
  const Clock& clock_;
  Counter& saves_;
  Counter& failures_;
  Counter& withheld_;
  Histogram& save_seconds_;
  Gauge& owned_gauge_;  // Of all keepers.
  Gauge& state_bytes_;

  // Of MonotonicTime(), in nanoseconds; frames may go out until then.
  std::atomic<std::int64_t> lease_end_{0};
  std::atomic<bool> lost_ = false;

  // Of the thread of Follow().
  std::vector<std::pair<std::int64_t, std::string>> followed_;
  std::chrono::steady_clock::time_point followed_at_{};

  // Of the keeper's thread.
  std::unique_ptr<OwnedSession> session_;
  bool failing_ = false;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::optional<Result<>> taken_;
  std::optional<KeptSession> kept_;
  std::chrono::steady_clock::time_point taken_at_{};
  std::function<SessionCounters()> counters_;
  std::function<void(const Error&)> on_lost_;
  std::optional<Error> lost_error_;
  std::optional<FaceTrackerState> tracker_;
  std::chrono::steady_clock::time_point tracker_at_{};
  bool soon_ = false;
  bool ending_ = false;

  std::jthread thread_;  // Last: uses all of the above.
};

}  // namespace ocelli
