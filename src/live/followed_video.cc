#include "live/followed_video.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/sleep.h"
#include "core/work_scope.h"

namespace ocelli {
namespace {

using State = LiveVideoStatus::State;

// Whether the same could go well another time.
bool IsWorthTrying(const Error& error) {
  return error.code != ErrorCode::kInvalidArgument &&
         error.code != ErrorCode::kUnimplemented;
}

}  // namespace

FollowedVideo::FollowedVideo(LiveVideoSettings settings, LiveOptions live,
                             const OpenLiveSession& open,
                             const LiveBoardOptions& options)
    : settings_(std::move(settings)),
      live_(std::move(live)),
      open_(open),
      options_(options),
      thread_([this](const std::stop_token& stop) {
        const WorkScope scope(live_.client, stop);
        Follow(stop);
        const std::lock_guard lock(mutex_);
        over_ = true;
        changed_.notify_all();
      }) {}

FollowedVideo::~FollowedVideo() { RequestStop(); }

LiveVideoStatus FollowedVideo::status() const {
  LiveVideoStatus status;
  status.settings = settings_;
  std::shared_ptr<const LiveSession> session;
  {
    const std::lock_guard lock(mutex_);
    status.state = state_;
    status.error = error_;
    status.begun = begun_;
    status.frame_rate = rate_.At(options_.clock->MonotonicTime());
    status.counters = counters_;
    session = session_;
    if (last_) {
      status.width = last_->frame.pixels.width();
      status.height = last_->frame.pixels.height();
    }
  }
  if (!session) return status;
  status.counters = session->status();
  if (status.width == 0) {
    status.width = session->input().width;
    status.height = session->input().height;
  }
  if (status.state == State::kRunning && !status.counters.away.empty()) {
    status.state = State::kWaiting;
    status.error = status.counters.away;
  }
  return status;
}

std::shared_ptr<const LiveShot> FollowedVideo::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

Result<std::shared_ptr<const LiveShot>> FollowedVideo::Next(
    const std::shared_ptr<const LiveShot>& after,
    std::chrono::milliseconds patience, const std::stop_token& stop) const {
  // What is longer might not fit into the clock.
  constexpr std::chrono::hours kMostPatience{24};
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(
      lock, stop, std::min<std::chrono::milliseconds>(patience, kMostPatience),
      [&] { return stopped_ || (last_ && last_ != after); });
  if (stopped_) {
    return Fail(ErrorCode::kNotFound,
                "video " + settings_.name + " was stopped");
  }
  if (came) return last_;
  if (stop.stop_requested()) {
    return Fail(ErrorCode::kCancelled,
                "waiting for a frame of " + settings_.name);
  }
  return nullptr;
}

void FollowedVideo::RequestStop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  thread_.request_stop();
}

void FollowedVideo::AwaitEnd() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return over_; });
}

void FollowedVideo::Follow(const std::stop_token& stop) {
  std::chrono::milliseconds wait = options_.first_wait;
  while (true) {
    const Result<> done = FollowOnce(stop);
    if (stop.stop_requested()) return;
    if (done) return SetState(State::kEnded);
    const Error& error = done.error();
    if (!IsWorthTrying(error)) {
      Log(LogLevel::kError, "video can't be followed",
          {{"video", settings_.name}, {"error", error.message}});
      return SetState(State::kFailed, error.message);
    }
    if (any_) wait = options_.first_wait;
    Log(LogLevel::kWarning, "video failed, to be begun anew",
        {{"video", settings_.name}, {"error", error.message}});
    SetState(State::kWaiting, error.message);
    if (!SleepFor(wait, stop)) return;
    wait = std::min(2 * wait, options_.last_wait);
  }
}

Result<> FollowedVideo::FollowOnce(const std::stop_token& stop) {
  any_ = false;
  pace_.reset();
  {
    const std::lock_guard lock(mutex_);
    ++begun_;
  }
  LiveOptions live = live_;
  live.on_frame = [&](const Frame& frame, std::span<const TrackedFace> faces) {
    return Take(frame, faces, stop);
  };
  auto opened = open_(std::move(live), stop);
  if (!opened) return opened.Failure();
  const std::shared_ptr<LiveSession> session = std::move(*opened);
  if (settings_.real_time && !session->input().live) {
    pace_.emplace(*options_.clock);
  }
  {
    const std::lock_guard lock(mutex_);
    session_ = session;
    state_ = State::kRunning;
    error_.clear();
  }
  const Result<> done = session->Run(stop);
  const LiveStatus counters = session->status();
  const std::lock_guard lock(mutex_);
  session_.reset();
  counters_ = counters;
  return done;
}

Result<> FollowedVideo::Take(const Frame& frame,
                             std::span<const TrackedFace> faces,
                             const std::stop_token& stop) {
  // Nobody sees what comes after a stop, unless a sink is to get it.
  if (stop.stop_requested() && settings_.sink.empty()) {
    return Fail(ErrorCode::kCancelled, "video " + settings_.name + " stops");
  }
  if (pace_) SleepFor(pace_->WaitFor(frame.time), stop);
  const auto shot = std::make_shared<const LiveShot>(
      LiveShot{frame, {faces.begin(), faces.end()}});
  any_ = true;
  {
    const std::lock_guard lock(mutex_);
    last_ = shot;
    rate_.Count(options_.clock->MonotonicTime());
    changed_.notify_all();
  }
  if (options_.on_shot) options_.on_shot(settings_.name, *shot);
  return {};
}

void FollowedVideo::SetState(State state, std::string error) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  error_ = std::move(error);
}

}  // namespace ocelli
