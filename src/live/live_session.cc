#include "live/live_session.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/bounded_queue.h"
#include "core/work_scope.h"
#include "live/filter_effect.h"
#include "live/latency.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

// Long enough to even out a slow frame, short enough to stay near to live.
constexpr std::size_t kQueue = 3;
// Before faces: what comes while models open, or while a picture is searched.
constexpr std::size_t kFirstQueue = 10;

// More than can have come out since the last state was kept: frames of a
// session never have the same number.
constexpr std::uint64_t kSequenceGap = 10'000;

struct Shot {
  Frame frame;
  std::vector<TrackedFace> faces;
  // A face that was described, and in what.
  std::optional<std::pair<Frame, TrackedFace>> described;
};

double Seconds(steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// What one session adds to a gauge that several share. Thread-safe.
class GaugeShare {
 public:
  explicit GaugeShare(Gauge& gauge) : gauge_(gauge) {}
  ~GaugeShare() { Set(0); }
  GaugeShare(const GaugeShare&) = delete;
  GaugeShare& operator=(const GaugeShare&) = delete;

  void Set(std::size_t value) {
    const auto now = static_cast<std::int64_t>(value);
    gauge_.Add(static_cast<double>(now - share_.exchange(now)));
  }

 private:
  Gauge& gauge_;
  std::atomic<std::int64_t> share_ = 0;
};

// One step of the way: how long it took, in status and metrics.
struct Stage {
  Stage(MetricsRegistry& metrics, const std::string& name)
      : histogram(metrics.AddHistogram("ocelli_live_stage_seconds",
                                       "Time a frame spends in a stage.",
                                       LatencyBounds(), {{"stage", name}})),
        queue(metrics.AddGauge("ocelli_live_queue_frames",
                               "Frames that wait for a stage, of all videos.",
                               {{"stage", name}})) {}

  Histogram& histogram;
  GaugeShare queue;
};

class Session final : public LiveSession {
 public:
  Session(LiveOptions options, std::unique_ptr<VideoSource> source,
          std::unique_ptr<FaceTracker> tracker,
          std::vector<std::unique_ptr<Effect>> effects,
          std::unique_ptr<VideoSink> sink,
          const std::optional<SessionState>& before, MetricsRegistry& metrics)
      : options_(std::move(options)),
        keeper_(options_.keeper),
        source_(std::move(source)),
        tracker_(std::move(tracker)),
        effects_(std::move(effects)),
        sink_(std::move(sink)),
        live_(source_->info().live && !source_->info().kept),
        decoded_(kFirstQueue),
        tracked_(kQueue),
        finished_(kQueue),
        decode_stage_(metrics, "decode"),
        track_stage_(metrics, "track"),
        effect_stage_(metrics, "effects"),
        encode_stage_(metrics, "encode"),
        frames_in_(metrics.AddCounter("ocelli_live_frames_in_total",
                                      "Frames decoded.")),
        frames_out_(metrics.AddCounter("ocelli_live_frames_out_total",
                                       "Frames analysed or written.")),
        dropped_(metrics.AddCounter("ocelli_live_frames_dropped_total",
                                    "Late frames of live sources.")),
        latency_metric_(metrics.AddHistogram("ocelli_live_latency_seconds",
                                             "From decoded to written.",
                                             LatencyBounds())) {
    if (!before) return;
    before_ = before->counters;
    ++before_.resumed;
    first_sequence_ =
        before_.next_sequence + (before->ended ? 0 : kSequenceGap);
    next_sequence_ = first_sequence_;
    last_track_ = before->tracker.next_id - 1;
  }

  Result<> Run(std::stop_token stop) override {
    started_ = steady_clock::now();
    if (keeper_) {
      keeper_->Begin([this] { return status().session; },
                     [this](const Error& error) { Abandon(error); });
    }
    {
      const std::lock_guard lock(mutex_);
      running_ = true;
    }
    // Ends reading only; what was read goes all the way.
    const std::stop_callback forward(stop, [this] { ending_.request_stop(); });
    std::jthread decoding([this] {
      const WorkScope scope(options_.client, abandoned_.get_token());
      Decode();
    });
    std::jthread tracking([this] {
      const WorkScope scope(options_.client, abandoned_.get_token());
      Work(decoded_, tracked_, track_stage_, &LiveStatus::track,
           [this](Shot& shot) { return TrackFaces(shot); });
    });
    std::jthread effecting([this] {
      const WorkScope scope(options_.client, abandoned_.get_token());
      Work(tracked_, finished_, effect_stage_, &LiveStatus::effects,
           [this](Shot& shot) { return ApplyEffects(shot); });
    });
    Emit();
    decoding.join();
    tracking.join();
    effecting.join();
    // What another process writes by now is not to be ended here.
    if (sink_ && (!keeper_ || keeper_->MayWrite())) {
      Result<> ended = sink_->WriteSound(SoundUntil(std::nullopt));
      if (ended) ended = sink_->Finish();
      if (!ended) Abandon(ended.error());
    }
    if (keeper_) keeper_->End();
    const std::lock_guard lock(mutex_);
    running_ = false;
    status_.seconds = Seconds(steady_clock::now() - started_);
    if (error_) return tl::unexpected<Error>(*error_);
    return {};
  }

  LiveStatus status() const override {
    const std::lock_guard lock(mutex_);
    LiveStatus status = status_;
    const SourceCounters counters = source_->counters();
    status.damaged = counters.damaged;
    status.reconnects = counters.reconnects;
    status.away = counters.away;
    if (running_) status.seconds = Seconds(steady_clock::now() - started_);
    const auto percentile = [&](double share) {
      return std::chrono::duration<double>(latencies_.Percentile(share))
          .count();
    };
    status.latency_p50 = percentile(.5);
    status.latency_p95 = percentile(.95);
    status.latency_p99 = percentile(.99);
    status.waiting_to_track = decoded_.size();
    status.waiting_for_effects = tracked_.size();
    status.waiting_to_encode = finished_.size();
    if (keeper_) status.session_name = keeper_->name();
    status.session = {before_.frames_in + status.frames_in,
                      before_.frames_out + status.frames_out,
                      before_.dropped + status.dropped,
                      before_.skipped + status.skipped,
                      before_.damaged + status.damaged,
                      before_.reconnects + status.reconnects,
                      before_.tracks + status.tracks,
                      next_sequence_,
                      before_.resumed};
    return status;
  }

  const VideoInfo& input() const override { return source_->info(); }
  std::string encoder() const override {
    return sink_ ? sink_->encoder() : std::string();
  }

 private:
  // The first error stays; everything under way is given up.
  void Abandon(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
    ending_.request_stop();
    abandoned_.request_stop();
    decoded_.Close();
    tracked_.Close();
    finished_.Close();
  }

  void Count(double LiveStatus::*stage_seconds, Stage& stage,
             steady_clock::time_point begun) {
    const double seconds = Seconds(steady_clock::now() - begun);
    stage.histogram.Observe(seconds);
    const std::lock_guard lock(mutex_);
    status_.*stage_seconds += seconds;
  }

  void Decode() {
    const bool only_analysis = !sink_ && effects_.empty();
    std::uint64_t taken = 0;
    std::optional<microseconds> first, looked_at;
    while (!ending_.stop_requested()) {
      const auto begun = steady_clock::now();
      auto next = source_->Next(ending_.get_token());
      if (!next) {
        // Asked to stop while waiting for a camera.
        if (next.error().code != ErrorCode::kCancelled) Abandon(next.error());
        break;
      }
      if (!*next) break;
      if (!live_) Count(&LiveStatus::decode, decode_stage_, begun);
      Frame& frame = (*next)->frame;
      frame.sequence += first_sequence_;
      if (!first) first = frame.time;
      if (options_.max_duration.count() > 0 &&
          frame.time - *first >= options_.max_duration) {
        break;
      }
      KeepSound(std::move((*next)->sound));
      frames_in_.Add();
      const microseconds time = frame.time;
      {
        const std::lock_guard lock(mutex_);
        ++status_.frames_in;
        if (only_analysis && looked_at &&
            time - *looked_at < options_.tracker.analyze_every) {
          ++status_.skipped;
          continue;
        }
      }
      looked_at = time;
      Shot shot{std::move(frame), {}, {}};
      if (live_) {
        if (decoded_.PushDroppingOldest(std::move(shot)) &&
            !ending_.stop_requested()) {
          dropped_.Add();
          const std::lock_guard lock(mutex_);
          ++status_.dropped;
        }
      } else if (!decoded_.Push(std::move(shot), ending_.get_token())) {
        break;
      }
      track_stage_.queue.Set(decoded_.size());
      if (options_.max_frames > 0 && ++taken >= options_.max_frames) break;
    }
    if (!abandoned_.stop_requested()) KeepSound(source_->TakeSound());
    decoded_.Close();
  }

  template <typename Step>
  void Work(BoundedQueue<Shot>& from, BoundedQueue<Shot>& to, Stage& stage,
            double LiveStatus::*stage_seconds, Step step) {
    while (auto shot = from.Pop()) {
      const auto begun = steady_clock::now();
      if (const Result<> done = step(*shot); !done) {
        Abandon(done.error());
        break;
      }
      Count(stage_seconds, stage, begun);
      stage.queue.Set(from.size());
      if (!to.Push(std::move(*shot))) break;
    }
    to.Close();
  }

  Result<> TrackFaces(Shot& shot) {
    if (!tracker_) return {};
    auto faces = tracker_->Track(shot.frame);
    if (!faces) return faces.Failure("looking for faces");
    shot.faces = std::move(*faces);
    if (options_.on_described) {
      if (auto face = tracker_->TakeDescribed()) {
        shot.described.emplace(shot.frame, *std::move(face));
      }
    }
    if (keeper_) keeper_->Follow(*tracker_, shot.faces);
    return {};
  }

  Result<> ApplyEffects(Shot& shot) {
    for (std::size_t i = 0; i < effects_.size(); ++i) {
      if (const auto done = effects_[i]->Apply(shot.frame, shot.faces); !done) {
        return done.Failure("effect " +
                            std::string(options_.effects[i].kind->name));
      }
    }
    return {};
  }

  void Emit() {
    while (auto shot = finished_.Pop()) {
      if (keeper_ && !AwaitWrite(*shot)) continue;
      const auto begun = steady_clock::now();
      if (const Result<> done = EmitOne(*shot); !done) {
        Abandon(done.error());
        return;
      }
      const auto now = steady_clock::now();
      Count(&LiveStatus::encode, encode_stage_, begun);
      encode_stage_.queue.Set(finished_.size());
      latency_metric_.Observe(Seconds(now - shot->frame.decoded_at));
      frames_out_.Add();
      const std::lock_guard lock(mutex_);
      latencies_.Add(now - shot->frame.decoded_at);
      ++status_.frames_out;
      next_sequence_ = shot->frame.sequence + 1;
      status_.media_seconds =
          std::chrono::duration<double>(shot->frame.time).count();
      status_.faces = static_cast<std::size_t>(
          std::count_if(shot->faces.begin(), shot->faces.end(),
                        [](const TrackedFace& face) { return face.seen(); }));
      for (const TrackedFace& face : shot->faces) {
        // Ids grow, so the greatest so far tells which are new.
        if (face.track > last_track_) {
          last_track_ = face.track;
          ++status_.tracks;
        }
      }
    }
  }

  // Whether the session is ours, so that the frame may go out; it is dropped
  // otherwise, with its sound.
  bool AwaitWrite(const Shot& shot) {
    if (keeper_->MayWrite() ||
        (!live_ && keeper_->AwaitWrite(ending_.get_token()))) {
      return true;
    }
    SoundUntil(shot.frame.time);
    keeper_->CountWithheld();
    dropped_.Add();
    const std::lock_guard lock(mutex_);
    ++status_.dropped;
    return false;
  }

  Result<> EmitOne(const Shot& shot) {
    if (shot.described) {
      options_.on_described(shot.described->first, shot.described->second);
    }
    if (options_.on_frame) {
      if (auto told = options_.on_frame(shot.frame, shot.faces); !told) {
        return told;
      }
    }
    if (!sink_) return {};
    return sink_->Write({shot.frame, SoundUntil(shot.frame.time)});
  }

  // Sound has its own way to the sink, so that none goes with a dropped frame.
  void KeepSound(std::vector<SoundPacket> sound) {
    if (!sink_) return;
    const std::lock_guard lock(mutex_);
    std::move(sound.begin(), sound.end(), std::back_inserter(sound_));
  }

  // What is to be heard until then; all of it without a time.
  std::vector<SoundPacket> SoundUntil(std::optional<microseconds> time) {
    const std::lock_guard lock(mutex_);
    std::vector<SoundPacket> sound;
    while (!sound_.empty() && (!time || sound_.front().time <= *time)) {
      sound.push_back(std::move(sound_.front()));
      sound_.pop_front();
    }
    return sound;
  }

  const LiveOptions options_;
  SessionKeeper* const keeper_;  // Null: nothing is kept.
  // What processes before this one counted.
  SessionCounters before_;
  std::uint64_t first_sequence_ = 0;
  const std::unique_ptr<VideoSource> source_;
  const std::unique_ptr<FaceTracker> tracker_;  // Null: faces do not matter.
  const std::vector<std::unique_ptr<Effect>> effects_;
  const std::unique_ptr<VideoSink> sink_;  // Null: no video comes out.
  const bool live_;                        // Whether late frames are dropped.
  std::stop_source ending_;                // No more is read.
  std::stop_source abandoned_;             // And what is under way is given up.
  BoundedQueue<Shot> decoded_, tracked_, finished_;
  Stage decode_stage_, track_stage_, effect_stage_, encode_stage_;
  Counter& frames_in_;
  Counter& frames_out_;
  Counter& dropped_;
  Histogram& latency_metric_;
  steady_clock::time_point started_;
  std::int64_t last_track_ = 0;  // Of the thread of Run().

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool running_ = false;
  LiveStatus status_;
  std::uint64_t next_sequence_ = 0;
  LatencyHistogram latencies_;
  std::deque<SoundPacket> sound_;
  std::optional<Error> error_;
};

EffectNeed NeedOf(const LiveOptions& options) {
  EffectNeed need = options.names     ? EffectNeed::kNames
                    : options.analyze ? EffectNeed::kFaces
                                      : EffectNeed::kNothing;
  for (const ChosenEffect& effect : options.effects) {
    need = std::max(need, effect.need());
  }
  return need;
}

}  // namespace

