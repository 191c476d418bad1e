#include "cli/live_watch.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <utility>

#include "cli/command.h"
#include "core/file.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

double Rounded(double value, double per_unit) {
  return std::round(value * per_unit) / per_unit;
}

std::string StatusLine(const LiveStatus& status, double fps) {
  char text[256];
  std::snprintf(
      text, sizeof(text),
      "%7.1f s  %llu frames  %5.1f fps  %zu face%s  latency %.0f ms  "
      "dropped %llu  queues %zu/%zu/%zu",
      status.media_seconds, static_cast<unsigned long long>(status.frames_out),
      fps, status.faces, status.faces == 1 ? "" : "s",
      status.latency_p50 * 1000,
      static_cast<unsigned long long>(status.dropped), status.waiting_to_track,
      status.waiting_for_effects, status.waiting_to_encode);
  std::string line = text;
  if (status.reconnects > 0) {
    line += "  reconnected " + std::to_string(status.reconnects) + "x";
  }
  return line;
}

}  // namespace

LiveWatch::LiveWatch(std::vector<const LiveSession*> sessions,
                     const MetricsRegistry& metrics, std::string metrics_file)
    : sessions_(std::move(sessions)),
      metrics_(metrics),
      metrics_file_(std::move(metrics_file)),
      terminal_(isatty(STDERR_FILENO) == 1),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

LiveWatch::~LiveWatch() {
  thread_.request_stop();
  thread_.join();
  if (terminal_) std::fputs("\r\033[K", stderr);
  WriteMetrics();
}

void LiveWatch::Run(const std::stop_token& stop) {
  double last_seconds = 0;
  std::uint64_t last_frames = 0;
  for (int tick = 1;; ++tick) {
    if (!SleepFor(std::chrono::milliseconds(500), stop)) return;
    if (terminal_) {
      LiveStatus sum = sessions_.front()->status();
      for (std::size_t i = 1; i < sessions_.size(); ++i) {
        const LiveStatus one = sessions_[i]->status();
        sum.frames_out += one.frames_out;
        sum.faces += one.faces;
        sum.dropped += one.dropped;
        sum.reconnects += one.reconnects;
      }
      const double seconds = sum.seconds - last_seconds;
      const double fps =
          seconds > 0
              ? static_cast<double>(sum.frames_out - last_frames) / seconds
              : 0;
      last_seconds = sum.seconds;
      last_frames = sum.frames_out;
      std::fprintf(stderr, "\r\033[K%s", StatusLine(sum, fps).c_str());
      std::fflush(stderr);
    }
    if (tick % 2 == 0) WriteMetrics();
  }
}

void LiveWatch::WriteMetrics() {
  if (metrics_file_.empty()) return;
  // Somebody else's disk: a failure must not end the video.
  const auto written = WriteFileAtomically(metrics_file_, metrics_.Text());
  if (!written && !told_) {
    PrintError(written.error().message);
    told_ = true;
  }
}

nlohmann::ordered_json LiveSummaryJson(const std::string& source,
                                       const LiveSession& session) {
  const LiveStatus status = session.status();
  const auto ms = [](double seconds) { return Rounded(seconds * 1000, 100); };
  const double out = static_cast<double>(status.frames_out);
  nlohmann::ordered_json json = {
      {"source", WithoutSecrets(source)},
      {"width", session.input().width},
      {"height", session.input().height},
      {"decoder", session.input().decoder},
      {"encoder", session.encoder()},
      {"frames_in", status.frames_in},
      {"frames_out", status.frames_out},
      {"dropped", status.dropped},
      {"skipped", status.skipped},
      {"damaged", status.damaged},
      {"reconnects", status.reconnects},
      {"faces", status.tracks},
      {"seconds", Rounded(status.seconds, 1000)},
      {"fps", Rounded(status.seconds > 0 ? out / status.seconds : 0, 100)},
      {"latency_ms",
       {{"p50", ms(status.latency_p50)},
        {"p95", ms(status.latency_p95)},
        {"p99", ms(status.latency_p99)}}}};
  const double frames = std::max(out, 1.);
  json["stage_ms"] = {{"decode", ms(status.decode / frames)},
                      {"track", ms(status.track / frames)},
                      {"effects", ms(status.effects / frames)},
                      {"encode", ms(status.encode / frames)}};
  if (status.session_name.empty()) return json;
  const SessionCounters& all = status.session;
  json["session"] = {
      {"name", status.session_name}, {"resumed", all.resumed},
      {"frames_in", all.frames_in},  {"frames_out", all.frames_out},
      {"dropped", all.dropped},      {"skipped", all.skipped},
      {"damaged", all.damaged},      {"reconnects", all.reconnects},
      {"faces", all.tracks}};
  return json;
}

void PrintResumed(const LiveSession& session) {
  const LiveStatus status = session.status();
  if (status.session.resumed == 0) return;
  std::fprintf(stderr,
               "session %s goes on from frame %llu; %llu faces so far\n",
               status.session_name.c_str(),
               static_cast<unsigned long long>(status.session.frames_in),
               static_cast<unsigned long long>(status.session.tracks));
}

void PrintLiveSummary(const std::string& source, const LiveSession& session) {
  const LiveStatus status = session.status();
  const auto n = [](std::uint64_t count) {
    return static_cast<unsigned long long>(count);
  };
  std::fprintf(
      stderr,
      "%s: %llu frames in, %llu out, %llu dropped, %llu damaged; %llu faces; "
      "%.1f s, %.1f fps; latency p50 %.0f ms, p95 %.0f ms, p99 %.0f ms\n",
      WithoutSecrets(source).c_str(), n(status.frames_in), n(status.frames_out),
      n(status.dropped), n(status.damaged), n(status.tracks), status.seconds,
      status.seconds > 0
          ? static_cast<double>(status.frames_out) / status.seconds
          : 0,
      status.latency_p50 * 1000, status.latency_p95 * 1000,
      status.latency_p99 * 1000);
  if (status.session_name.empty()) return;
  std::fprintf(stderr,
               "session %s, resumed %llu times: %llu frames out, %llu faces\n",
               status.session_name.c_str(), n(status.session.resumed),
               n(status.session.frames_out), n(status.session.tracks));
}

}  // namespace ocelli
