#include "live/frame_stream.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "core/bounded_queue.h"
#include "core/check.h"
#include "core/work_scope.h"
#include "live/ordered_results.h"
#include "live/session_keeper.h"
#include "live/stream_plan.h"
#include "live/streamed_frame.h"
#include "live/tracker_relay.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;

constexpr int kEncoders = 2;
// Of a frame that has no time of its own, after the one before.
constexpr microseconds kFrameEvery{40'000};
// Beyond it sums of times would not fit.
constexpr microseconds kLastTime = std::chrono::hours(200 * 365 * 24);

// A frame on its way.
struct Job {
  std::uint64_t ticket = 0;
  std::shared_ptr<const StreamPlan> plan;  // Shared by the frames it is of.
  StreamedFrame sent;                      // Without data once decoded.
  microseconds time{};                     // As the client counts.
  Frame frame;
  std::vector<TrackedFace> faces;
  std::optional<Error> error;
};

// What is counted of all streams.
struct StreamMetrics {
  explicit StreamMetrics(MetricsRegistry& metrics)
      : streams(metrics.AddGauge("ocelli_live_streams",
                                 "Streams of frames that clients send.")),
        in_flight(metrics.AddGauge(
            "ocelli_live_stream_frames",
            "Frames of streams that are under way or wait for their client.")),
        frames(metrics.AddCounter("ocelli_live_stream_frames_total",
                                  "Frames of streams that were answered.")),
        bad_frames(metrics.AddCounter("ocelli_live_stream_bad_frames_total",
                                      "Those that were answered by an error.")),
        seconds(metrics.AddHistogram("ocelli_live_stream_seconds",
                                     "From a frame's arrival to its answer.",
                                     LatencyBounds())) {}

  Gauge& streams;
  Gauge& in_flight;
  Counter& frames;
  Counter& bad_frames;
  Histogram& seconds;
};

class Stream final : public FrameStream {
 public:
  Stream(OpenFaceTracker open_tracker, const FrameStreamOptions& options)
      : options_(options),
        own_metrics_(options.metrics ? nullptr
                                     : std::make_unique<MetricsRegistry>()),
        metrics_registry_(options.metrics ? *options.metrics : *own_metrics_),
        metrics_(metrics_registry_),
        planner_(std::move(open_tracker), options),
        sent_(options.in_flight),
        decoded_(options.in_flight),
        tracked_(options.in_flight),
        answers_(options.in_flight) {
    metrics_.streams.Add(1);
  }

  ~Stream() override {
    Abandon({ErrorCode::kCancelled, "the stream of frames ends"});
    threads_.clear();
    if (keeper_) keeper_->End();
    metrics_.in_flight.Add(-static_cast<double>(in_flight_));
    metrics_.streams.Add(-1);
  }

  // Before anything else, once.
  Result<> Begin(const FrameStreamSettings& settings,
                 const std::stop_token& stop) {
    if (auto planned = Configure(settings); !planned) return planned;
    if (options_.sessions && !options_.session.empty()) {
      if (auto taken = TakeSession(stop); !taken) return taken;
    }
    decoding_ = options_.decoders;
    for (int i = 0; i < options_.decoders; ++i) {
      Spawn([this] { Decode(); });
    }
    Spawn([this] { Track(); });
    encoding_ = kEncoders;
    for (int i = 0; i < kEncoders; ++i) {
      Spawn([this] { Encode(); });
    }
    stopping_.emplace(stop, [this] {
      Abandon({ErrorCode::kCancelled, "the stream of frames was stopped"});
    });
    return {};
  }

  Result<> Configure(const FrameStreamSettings& settings) override {
    auto plan = planner_.Plan(settings);
    if (!plan) return plan.Failure();
    plan_ = std::move(*plan);
    return {};
  }

  Result<> Push(StreamedFrame frame) override {
    const auto time = TimeOf(frame);
    if (!time) return time.Failure();
    if (auto room = AwaitRoom(); !room) return room;
    if (!first_time_) first_time_ = *time;
    last_time_ = *time;
    Job job;
    job.ticket = pushed_++;
    job.plan = plan_;
    job.sent = std::move(frame);
    job.time = *time;
    job.frame.sequence = job.ticket;
    job.frame.time = *time - *first_time_;
    job.frame.wall_time = std::chrono::system_clock::now();
    job.frame.decoded_at = std::chrono::steady_clock::now();
    frames_in_.fetch_add(1, std::memory_order_relaxed);
    // There is room: each queue takes what may be in flight.
    sent_.Push(std::move(job));
    return {};
  }

  void Finish() override {
    finished_ = true;
    sent_.Close();
  }

  Result<std::optional<StreamedAnswer>> Pop() override {
    auto answer = answers_.Take();
    const std::lock_guard lock(mutex_);
    if (error_) return tl::unexpected<Error>(*error_);
    if (!answer) return std::nullopt;
    --in_flight_;
    metrics_.in_flight.Add(-1);
    changed_.notify_all();
    return answer;
  }

  std::size_t resumed_tracks() const override { return resumed_tracks_; }

 private:
  template <typename Work>
  void Spawn(Work work) {
    threads_.emplace_back([this, work] {
      const WorkScope scope(options_.client, ending_.get_token());
      work();
    });
  }

  Result<> TakeSession(const std::stop_token& stop) {
    SessionKeeperOptions keeping;
    keeping.name = options_.session;
    keeping.take.owner = options_.client;
    keeping.advice = "remove the session, or begin another one";
    keeper_ = std::make_unique<SessionKeeper>(
        *options_.sessions, std::move(keeping), metrics_registry_);
    auto resumed = keeper_->Own(stop);
    if (!resumed) {
      keeper_.reset();  // Nothing is to be kept of what is not ours.
      return resumed.Failure();
    }
    if (*resumed) {
      SessionState& state = (*resumed)->state;
      before_ = state.counters;
      ++before_.resumed;
      last_track_ = state.tracker.next_id - 1;
      resumed_tracks_ = state.tracker.tracks.size();
      relay_.Resume(std::move(state.tracker), (*resumed)->gap);
    }
    keeper_->Begin([this] { return Counters(); },
                   [this](const Error& error) { Abandon(error); });
    return {};
  }

  SessionCounters Counters() const {
    SessionCounters counters = before_;
    counters.frames_in += frames_in_;
    counters.frames_out += frames_out_;
    counters.damaged += bad_frames_;
    counters.tracks += tracks_;
    counters.next_sequence += frames_in_;
    return counters;
  }

  // The first error stays; everything under way is given up.
  void Abandon(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = error;
      changed_.notify_all();
    }
    ending_.request_stop();
    sent_.Close();
    decoded_.Close();
    tracked_.Close();
    answers_.Close();
  }

  Result<microseconds> TimeOf(const StreamedFrame& frame) const {
    const microseconds time = frame.time    ? *frame.time
                              : first_time_ ? last_time_ + kFrameEvery
                                            : microseconds(0);
    if (time.count() < 0 || time > kLastTime) {
      return Fail(ErrorCode::kInvalidArgument,
                  "frame " + std::to_string(frame.sequence) + ": its time, " +
                      std::to_string(time.count()) +
                      " us, is not within 0 and 200 years");
    }
    if (first_time_ && time <= last_time_) {
      return Fail(ErrorCode::kInvalidArgument,
                  "frame " + std::to_string(frame.sequence) + ": its time, " +
                      std::to_string(time.count()) +
                      " us, is not after that of the frame before, " +
                      std::to_string(last_time_.count()) + " us");
    }
    return time;
  }

  Result<> AwaitRoom() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return error_ || in_flight_ < options_.in_flight; });
    if (error_) return tl::unexpected<Error>(*error_);
    if (finished_) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "a frame after the end of its stream");
    }
    ++in_flight_;
    metrics_.in_flight.Add(1);
    return {};
  }

  void Decode() {
    while (auto job = sent_.Pop(ending_.get_token())) {
      StreamedFrame sent = std::move(job->sent);
      job->sent.sequence = sent.sequence;
      auto pixels = ReadPixels(std::move(sent), options_);
      if (pixels) {
        job->frame.pixels = *std::move(pixels);
      } else {
        job->error = pixels.error();
      }
      const std::uint64_t ticket = job->ticket;
      if (!decoded_.Put(ticket, *std::move(job))) break;
    }
    if (--decoding_ == 0) decoded_.Close();
  }

  void Track() {
    while (auto job = decoded_.Take()) {
      if (ending_.stop_requested()) break;
      if (!job->error && job->plan->tracker) {
        auto faces = relay_.Track(job->plan->tracker, job->frame);
        if (faces) {
          job->faces = *std::move(faces);
          if (keeper_) keeper_->Follow(*job->plan->tracker, job->faces);
          CountTracks(job->faces);
        } else {
          job->error = faces.Failure("looking for faces").value();
        }
      }
      if (!tracked_.Push(*std::move(job))) break;
    }
    tracked_.Close();
  }

  void CountTracks(std::span<const TrackedFace> faces) {
    for (const TrackedFace& face : faces) {
      // Ids grow, so the greatest so far tells which are new.
      if (face.track <= last_track_) continue;
      last_track_ = face.track;
      ++tracks_;
    }
  }

  void Encode() {
    while (true) {
      std::optional<Job> job;
      {
        // Effects see frames in their order, one at a time.
        const std::lock_guard lock(effects_mutex_);
        job = tracked_.Pop(ending_.get_token());
        if (!job) break;
        if (!job->error && job->plan->effects) {
          if (auto done = job->plan->effects->Apply(job->frame, job->faces);
              !done) {
            job->error = done.error();
          }
        }
      }
      StreamedAnswer answer = AnswerOf(*job);
      const auto taken = std::chrono::steady_clock::now();
      metrics_.seconds.Observe(
          std::chrono::duration<double>(taken - job->frame.decoded_at).count());
      metrics_.frames.Add();
      ++frames_out_;
      if (answer.error) {
        metrics_.bad_frames.Add();
        ++bad_frames_;
      }
      if (!answers_.Put(job->ticket, std::move(answer))) break;
    }
    if (--encoding_ == 0) answers_.Close();
  }

  static StreamedAnswer AnswerOf(Job& job) {
    const FrameStreamSettings& settings = job.plan->settings;
    StreamedAnswer answer;
    answer.sequence = job.sent.sequence;
    answer.time = job.time;
    answer.error = std::move(job.error);
    if (!answer.error && settings.pictures) {
      const auto jpeg = EncodeJpeg(job.frame.pixels.view(), settings.quality);
      if (jpeg) {
        answer.picture.assign(reinterpret_cast<const char*>(jpeg->data()),
                              jpeg->size());
      } else {
        answer.error = jpeg.error();
      }
    }
    if (answer.error) return answer;
    answer.width = job.frame.pixels.width();
    answer.height = job.frame.pixels.height();
    if (!settings.faces && !settings.names) return answer;
    answer.faces = std::move(job.faces);
    if (settings.names) return answer;
    for (TrackedFace& face : answer.faces) {
      face.name.clear();
      face.similarity = 0;
      face.decided = false;
    }
    return answer;
  }

  const FrameStreamOptions options_;
  const std::unique_ptr<MetricsRegistry> own_metrics_;
  MetricsRegistry& metrics_registry_;
  const StreamMetrics metrics_;
  std::stop_source ending_;

  // Of the thread that pushes.
  StreamPlanner planner_;
  std::shared_ptr<const StreamPlan> plan_;  // Shared by the frames it is of.
  std::optional<microseconds> first_time_;
  microseconds last_time_{};
  std::uint64_t pushed_ = 0;
  bool finished_ = false;

  // Each as long as frames may be in flight, so that none is ever full.
  BoundedQueue<Job> sent_;
  OrderedResults<Job> decoded_;
  BoundedQueue<Job> tracked_;
  OrderedResults<StreamedAnswer> answers_;
  std::atomic<int> decoding_ = 0, encoding_ = 0;  // Threads not ended.
  std::mutex effects_mutex_;  // Held while waiting for a frame.

  // Of the thread that tracks.
  TrackerRelay relay_;
  std::int64_t last_track_ = 0;

  std::unique_ptr<SessionKeeper> keeper_;  // Null: nothing is kept.
  SessionCounters before_;
  std::size_t resumed_tracks_ = 0;
  std::atomic<std::uint64_t> frames_in_ = 0, frames_out_ = 0, bad_frames_ = 0,
                             tracks_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::size_t in_flight_ = 0;
  std::optional<Error> error_;

  std::vector<std::jthread> threads_;
  std::optional<std::stop_callback<std::function<void()>>> stopping_;
};

}  // namespace

Result<std::unique_ptr<FrameStream>> FrameStream::Open(
    OpenFaceTracker open_tracker, const FrameStreamSettings& settings,
    const FrameStreamOptions& options, const std::stop_token& stop) {
  OCELLI_CHECK(options.in_flight > 0 && options.decoders > 0);
  auto stream = std::make_unique<Stream>(std::move(open_tracker), options);
  if (auto begun = stream->Begin(settings, stop); !begun) {
    return begun.Failure();
  }
  return stream;
}

Result<std::unique_ptr<FrameStream>> FrameStream::Open(
    const ModelStore& models, const Gallery* gallery,
    const FrameStreamSettings& settings, const FrameStreamOptions& options,
    const std::stop_token& stop) {
  return Open(
      [&models, gallery](const FaceTrackerOptions& tracker) {
        return FaceTracker::Open(models, gallery, tracker);
      },
      settings, options, stop);
}

}  // namespace ocelli
