#include "media/repeating_source.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

namespace ocelli {
namespace {

using std::chrono::microseconds;

class RepeatingSource final : public VideoSource {
 public:
  RepeatingSource(std::unique_ptr<VideoSource> first, OpenAgain again)
      : again_(std::move(again)),
        info_(first->info()),
        source_(std::move(first)) {
    info_.duration.reset();
    info_.sound.reset();
    if (info_.frame_rate > 0) {
      step_ = microseconds(
          std::max<std::int64_t>(1, std::llround(1e6 / info_.frame_rate)));
    }
  }

  const VideoInfo& info() const override { return info_; }

  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override {
    while (true) {
      auto next = source_->Next(stop);
      if (!next) return next;
      if (*next) return Taken(std::move(**next));
      if (!any_) return std::nullopt;
      auto again = again_(stop);
      if (!again) return again.Failure();
      Begin(std::move(*again));
    }
  }

  std::vector<SoundPacket> TakeSound() override { return {}; }

  SourceCounters counters() const override {
    const std::lock_guard lock(mutex_);
    SourceCounters counters = source_->counters();
    counters.frames += before_.frames;
    counters.damaged += before_.damaged;
    return counters;
  }

 private:
  SourceFrame Taken(SourceFrame next) {
    next.sound.clear();
    next.frame.sequence = sequence_++;
    next.frame.time += begin_;
    if (any_ && next.frame.time > last_) step_ = next.frame.time - last_;
    last_ = next.frame.time;
    any_ = true;
    return next;
  }

  void Begin(std::unique_ptr<VideoSource> source) {
    any_ = false;
    begin_ = last_ + step_;
    const std::lock_guard lock(mutex_);
    const SourceCounters counters = source_->counters();
    before_.frames += counters.frames;
    before_.damaged += counters.damaged;
    source_ = std::move(source);
  }

  const OpenAgain again_;
  VideoInfo info_;
  std::uint64_t sequence_ = 0;
  microseconds begin_{};       // Of this round.
  microseconds last_{};        // Time of the last frame.
  microseconds step_{40'000};  // Between the last two.
  bool any_ = false;           // Frames came in this round.

  mutable std::mutex mutex_;
  // Guarded by mutex_, where another thread reads.
  std::unique_ptr<VideoSource> source_;
  SourceCounters before_;  // Of rounds before.
};

}  // namespace

std::unique_ptr<VideoSource> MakeRepeatingSource(
    std::unique_ptr<VideoSource> first, OpenAgain again) {
  return std::make_unique<RepeatingSource>(std::move(first), std::move(again));
}

}  // namespace ocelli