void AddAllEffects(EffectRegistry& registry) {
  AddBuiltinEffects(registry);
  registry.Add(FilterKind());
}

void SearchToHide(FaceTrackerOptions& options) {
  constexpr std::chrono::milliseconds kAtLeastEvery{200};
  options.thorough = true;
  options.detect_every = std::min(options.detect_every, kAtLeastEvery);
}

Result<std::unique_ptr<LiveSession>> LiveSession::Open(
    LiveOptions options, const ModelStore& models, const Gallery* gallery,
    MetricsRegistry& metrics, const std::stop_token& stop) {
  // What costs least and fails most often first.
  std::vector<std::unique_ptr<Effect>> effects;
  for (const ChosenEffect& chosen : options.effects) {
    auto effect = chosen.Make(options.effect_context);
    if (!effect) {
      return effect.Failure("effect " + std::string(chosen.kind->name));
    }
    effects.push_back(std::move(*effect));
  }
  const EffectNeed need = NeedOf(options);
  std::unique_ptr<FaceTracker> tracker;
  if (need != EffectNeed::kNothing) {
    if (std::any_of(options.effects.begin(), options.effects.end(),
                    [](const ChosenEffect& effect) {
                      return effect.kind->hides_faces;
                    })) {
      SearchToHide(options.tracker);
    }
    options.tracker.identify = need == EffectNeed::kNames && gallery;
    options.tracker.describe =
        options.keeper != nullptr || options.on_described;
    auto opened = FaceTracker::Open(models, gallery, options.tracker);
    if (!opened) return opened.Failure();
    tracker = std::move(*opened);
  }
  options.source_options.sound &= !options.sink.empty();
  auto source = VideoSource::Open(options.source, options.source_options, stop);
  if (!source) return source.Failure();
  std::optional<SessionState> before;
  if (options.keeper) {
    auto resumed = options.keeper->Own(stop);
    if (!resumed) return resumed.Failure();
    if (*resumed) {
      before = std::move((*resumed)->state);
      if (tracker) tracker->Restore(before->tracker, (*resumed)->gap);
    }
  }
  std::unique_ptr<VideoSink> sink;
  if (!options.sink.empty()) {
    const VideoInfo& info = (*source)->info();
    FrameSize size = {info.width, info.height};
    for (const ChosenEffect& chosen : options.effects) {
      size = chosen.OutputSize(size);
    }
    VideoFormat format{size.width, size.height, 25, info.sound};
    if (info.frame_rate > 0) format.frame_rate = info.frame_rate;
    // Somebody waits for what a camera shows and for what is pushed.
    options.sink_options.low_latency =
        info.live || options.sink.find("://") != options.sink.npos;
    auto opened =
        VideoSink::Open(options.sink, format, options.sink_options, stop);
    if (!opened) return opened.Failure();
    sink = std::move(*opened);
  }
  return std::make_unique<Session>(std::move(options), std::move(*source),
                                   std::move(tracker), std::move(effects),
                                   std::move(sink), before, metrics);
}

}  // namespace ocelli
