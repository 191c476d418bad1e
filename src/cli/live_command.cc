// ocelli live: a video or a camera in, faces followed, effects, a video out.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/json_output.h"
#include "cli/live_setup.h"
#include "core/file.h"
#include "live/live_session.h"

namespace ocelli {
namespace {

struct LiveFlags {
  std::vector<std::string> sources;
  std::vector<std::string> effects;
  std::string out;
  std::string analyze;
  double analyze_fps = 0;
  bool mesh_points = false;
  std::uint64_t limit = 0;
  double duration = 0;
  std::string rtsp_transport = "auto";
  double open_timeout = 10;
  double read_timeout = 10;
  double detect_every = 1;
  std::string bitrate;
  std::string metrics;
  bool no_sound = false;
  bool no_smoothing = false;
  VideoSourceOptions source;
  VideoSinkOptions sink;
  FaceFlags faces;
};

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

// "2M", "800k" or a plain number of bits a second.
Result<std::int64_t> ParseBitrate(const std::string& text) {
  if (text.empty()) return 0;
  double number = 0;
  char unit = 0, rest = 0;
  const int read = std::sscanf(text.c_str(), "%lf%c%c", &number, &unit, &rest);
  const double factor = unit == 0                    ? 1
                        : unit == 'k' || unit == 'K' ? 1e3
                        : unit == 'M' || unit == 'm' ? 1e6
                                                     : 0;
  const double bits = number * factor;
  if (read < 1 || read > 2 || !(bits >= 1000 && bits <= 1e9)) {
    return Fail(ErrorCode::kInvalidArgument,
                "bit rate " + text + ": 1k to 1000M, such as 800k or 2.5M");
  }
  return std::llround(bits);
}

std::string WallTime(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(
          time.time_since_epoch())
          .count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char day[32], text[48];
  std::strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%03dZ", day,
                static_cast<int>(milliseconds % 1000));
  return text;
}

double Rounded(double value, double per_unit) {
  return std::round(value * per_unit) / per_unit;
}

nlohmann::ordered_json ToJson(const TrackedFace& tracked, bool mesh_points) {
  const Face& face = tracked.face;
  nlohmann::ordered_json json = {
      {"track", tracked.track},
      {"name", tracked.name.empty() ? nlohmann::ordered_json(nullptr)
                                    : nlohmann::ordered_json(tracked.name)},
      {"similarity", Rounded(tracked.similarity, 1000)},
      {"box",
       {{"x", face.box.x},
        {"y", face.box.y},
        {"width", face.box.width},
        {"height", face.box.height}}},
      {"score", Rounded(face.score, 1000)},
      {"seen", tracked.seen()}};
  if (mesh_points) {
    auto& mesh = json["mesh"] = nlohmann::ordered_json::array();
    for (const Point3F& p : face.mesh) mesh.push_back({p.x, p.y, p.z});
  }
  return json;
}

// One line a frame, into a file or standard output. Thread-safe: several
// sources share it.
class AnalysisLines {
 public:
  // "-" is standard output.
  static Result<std::unique_ptr<AnalysisLines>> Open(const std::string& path,
                                                     bool mesh_points) {
    std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
    if (!file) return FailWithErrno("writing " + path, errno);
    std::unique_ptr<AnalysisLines> lines(
        new AnalysisLines(path, file, mesh_points));
    return lines;
  }
  ~AnalysisLines() {
    if (file_ != stdout) std::fclose(file_);
  }
  AnalysisLines(const AnalysisLines&) = delete;
  AnalysisLines& operator=(const AnalysisLines&) = delete;

