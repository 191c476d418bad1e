#include "service/live_messages.h"

#include "media/video_source.h"

namespace ocelli {
namespace {

const char* WordOf(LiveVideoStatus::State state) {
  switch (state) {
    case LiveVideoStatus::State::kStarting:
      return "starting";
    case LiveVideoStatus::State::kRunning:
      return "running";
    case LiveVideoStatus::State::kWaiting:
      return "waiting";
    case LiveVideoStatus::State::kEnded:
      return "ended";
    case LiveVideoStatus::State::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

void WriteTrackedFace(const TrackedFace& face, bool mesh, v1::TrackedFace& to) {
  to.set_track(face.track);
  WriteFace(face.face, {.mesh = mesh, .descriptor = false}, *to.mutable_face());
  if (!face.name.empty()) {
    to.mutable_face()->mutable_person()->set_name(face.name);
    to.mutable_face()->mutable_person()->set_similarity(face.similarity);
  }
  to.set_unseen_us(face.unseen_for.count());
  to.set_decided(face.decided);
}

void WriteLiveFrame(const LiveShot& shot, v1::LiveFrame& to) {
  using std::chrono::microseconds;
  to.set_sequence(shot.frame.sequence);
  to.set_time_us(shot.frame.time.count());
  to.set_wall_time_us(std::chrono::duration_cast<microseconds>(
                          shot.frame.wall_time.time_since_epoch())
                          .count());
  to.set_width(shot.frame.pixels.width());
  to.set_height(shot.frame.pixels.height());
  for (const TrackedFace& face : shot.faces) {
    WriteTrackedFace(face, false, *to.add_faces());
  }
}

void WriteLiveVideo(const LiveVideoStatus& status, v1::LiveVideo& to) {
  const LiveVideoSettings& settings = status.settings;
  to.set_name(settings.name);
  to.set_source(WithoutSecrets(settings.source));
  for (const std::string& effect : settings.effects) to.add_effects(effect);
  if (!settings.sink.empty()) to.set_sink(WithoutSecrets(settings.sink));
  to.set_state(WordOf(status.state));
  to.set_error(status.error);
  to.set_width(status.width);
  to.set_height(status.height);
  to.set_frame_rate(status.frame_rate);
  const LiveStatus& counters = status.counters;
  to.set_frames_in(counters.frames_in);
  to.set_frames_out(counters.frames_out);
  to.set_dropped(counters.dropped);
  to.set_reconnects(counters.reconnects);
  to.set_tracks(counters.tracks);
  to.set_faces(static_cast<std::uint32_t>(counters.faces));
  to.set_latency_p50(counters.latency_p50);
  to.set_latency_p99(counters.latency_p99);
  to.set_configured(settings.configured);
}

}  // namespace ocelli
