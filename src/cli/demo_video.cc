#include "cli/demo_video.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/html.h"
#include "cli/progress.h"
#include "core/file.h"
#include "live/live_session.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "Franck";
constexpr const char* kFilm = "franck.mp4";
// Far from the ten seconds that are shown.
constexpr const char* kStills[] = {"franck_01829.jpg", "franck_02683.jpg",
                                   "franck_04035.jpg"};
constexpr std::uint64_t kFrames = 240;

struct Wanted {
  const char* title;
  const char* effect;
  const char* file;
};
constexpr Wanted kClips[] = {
    {"recognised", "overlay", "recognised.mp4"},
    {"beautified", "beauty:smooth=0.8,whiten=0.3", "beautified.mp4"},
    {"anonymised", "anonymize:mode=pixelate", "anonymised.mp4"},
};

Result<> Teach(const fs::path& folder, Engine& engine, Gallery& gallery) {
  for (const char* still : kStills) {
    const auto bytes = ReadFileLimited(folder / still, ImageLimits{}.max_bytes);
    if (!bytes) return bytes.Failure();
    const auto recognition = engine.recognizer().Recognize(*bytes);
    if (!recognition) return recognition.Failure(still);
    if (recognition->analysis.faces.empty()) {
      return Fail(ErrorCode::kNotFound,
                  std::string("no face found in ") + still);
    }
    const auto added = gallery.Add(kName, recognition->analysis.faces.front(),
                                   recognition->analysis.digest, still);
    if (!added) return added.Failure();
  }
  return {};
}

// Breaks only between words: browsers break "--out" in two.
std::string CommandHtml(const std::string& command) {
  std::string html = "<span>";
  for (const char c : HtmlEscaped(command)) {
    html += c == ' ' ? "</span> <span>" : std::string(1, c);
  }
  return html + "</span>";
}

}  // namespace

Result<DemoVideo> MakeDemoVideo(const fs::path& folder, const fs::path& out,
                                Engine& engine, Gallery& gallery,
                                const CommandContext& context) {
  if (const auto taught = Teach(folder, engine, gallery); !taught) {
    return taught.Failure();
  }
  EffectRegistry registry;
  AddAllEffects(registry);
  std::error_code error;
  fs::create_directories(out / "video", error);
  DemoVideo video;
  video.name = kName;
  Progress progress("video", std::size(kClips) * kFrames, "frames");
  for (const Wanted& wanted : kClips) {
    auto effect = registry.Parse(wanted.effect);
    if (!effect) return effect.Failure();
    const bool naming = effect->need() == EffectNeed::kNames;
    LiveOptions options;
    options.source = folder / kFilm;
    options.sink = out / "video" / wanted.file;
    options.effects.push_back(std::move(*effect));
    options.source_options.sound = true;
    options.max_frames = kFrames;
    options.on_frame = [&](const Frame&, std::span<const TrackedFace> faces) {
      progress.Advance();
      if (!naming) return Result<>();
      ++video.frames;
      for (const TrackedFace& face : faces) {
        if (face.seen() && face.name == kName) ++video.named;
        if (face.seen() && !face.name.empty() && face.name != kName) {
          ++video.misnamed;
        }
      }
      return Result<>();
    };
    MetricsRegistry metrics;
    const auto session = LiveSession::Open(std::move(options), engine.models(),
                                           &gallery, metrics, context.stop);
    if (!session) return session.Failure("the demo's video");
    if (const auto done = (*session)->Run(context.stop); !done) {
      return done.Failure("the demo's video");
    }
    const LiveStatus status = (*session)->status();
    video.clips.push_back({wanted.title,
                           std::string("ocelli live franck.mp4 --effect \"") +
                               wanted.effect + "\" --out " + wanted.file,
                           std::string("video/") + wanted.file,
                           status.frames_out,
                           static_cast<double>(status.frames_out) /
                               std::max(status.seconds, 1e-3)});
  }
  return video;
}

std::string VideoLine(const DemoVideo& video) {
  std::string line = "video: " + video.name + " named in " +
                     std::to_string(video.named) + " of " +
                     std::to_string(video.frames) + " frames, wrongly in " +
                     std::to_string(video.misnamed);
  for (const DemoClip& clip : video.clips) {
    char rate[32];
    std::snprintf(rate, sizeof(rate), "; %s at %.0f fps", clip.title.c_str(),
                  clip.fps);
    line += rate;
  }
  return line;
}

std::string VideoHtml(const DemoVideo& video) {
  std::string html =
      "<p>Ten seconds of a film, three times. The name was taught from three "
      "stills of other moments.</p>\n<div class=\"grid clips\">\n";
  for (const DemoClip& clip : video.clips) {
    char rate[32];
    std::snprintf(rate, sizeof(rate), "%.0f", clip.fps);
    html += "<figure><video src=\"" + HtmlEscaped(clip.file) +
            "\" controls loop muted autoplay playsinline></video>"
            "<figcaption><b>" +
            HtmlEscaped(clip.title) + "</b>, " + rate +
            " frames a second<br><code>" + CommandHtml(clip.command) +
            "</code></figcaption></figure>\n";
  }
  return html + "</div>\n";
}

}  // namespace ocelli
