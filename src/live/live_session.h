#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "effects/effect.h"
#include "faces/face_tracker.h"
#include "faces/gallery.h"
#include "live/session_keeper.h"
#include "media/video_sink.h"
#include "media/video_source.h"
#include "metrics/metrics.h"
#include "models/model_store.h"

namespace ocelli {

// The effects of effects/ and those that need another room.
void AddAllEffects(EffectRegistry& registry);

// Often and thoroughly: a face may be shown until it is found and hidden.
void SearchToHide(FaceTrackerOptions& options);

struct LiveOptions {
  std::string source;                 // As VideoSource::Open() takes it.
  std::vector<ChosenEffect> effects;  // In the order in which they apply.
  EffectContext effect_context;
  std::string sink;  // As VideoSink::Open() takes it; empty: no video.
  VideoSourceOptions source_options;
  VideoSinkOptions sink_options;  // low_latency is set by source and sink.
  // identify is set where an effect or `names` asks for it; effects that hide
  // faces have searches made often and thoroughly.
  FaceTrackerOptions tracker;
  bool analyze = false;  // Track faces though no effect needs them.
  bool names = false;    // And say who they are.
  // Without sink and effects only frames this far apart are looked at.
  std::uint64_t max_frames = 0;               // 0: all.
  std::chrono::microseconds max_duration{0};  // Media time; 0: all.
  // Goes on with what this knows, which outlives the session; null: nothing is
  // kept. Frames' numbers go on too, without any that came before.
  SessionKeeper* keeper = nullptr;
  // Called for every frame in its order, from the thread of Run().
  std::function<Result<>(const Frame& frame,
                         std::span<const TrackedFace> faces)>
      on_frame;
  // Before that, from the same thread, where a face was described in a frame:
  // as it was before effects, and the face with its descriptor and quality.
  // Faces are described for this though nobody asks for names.
  std::function<void(const Frame& frame, const TrackedFace& face)> on_described;
  std::string client;  // WorkScope of its threads; Run()'s has its own.
};

// What Run() did so far. Times in seconds.
struct LiveStatus {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t dropped = 0;  // Late frames of a live source.
  std::uint64_t skipped = 0;  // Not looked at, since analyze_every said so.
  std::uint64_t damaged = 0;
  std::uint64_t reconnects = 0;
  std::string away;          // Why a live source has no connection.
  std::uint64_t tracks = 0;  // Faces followed since the start.
  std::size_t faces = 0;     // In the last frame.
  double seconds = 0;        // Since Run() began.
  double media_seconds = 0;  // Of the last frame that came out.
  double latency_p50 = 0;    // From decoded to written.
  double latency_p95 = 0;
  double latency_p99 = 0;
  double decode = 0;  // Time spent in each stage, all frames.
  double track = 0;
  double effects = 0;
  double encode = 0;
  std::size_t waiting_to_track = 0;  // Frames in the queues.
  std::size_t waiting_for_effects = 0;
  std::size_t waiting_to_encode = 0;
  std::string session_name;  // Empty: nothing is kept.
  SessionCounters session;   // With what processes before counted.
};

// One video from its source through faces and effects to its sink. Decoding,
// faces, effects and encoding each have a thread, joined by short queues. Late
// frames of a live source are dropped before faces are looked for; those of a
// file wait. Likewise at the end, while a kept session is not surely ours.
class LiveSession {
 public:
  // Opens the source, waits for the kept session to be ours, and opens the
  // sink. `gallery` (may be null) and `metrics`
  // outlive the session; `models` need not.
  static Result<std::unique_ptr<LiveSession>> Open(LiveOptions options,
                                                   const ModelStore& models,
                                                   const Gallery* gallery,
                                                   MetricsRegistry& metrics,
                                                   const std::stop_token& stop);
  virtual ~LiveSession() = default;

  // To the end of the source, the limits, or until `stop` is requested; then
  // frames under way are finished and the sink's file is ended. Once.
  // kFailedPrecondition: another process took the session; nothing was written
  // since this one knew.
  virtual Result<> Run(std::stop_token stop) = 0;

  virtual LiveStatus status() const = 0;  // From any thread.
  virtual const VideoInfo& input() const = 0;
  virtual std::string encoder() const = 0;  // Empty without sink.
};

}  // namespace ocelli
