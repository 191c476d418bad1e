#include "media/reconnecting_source.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

class ReconnectingSource final : public VideoSource {
 public:
  ReconnectingSource(std::unique_ptr<StreamSource> first, ConnectStream connect,
                     std::string shown, const VideoSourceOptions& options)
      : stream_(std::move(first)),
        connect_(std::move(connect)),
        shown_(std::move(shown)),
        options_(options),
        info_(stream_->info()),
        last_at_(options.clock->MonotonicTime()),
        random_(options.seed != 0 ? options.seed : std::random_device()()) {}

  const VideoInfo& info() const override { return info_; }

  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override {
    for (;;) {
      Error lost = {ErrorCode::kUnavailable, "the stream ended: " + shown_};
      if (stream_) {
        auto next = stream_->Next(stop);
        if (next && *next) return Taken(std::move(**next));
        if (!next && next.error().code == ErrorCode::kCancelled) {
          return next.Failure();
        }
        if (next && options_.reconnects == 0) return std::nullopt;
        if (!next) lost = next.error();
        Lose(lost);
      }
      if (const auto again = Reconnect(std::move(lost), stop); !again) {
        return again.Failure();
      }
    }
  }

  std::vector<SoundPacket> TakeSound() override {
    auto sound = std::exchange(left_sound_, {});
    if (stream_ && sound_fits_) {
      auto more = stream_->TakeSound();
      std::move(more.begin(), more.end(), std::back_inserter(sound));
    }
    return sound;
  }

  SourceCounters counters() const override {
    const std::lock_guard lock(mutex_);
    return {frames_.load(), damaged_.load(), reconnects_.load(), away_};
  }

 private:
  void SetAway(std::string why) {
    const std::lock_guard lock(mutex_);
    away_ = std::move(why);
  }

  SourceFrame Taken(SourceFrame next) {
    attempts_ = 0;
    if (std::exchange(reported_, false)) {
      SetAway("");
      Log(LogLevel::kInfo, "video source back", {{"url", shown_}});
    }
    next.frame.sequence = frames_.load();
    last_time_ = next.frame.time;
    last_at_ = options_.clock->MonotonicTime();
    if (!sound_fits_) next.sound.clear();
    if (!left_sound_.empty()) {
      next.sound.insert(next.sound.begin(), left_sound_.begin(),
                        left_sound_.end());
      left_sound_.clear();
    }
    damaged_ = damaged_before_ + stream_->counters().damaged;
    ++frames_;
    return next;
  }

  void Lose(const Error& error) {
    left_sound_ = TakeSound();
    damaged_before_ += stream_->counters().damaged;
    damaged_ = damaged_before_;
    stream_.reset();
    SetAway(error.message);
    if (!std::exchange(reported_, true)) {
      Log(LogLevel::kWarning, "video source lost",
          {{"url", shown_}, {"error", error.message}});
    }
  }

  // Returns with a new connection or fails with the last error.
  Result<> Reconnect(Error error, const std::stop_token& stop) {
    for (;; ++attempts_) {
      if (options_.reconnects >= 0 && attempts_ >= options_.reconnects) {
        return Fail(error.code, std::move(error.message));
      }
      const double chance = std::uniform_real_distribution<>()(random_);
      if (!SleepFor(WaitBefore(attempts_, options_.first_wait,
                               options_.last_wait, chance),
                    stop)) {
        return Fail(ErrorCode::kCancelled,
                    "waiting to reconnect to " + shown_ + ": stopped");
      }
      auto stream = connect_(stop);
      if (stream) {
        Accept(std::move(*stream));
        // A stream that opens and gives no frame counts as tried.
        ++attempts_;
        return {};
      }
      error = stream.error();
      SetAway(error.message);
      if (error.code == ErrorCode::kCancelled) {
        return Fail(error.code, std::move(error.message));
      }
    }
  }

  void Accept(std::unique_ptr<StreamSource> stream) {
    stream_ = std::move(stream);
    const auto away = options_.clock->MonotonicTime() - last_at_;
    // At least a millisecond: the clock may stand still.
    if (frames_ > 0) {
      stream_->StartAt(last_time_ + std::max(duration_cast<microseconds>(away),
                                             microseconds(1000)));
    }
    const auto& sound = stream_->info().sound;
    sound_fits_ = info_.sound && sound && IsSameSound(*info_.sound, *sound);
    ++reconnects_;
  }

  std::unique_ptr<StreamSource> stream_;  // Null while lost.
  ConnectStream connect_;
  std::string shown_;
  VideoSourceOptions options_;
  VideoInfo info_;
  int attempts_ = 0;  // Since the last frame.
  bool reported_ = false;
  bool sound_fits_ = true;
  std::vector<SoundPacket> left_sound_;
  microseconds last_time_{};
  std::chrono::steady_clock::time_point last_at_;
  std::mt19937_64 random_;
  std::uint64_t damaged_before_ = 0;  // On connections that are gone.
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> damaged_ = 0;
  std::atomic<std::uint64_t> reconnects_ = 0;
  mutable std::mutex mutex_;
  std::string away_;  // Guarded by mutex_.
};

}  // namespace

std::chrono::milliseconds WaitBefore(int attempt,
                                     std::chrono::milliseconds first,
                                     std::chrono::milliseconds last,
                                     double chance) {
  std::chrono::milliseconds wait = first;
  for (int i = 0; i < attempt && wait < last && wait.count() > 0; ++i) {
    wait = wait < last / 2 ? wait * 2 : last;
  }
  wait = std::min(wait, last);
  return duration_cast<std::chrono::milliseconds>(wait * (0.5 + chance / 2));
}

std::unique_ptr<VideoSource> MakeReconnectingSource(
    std::unique_ptr<StreamSource> first, ConnectStream connect,
    std::string shown, const VideoSourceOptions& options) {
  return std::make_unique<ReconnectingSource>(
      std::move(first), std::move(connect), std::move(shown), options);
}

}  // namespace ocelli
