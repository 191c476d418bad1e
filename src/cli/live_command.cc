// ocelli live: a video or a camera in, faces followed, effects, a video out.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/json_output.h"
#include "cli/live_lines.h"
#include "cli/live_session_flags.h"
#include "cli/live_setup.h"
#include "cli/live_watch.h"
#include "cli/source_flags.h"
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
  double detect_every = 1;
  std::string bitrate;
  std::string metrics;
  bool no_sound = false;
  bool no_smoothing = false;
  SourceFlags source;
  VideoSinkOptions sink;
  FaceFlags faces;
  LiveSessionFlags session;
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
  options.source_options = SourceOptionsFrom(flags.source);
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

// Sets the flags that were not given from what is kept of the session, and
// returns that.
Result<std::vector<LiveSetting>> GoOnWithSettings(const LiveFlags& flags,
                                                  CLI::App& command,
                                                  SessionStore& store) {
  if (flags.sources.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument, "--session takes one source");
  }
  if (auto valid = CheckSessionName(flags.session.name); !valid) {
    return valid.Failure();
  }
  std::vector<LiveSetting> settings;
  if (flags.session.begin_anew) return settings;
  const auto kept = store.Peek(flags.session.name);
  if (!kept) return kept.Failure();
  if (!*kept) return settings;
  auto state = ParseSessionState((*kept)->state);
  Result<> done;
  if (state) {
    settings = std::move(state->settings);
    done = ApplySettings(command, settings, !flags.out.empty());
  } else {
    done = state.Failure();
  }
  if (done) return settings;
  return Fail(done.error().code,
              "session " + flags.session.name + ": " + (*kept)->where + ": " +
                  done.error().message + "; --new-session begins it anew");
}

// Effects that this process has no video for stay with the session.
std::unique_ptr<SessionKeeper> KeepSession(const LiveFlags& flags,
                                           const CLI::App& command,
                                           std::vector<LiveSetting> before,
                                           SessionStore& store,
                                           MetricsRegistry& metrics) {
  SessionKeeperOptions options;
  options.name = flags.session.name;
  options.take = {ThisProcess(), flags.session.take_over,
                  flags.session.begin_anew};
  options.settings = SettingsToKeep(command);
  for (LiveSetting& setting : before) {
    const bool known = std::any_of(
        options.settings.begin(), options.settings.end(),
        [&](const LiveSetting& kept) { return kept.name == setting.name; });
    if (!known) options.settings.push_back(std::move(setting));
  }
  return std::make_unique<SessionKeeper>(store, std::move(options), metrics);
}

void Live(const LiveFlags& flags, CLI::App& command, CommandContext& context) {
  MetricsRegistry metrics;
  RedisSessions sessions;
  std::vector<LiveSetting> settings;
  if (!flags.session.name.empty()) {
    auto opened = OpenRedisSessions(context, flags.session.redis, &metrics);
    if (!opened) return context.Fail(opened.error());
    sessions = std::move(*opened);
    auto before = GoOnWithSettings(flags, command, *sessions.store);
    if (!before) return context.Fail(before.error());
    settings = std::move(*before);
  }
  EffectRegistry registry;
  AddAllEffects(registry);
  auto options = OptionsFrom(flags, registry);
  if (!options) return context.Fail(options.error());
  const ModelStore models(context.paths.models());
  const auto gallery = OpenGalleryIfAny(context, flags.faces.gallery, models,
                                        flags.faces.faces.describer, &metrics);
  if (!gallery) return context.Fail(gallery.error());
  std::unique_ptr<LiveLines> lines;
  if (!flags.analyze.empty()) {
    auto opened = LiveLines::Open(flags.analyze, flags.mesh_points);
    if (!opened) return context.Fail(opened.error());
    lines = std::move(*opened);
  }

  std::unique_ptr<SessionKeeper> keeper;
  if (sessions.store) {
    keeper = KeepSession(flags, command, std::move(settings), *sessions.store,
                         metrics);
    options->keeper = keeper.get();
  }
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
  if (keeper) PrintResumed(*open.front());
  {
    const LiveWatch watch(open, metrics, flags.metrics);
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
      std::puts(
          JsonText(LiveSummaryJson(stream.source, *stream.session)).c_str());
    } else {
      PrintLiveSummary(stream.source, *stream.session);
    }
  }
}

void AddVideoFlags(CLI::App& command, LiveFlags& flags) {
  const std::string output = "Video out";
  AddSourceFlags(command, flags.source);
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
  ocelli live rtsp://cam/1 --out rtmp://host/live/cam --session mall-12 --redis redis://10.0.0.1
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
  AddGalleryFlags(*command, flags->faces.gallery);
  AddLiveSessionFlags(*command, flags->session);
  command->callback(
      [flags, command, &context] { Live(*flags, *command, context); });
}

}  // namespace ocelli