  // `source` is left out where it is empty.
  Result<> Write(const std::string& source, const Frame& frame,
                 std::span<const TrackedFace> faces) {
    nlohmann::ordered_json json;
    if (!source.empty()) json["source"] = source;
    json["sequence"] = frame.sequence;
    json["time"] = static_cast<double>(frame.time.count()) / 1e6;
    json["wall_time"] = WallTime(frame.wall_time);
    auto& list = json["faces"] = nlohmann::ordered_json::array();
    for (const TrackedFace& face : faces) {
      list.push_back(ToJson(face, mesh_points_));
    }
    const std::string line = JsonText(json) + "\n";
    const std::lock_guard lock(mutex_);
    // Whole lines at once, so that a reader and a kill see no halves.
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() ||
        std::fflush(file_) != 0) {
      return FailWithErrno("writing " + path_, errno);
    }
    return {};
  }

 private:
  AnalysisLines(std::string path, std::FILE* file, bool mesh_points)
      : path_(std::move(path)), file_(file), mesh_points_(mesh_points) {}

  const std::string path_;
  std::FILE* const file_;
  const bool mesh_points_;
  std::mutex mutex_;  // Guards what is written to file_.
};

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

// Until it is destroyed: twice a second the status on a terminal, and every
// second the metrics into their file.
class Watch {
 public:
  Watch(std::vector<const LiveSession*> sessions,
        const MetricsRegistry& metrics, std::string metrics_file)
      : sessions_(std::move(sessions)),
        metrics_(metrics),
        metrics_file_(std::move(metrics_file)),
        terminal_(isatty(STDERR_FILENO) == 1),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  ~Watch() {
    thread_.request_stop();
    thread_.join();
    if (terminal_) std::fputs("\r\033[K", stderr);
    WriteMetrics();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void Run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    double last_seconds = 0;
    std::uint64_t last_frames = 0;
    for (int tick = 1; !stop.stop_requested(); ++tick) {
      wake.wait_for(lock, stop, std::chrono::milliseconds(500),
                    [] { return false; });
      if (stop.stop_requested()) return;
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

  void WriteMetrics() {
    if (metrics_file_.empty()) return;
    // Somebody else's disk: a failure must not end the video.
    const auto written = WriteFileAtomically(metrics_file_, metrics_.Text());
    if (!written && !told_) {
      PrintError(written.error().message);
      told_ = true;
    }
  }

  const std::vector<const LiveSession*> sessions_;
  const MetricsRegistry& metrics_;
  const std::string metrics_file_;
  const bool terminal_;
  bool told_ = false;
  std::jthread thread_;  // Last: uses all of the above.
};

nlohmann::ordered_json ToJson(const std::string& source,
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
  return json;
}

void PrintSummary(const std::string& source, const LiveSession& session) {
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
}

bool IsFolderOrFile(const std::string& url) {
  return url.find("://") == url.npos && url != "-";
}

Result<LiveOptions> OptionsFrom(const LiveFlags& flags,
                                const EffectRegistry& registry) {
  LiveOptions options;
  for (const std::string& text : flags.effects) {
    auto chosen = registry.Parse(text);
    if (!chosen) return chosen.Failure();
    options.effects.push_back(std::move(*chosen));
  }
  if (flags.out.empty() && flags.analyze.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "nothing to do: give --out for a video or --analyze for lines "
                "about faces");
  }
  if (flags.sources.size() > 1 && !flags.out.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--out takes one source; several can share --analyze");
  }
  if (flags.out == "-" && flags.analyze == "-") {
    return Fail(ErrorCode::kInvalidArgument,
                "--out - and --analyze - both want standard output");
  }
  if (!flags.effects.empty() && flags.out.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "--effect needs --out");
  }
  options.effect_context = FileEffectContext();
  options.sink = flags.out;
  options.source_options = flags.source;
  using Transport = VideoSourceOptions::RtspTransport;
  options.source_options.rtsp_transport =
      flags.rtsp_transport == "tcp"   ? Transport::kTcp
      : flags.rtsp_transport == "udp" ? Transport::kUdp
                                      : Transport::kAuto;
  options.source_options.open_timeout = Milliseconds(flags.open_timeout);
  options.source_options.read_timeout = Milliseconds(flags.read_timeout);
  options.source_options.sound = !flags.no_sound && flags.out != "-";
  options.sink_options = flags.sink;
  const auto bitrate = ParseBitrate(flags.bitrate);
  if (!bitrate) return bitrate.Failure();
  options.sink_options.bitrate = *bitrate;
  options.tracker.faces = flags.faces.faces;
  options.tracker.identification = flags.faces.identify;
  options.tracker.detect_every = Milliseconds(flags.detect_every);
  options.tracker.smooth = !flags.no_smoothing;
  if (flags.analyze_fps > 0) {
    options.tracker.analyze_every =
        std::chrono::microseconds(std::llround(1e6 / flags.analyze_fps));
  }
  options.analyze = !flags.analyze.empty();
  options.max_frames = flags.limit;
  options.max_duration =
      std::chrono::microseconds(std::llround(flags.duration * 1e6));
  return options;
}

