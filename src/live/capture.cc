#include "live/capture.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/bounded_queue.h"
#include "core/check.h"
#include "live/encoded_frame.h"
#include "live/ordered_results.h"
#include "live/picture_capture.h"
#include "media/picture_folder.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;

// Frames between two threads: each is as large as its pixels.
constexpr std::size_t kQueue = 2, kLiveQueue = 1;
// Where faces are looked for, frames come while models open.
constexpr std::size_t kFaceQueue = 8;

// So far a camera whose network holds what is not read yet may fall behind
// before frames are dropped: compressed they wait in less memory.
constexpr std::chrono::seconds kMostBehind{1};
// Clocks of cameras are less wrong than one part in so many.
constexpr int kClockDrift = 1000;

// Over TCP nothing is lost by reading late.
bool WaitsUnread(const CaptureOptions& options) {
  using Transport = VideoSourceOptions::RtspTransport;
  const std::string& source = options.source;
  return source.starts_with("rtmp") ||
         (source.starts_with("rtsp") &&
          options.source_options.rtsp_transport != Transport::kUdp);
}

int Processors() {
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

class VideoCapture final : public Capture {
 public:
  VideoCapture(CaptureOptions options, std::unique_ptr<VideoSource> source,
               std::unique_ptr<FaceTracker> tracker)
      : options_(std::move(options)),
        source_(std::move(source)),
        tracker_(std::move(tracker)),
        live_(source_->info().live && !source_->info().kept),
        waits_unread_(WaitsUnread(options_)),
        selector_(options_.selection),
        encoders_(options_.encoders > 0 ? options_.encoders
                  : live_               ? 1
                                        : std::min(Processors(), 8)),
        read_(kFaceQueue),
        chosen_(live_ ? kLiveQueue : kQueue),
        encoded_(static_cast<std::size_t>(encoders_) + 1) {}

  const VideoInfo& input() const override { return source_->info(); }

  Result<> Run(Archiver& archiver, std::stop_token stop,
               const CaptureBefore& before) override {
    if (options_.max_frames > 0) {
      if (before.frames >= options_.max_frames) return {};
      frames_left_ = options_.max_frames - before.frames;
    }
    skip_through_ = before.through;
    // Ends reading only; what was read goes all the way.
    const std::stop_callback forward(stop, [this] { ending_.request_stop(); });
    std::jthread reading([this] { Read(); });
    std::jthread choosing;
    if (tracker_) choosing = std::jthread([this] { Choose(); });
    encoding_ = encoders_;
    std::vector<std::jthread> encoders;
    for (int i = 0; i < encoders_; ++i) {
      encoders.emplace_back([this] { Encode(); });
    }
    Deliver(archiver, stop);
    reading.join();
    if (tracker_) choosing.join();
    encoders.clear();
    const std::lock_guard lock(mutex_);
    if (error_) return tl::unexpected<Error>(*error_);
    return {};
  }

  CaptureStatus status() const override {
    const SourceCounters counters = source_->counters();
    const std::lock_guard lock(mutex_);
    CaptureStatus status = status_;
    status.damaged = counters.damaged;
    status.reconnects = counters.reconnects;
    return status;
  }

 private:
  // Everything under way is given up.
  void Abandon() {
    ending_.request_stop();
    read_.Close();
    chosen_.Close();
    encoded_.Close();
  }

  // The first error stays.
  void Abandon(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = error;
    }
    Abandon();
  }

  void Count(std::uint64_t CaptureStatus::*counter) {
    const std::lock_guard lock(mutex_);
    ++(status_.*counter);
  }

  // Files wait for room, and so does what is not far behind; else of a live
  // source what waited longest goes.
  bool PushTo(BoundedQueue<Frame>& queue, Frame frame, bool behind) {
    if (!live_ || !behind) return queue.Push(std::move(frame));
    if (queue.PushDroppingOldest(std::move(frame)) &&
        !ending_.stop_requested()) {
      Count(&CaptureStatus::late);
    }
    return true;
  }

  // By how much decoding lags behind media time, more than it did at its best.
  bool IsBehind(const Frame& frame) {
    const auto lag = frame.decoded_at.time_since_epoch() - frame.time;
    if (least_lag_) {
      *least_lag_ += (frame.time - last_time_) / kClockDrift;
    }
    last_time_ = frame.time;
    if (!least_lag_ || lag < *least_lag_) least_lag_ = lag;
    return lag - *least_lag_ > kMostBehind;
  }

  void Read() {
    std::optional<microseconds> first;
    bool behind = false;
    while (!ending_.stop_requested()) {
      // A frame in hand is one more in memory.
      if (waits_unread_ && !tracker_ && !behind) {
        chosen_.AwaitRoom(ending_.get_token());
      }
      auto next = source_->Next(ending_.get_token());
      if (!next) {
        // Asked to stop while waiting for a camera.
        if (next.error().code != ErrorCode::kCancelled) Abandon(next.error());
        break;
      }
      if (!*next) break;
      Frame& frame = (*next)->frame;
      if (!first) first = frame.time;
      if (options_.max_duration.count() > 0 &&
          frame.time - *first >= options_.max_duration) {
        break;
      }
      Count(&CaptureStatus::frames_in);
      behind = !waits_unread_ || IsBehind(frame);
      if (!(tracker_ ? PushTo(read_, std::move(frame), behind)
                     : ChooseOne(std::move(frame), behind))) {
        break;
      }
    }
    read_.Close();
    if (!tracker_) chosen_.Close();
  }

  void Choose() {
    while (auto frame = read_.Pop()) {
      // What waits here holds up the queue before, which is seen to.
      if (!ChooseOne(*std::move(frame), !waits_unread_)) break;
    }
    read_.Close();
    chosen_.Close();
  }

  // False: no more.
  bool ChooseOne(Frame frame, bool behind) {
    const auto wanted = Wants(frame);
    if (!wanted) {
      Abandon(wanted.error());
      return false;
    }
    if (!*wanted) return true;
    Count(&CaptureStatus::chosen);
    if (!PushTo(chosen_, std::move(frame), behind)) return false;
    // Late ones of a live source do not count; Deliver() sees to it.
    if (live_ || ++chosen_count_ != frames_left_) return true;
    ending_.request_stop();
    return false;
  }

  Result<bool> Wants(const Frame& frame) {
    if (!selector_.IsDue(frame.time)) return false;
    const bool skipped = skip_through_ && frame.time <= *skip_through_;
    if (tracker_ && !skipped) {
      const auto faces = tracker_->Track(frame);
      if (!faces) return faces.Failure("looking for faces");
      if (std::none_of(faces->begin(), faces->end(),
                       [](const TrackedFace& face) { return face.seen(); })) {
        return false;
      }
    }
    // What was archived already is chosen again, so that the choice goes on as
    // it would have.
    return selector_.Wants(frame) && !skipped;
  }

  void Encode() {
    while (true) {
      std::optional<Frame> frame;
      std::uint64_t ticket = 0;
      {
        const std::lock_guard lock(ticket_mutex_);
        frame = chosen_.Pop();
        ticket = next_ticket_++;
      }
      if (!frame) break;
      auto encoded =
          EncodeFrame(*frame, options_.quality.value_or(kDefaultQuality),
                      options_.max_side);
      frame.reset();
      if (!encoded_.Put(ticket, std::move(encoded))) break;
    }
    if (--encoding_ == 0) encoded_.Close();
  }

  void Deliver(Archiver& archiver, const std::stop_token& stop) {
    std::uint64_t added = 0;
    while (auto encoded = encoded_.Take()) {
      if (!*encoded) return Abandon(encoded->error());
      if (const auto done = archiver.Add((*encoded)->ToAdd(), stop); !done) {
        // Asked to stop while waiting for room: the frame is not taken.
        if (stop.stop_requested()) return Abandon();
        return Abandon(done.error());
      }
      {
        const std::lock_guard lock(mutex_);
        ++status_.added;
        if (!status_.first_taken) status_.first_taken = (*encoded)->taken;
      }
      if (++added == frames_left_) return Abandon();
    }
  }

  const CaptureOptions options_;
  const std::unique_ptr<VideoSource> source_;
  const std::unique_ptr<FaceTracker> tracker_;  // Null: faces do not matter.
  const bool live_;                             // Late frames are dropped,
  const bool waits_unread_;                     // but only very late ones.
  // Of the thread that chooses.
  FrameSelector selector_;
  std::uint64_t chosen_count_ = 0;
  // Of the thread that reads.
  std::optional<std::chrono::nanoseconds> least_lag_;
  microseconds last_time_{};
  const int encoders_;
  std::uint64_t frames_left_ = 0;  // 0: no limit.
  std::optional<microseconds> skip_through_;
  std::stop_source ending_;
  BoundedQueue<Frame> read_, chosen_;
  OrderedResults<Result<EncodedFrame>> encoded_;
  std::atomic<int> encoding_ = 0;  // Encoders that have not ended.

  std::mutex ticket_mutex_;        // Held while waiting for a frame.
  std::uint64_t next_ticket_ = 0;  // Guarded by ticket_mutex_.

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  CaptureStatus status_;
  std::optional<Error> error_;
};

