#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "core/result.h"
#include "live/frame_pace.h"
#include "live/live_board.h"

namespace ocelli {

// One video of a board, followed by a thread of its own from the beginning of
// this object. Thread-safe.
class FollowedVideo {
 public:
  // `live` has what settings of a video are for a session. `open` and what
  // `options` names outlive it.
  FollowedVideo(LiveVideoSettings settings, LiveOptions live,
                const OpenLiveSession& open, const LiveBoardOptions& options);
  ~FollowedVideo();  // Stops.
  FollowedVideo(const FollowedVideo&) = delete;
  FollowedVideo& operator=(const FollowedVideo&) = delete;

  // As LiveBoard.
  LiveVideoStatus status() const;
  std::shared_ptr<const LiveShot> last() const;
  Result<std::shared_ptr<const LiveShot>> Next(
      const std::shared_ptr<const LiveShot>& after,
      std::chrono::milliseconds patience, const std::stop_token& stop) const;

  void RequestStop();  // Does not wait.
  void AwaitEnd();

 private:
  void Follow(const std::stop_token& stop);
  // From the opening of the source to its end.
  Result<> FollowOnce(const std::stop_token& stop);
  Result<> Take(const Frame& frame, std::span<const TrackedFace> faces,
                const std::stop_token& stop);
  void SetState(LiveVideoStatus::State state, std::string error = {});

  const LiveVideoSettings settings_;
  const LiveOptions live_;
  const OpenLiveSession& open_;
  const LiveBoardOptions& options_;

  // Of the video's thread.
  std::optional<FramePace> pace_;  // None: frames come by themselves.
  bool any_ = false;               // Frames came since it was begun.

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  // Guarded by mutex_.
  LiveVideoStatus::State state_ = LiveVideoStatus::State::kStarting;
  std::string error_;
  std::uint64_t begun_ = 0;
  mutable FrameRate rate_;
  // Shared with watchers.
  std::shared_ptr<const LiveShot> last_;
  std::shared_ptr<const LiveSession>
      session_;          // And with who reads its status.
  LiveStatus counters_;  // While there is no session.
  bool stopped_ = false;
  bool over_ = false;  // The thread does nothing more.

  std::jthread thread_;  // Last: uses all of the above.
};

}  // namespace ocelli