void Live(const LiveFlags& flags, CommandContext& context) {
  EffectRegistry registry;
  AddAllEffects(registry);
  const auto options = OptionsFrom(flags, registry);
  if (!options) return context.Fail(options.error());
  const ModelStore models(context.paths.models());
  const auto gallery =
      OpenGalleryIfAny(context.paths, models, flags.faces.faces.describer);
  if (!gallery) return context.Fail(gallery.error());
  std::unique_ptr<AnalysisLines> lines;
  if (!flags.analyze.empty()) {
    auto opened = AnalysisLines::Open(flags.analyze, flags.mesh_points);
    if (!opened) return context.Fail(opened.error());
    lines = std::move(*opened);
  }

  MetricsRegistry metrics;
  // One that fails does not disturb the others.
  struct Stream {
    std::string source;
    std::unique_ptr<LiveSession> session;
    Result<> done;
  };
  std::vector<Stream> streams(flags.sources.size());
  {
    std::vector<std::jthread> openings;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      openings.emplace_back([&, i] {
        Stream& stream = streams[i];
        stream.source = flags.sources[i];
        LiveOptions own = *options;
        own.source = stream.source;
        own.names = own.analyze && *gallery;
        const bool files = IsFolderOrFile(own.source) &&
                           (own.sink.empty() || IsFolderOrFile(own.sink));
        own.sink_options.low_latency = !files;
        if (lines) {
          const std::string shown =
              streams.size() > 1 ? WithoutSecrets(stream.source) : "";
          own.on_frame = [&, shown](const Frame& frame,
                                    std::span<const TrackedFace> faces) {
            return lines->Write(shown, frame, faces);
          };
        }
        auto opened = LiveSession::Open(std::move(own), models, gallery->get(),
                                        metrics, context.stop);
        if (opened) {
          stream.session = std::move(*opened);
        } else {
          stream.done = opened.Failure();
        }
      });
    }
  }
  std::vector<const LiveSession*> open;
  for (const Stream& stream : streams) {
    if (stream.session) open.push_back(stream.session.get());
    if (!stream.done && !context.stop.stop_requested()) {
      context.Fail(stream.done.error());
    }
  }
  if (open.empty()) return;
  {
    const Watch watch(open, metrics, flags.metrics);
    std::vector<std::jthread> running;
    for (Stream& stream : streams) {
      if (!stream.session) continue;
      running.emplace_back(
          [&] { stream.done = stream.session->Run(context.stop); });
    }
  }
  for (const Stream& stream : streams) {
    if (!stream.session) continue;
    if (!stream.done) context.Fail(stream.done.error());
    if (context.json && flags.analyze != "-" && flags.out != "-") {
      std::puts(JsonText(ToJson(stream.source, *stream.session)).c_str());
    } else {
      PrintSummary(stream.source, *stream.session);
    }
  }
}