// The file or folder that `source` names; empty where it is something else.
std::string PathOf(const std::string& source) {
  std::error_code error;
  if (std::filesystem::exists(source, error)) return source;
  constexpr std::string_view kFile = "file:";
  return source.starts_with(kFile) ? source.substr(kFile.size()) : "";
}

}  // namespace

Result<std::unique_ptr<Capture>> Capture::Open(CaptureOptions options,
                                               const ModelStore* models,
                                               const std::stop_token& stop) {
  if (options.quality && (*options.quality < 1 || *options.quality > 100)) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "quality " + std::to_string(*options.quality) + ": want 1 to 100");
  }
  const std::string path = PathOf(options.source);
  const bool pictures = !path.empty() && HoldsPictures(path);
  std::unique_ptr<FaceTracker> tracker;
  if (options.faces) {
    // Pictures of a folder need not follow from each other.
    if (pictures) options.tracker.detect_every = {};
    OCELLI_CHECK(models);
    auto opened = FaceTracker::Open(*models, nullptr, options.tracker);
    if (!opened) return opened.Failure();
    tracker = std::move(*opened);
  }
  if (pictures) {
    return OpenPictureCapture(path, std::move(options), std::move(tracker),
                              stop);
  }
  options.source_options.sound = false;
  if (!path.empty()) {
    options.source_options.decoder_threads = std::min(Processors(), 8);
  }
  auto source = VideoSource::Open(options.source, options.source_options, stop);
  if (!source) return source.Failure();
  return Of(std::move(*source), std::move(options), std::move(tracker));
}

std::unique_ptr<Capture> Capture::Of(std::unique_ptr<VideoSource> source,
                                     CaptureOptions options,
                                     std::unique_ptr<FaceTracker> tracker) {
  return std::make_unique<VideoCapture>(std::move(options), std::move(source),
                                        std::move(tracker));
}

}  // namespace ocelli