void AddVideoFlags(CLI::App& command, LiveFlags& flags) {
  const std::string input = "Video in", output = "Video out";
  command
      .add_option("--rtsp-transport", flags.rtsp_transport,
                  "auto (TCP, then UDP), tcp or udp")
      ->check(CLI::IsMember({"auto", "tcp", "udp"}))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--decoder", flags.source.decoder, "auto, cpu, vaapi or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "vaapi", "cuda"}))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--open-timeout", flags.open_timeout,
                  "Seconds to wait for a source to open")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--read-timeout", flags.read_timeout,
                  "Seconds without a frame after which a source is lost")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--reconnects", flags.source.reconnects,
                  "How often in a row to try a lost camera again; -1: for ever")
      ->check(CLI::Range(-1, 1000000))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--frame-rate", flags.source.frame_rate,
                  "Of a folder of pictures, frames a second")
      ->check(CLI::Range(0.01, 240.0))
      ->capture_default_str()
      ->group(input);
  command
      .add_option("--encoder", flags.sink.encoder,
                  "auto, x264, nvenc, vaapi or vp9")
      ->check(CLI::IsMember({"auto", "x264", "nvenc", "vaapi", "vp9"}))
      ->capture_default_str()
      ->group(output);
  command
      .add_option("--bitrate", flags.bitrate,
                  "Such as 2M or 800k; without it constant quality")
      ->group(output);
  command
      .add_option("--preset", flags.sink.preset, "x264's: ultrafast to slower")
      ->check(CLI::IsMember({"ultrafast", "superfast", "veryfast", "faster",
                             "fast", "medium", "slow", "slower"}))
      ->capture_default_str()
      ->group(output);
  command.add_flag("--no-sound", flags.no_sound, "Leave the sound out")
      ->group(output);
}

}  // namespace

void AddLiveCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<LiveFlags>();
  CLI::App* command = app.add_subcommand(
      "live", "Follow and change the faces of a camera or a video");
  command->footer(R"(Examples:
  ocelli live rtsp://cam/1 --effect beauty --effect overlay --out rtmp://host/live/cam
  ocelli live talk.mp4 --effect "anonymize:mode=pixelate,except=Jesper" --out talk_anon.mp4
  ocelli live http://host/cam.m3u8 --effect "reshape:slim=0.3,eyes=0.2" --out hls:/var/www/cam/
  ocelli live rtsp://cam/1 --analyze faces.jsonl --analyze-fps 5
  ocelli live talk.mp4 --effect overlay --out - | ffplay -

Sources: a video file, a folder of pictures, rtsp:, rtmp:, http: (HLS or a
file), v4l2:/dev/video0, test:640x480@30. Outputs: .mp4, .mov, .mkv, .webm,
rtmp:, rtsp:, hls:FOLDER, or - for raw frames (Y4M). ocelli effects lists the
effects.)");
  command
      ->add_option("SOURCE", flags->sources,
                   "Video, folder or URL; several with --analyze")
      ->required();
  command
      ->add_option("--effect", flags->effects,
                   "NAME:parameter=value,...; may be given again")
      ->allow_extra_args(false);
  command->add_option("--out", flags->out, "Where the video goes");
  command->add_option(
      "--analyze", flags->analyze,
      "JSON lines about the faces of each frame; - prints them");
  command
      ->add_option("--analyze-fps", flags->analyze_fps,
                   "Look for faces so often a second; 0: in every frame")
      ->check(CLI::Range(0.0, 240.0))
      ->capture_default_str();
  command->add_flag("--mesh-points", flags->mesh_points,
                    "The 478 points of each face in those lines");
  command->add_option("--limit", flags->limit, "Stop after so many frames");
  command
      ->add_option("--duration", flags->duration,
                   "Stop after so many seconds of video")
      ->check(CLI::Range(0.0, 1e7));
  command
      ->add_option("--detect-every", flags->detect_every,
                   "Seconds from one search for new faces to the next")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  command->add_flag("--no-smoothing", flags->no_smoothing,
                    "Landmarks as the model gives them");
  command->add_option("--metrics", flags->metrics,
                      "Keep figures in this file, in Prometheus' text format");
  AddVideoFlags(*command, *flags);
  AddFaceFlags(*command, flags->faces);
  command->callback([flags, &context] { Live(*flags, context); });
}

}  // namespace ocelli
