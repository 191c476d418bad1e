#include "live/live_board.h"

#include <map>
#include <mutex>
#include <utility>

#include "live/followed_video.h"
#include "live/session_store.h"
#include "live/shared_jpegs.h"

namespace ocelli {
namespace {

class Board final : public LiveBoard {
 public:
  Board(OpenLiveSession open, MetricsRegistry& metrics,
        const LiveBoardOptions& options)
      : open_(std::move(open)),
        options_(options),
        videos_gauge_(metrics.AddGauge("ocelli_live_videos",
                                       "Videos that are followed.")),
        watchers_(metrics.AddGauge("ocelli_live_watchers",
                                   "Who waits for the next frame of one.")) {
    AddAllEffects(registry_);
  }
  ~Board() override { StopAll(); }

  Result<> Start(LiveVideoSettings settings) override {
    if (auto valid = CheckSessionName(settings.name); !valid) {
      return valid.Failure("video \"" + settings.name.substr(0, 100) + "\"");
    }
    auto live = OptionsFor(settings);
    if (!live) return live.Failure("video " + settings.name);
    const std::lock_guard lock(mutex_);
    if (videos_.contains(settings.name)) {
      return Fail(ErrorCode::kAlreadyExists,
                  "there is a video " + settings.name + " already");
    }
    if (videos_.size() >= options_.max_videos) {
      return Fail(ErrorCode::kResourceExhausted,
                  std::to_string(videos_.size()) +
                      " videos are followed, and no more may be: stop one");
    }
    const std::string name = settings.name;
    videos_.emplace(
        name, std::make_shared<FollowedVideo>(
                  std::move(settings), *std::move(live), open_, options_));
    videos_gauge_.Set(static_cast<double>(videos_.size()));
    return {};
  }

  Result<> Stop(const std::string& name) override {
    auto video = VideoOf(name);
    if (!video) return video.Failure();
    (*video)->RequestStop();
    End(name, *video);
    return {};
  }

  std::vector<LiveVideoStatus> List() const override {
    std::vector<LiveVideoStatus> list;
    for (const auto& [name, video] : Videos()) list.push_back(video->status());
    return list;
  }

  Result<LiveVideoStatus> Find(const std::string& name) const override {
    const auto video = VideoOf(name);
    if (!video) return video.Failure();
    return (*video)->status();
  }

  Result<std::shared_ptr<const LiveShot>> Last(
      const std::string& name) const override {
    const auto video = VideoOf(name);
    if (!video) return video.Failure();
    return (*video)->last();
  }

  Result<std::shared_ptr<const LiveShot>> Next(
      const std::string& name, const std::shared_ptr<const LiveShot>& after,
      std::chrono::milliseconds patience,
      const std::stop_token& stop) override {
    const auto video = VideoOf(name);
    if (!video) return video.Failure();
    watchers_.Add(1);
    auto next = (*video)->Next(after, patience, stop);
    watchers_.Add(-1);
    return next;
  }

  Result<std::shared_ptr<const std::string>> Jpeg(
      const std::shared_ptr<const LiveShot>& shot, int max_side) override {
    if (!shot) return jpegs_.Of(nullptr, {}, max_side);
    return jpegs_.Of(shot, shot->frame.pixels, max_side);
  }

  void StopAll() override {
    const auto videos = Videos();
    for (const auto& [name, video] : videos) video->RequestStop();
    for (const auto& [name, video] : videos) End(name, video);
  }

 private:
  // Shared with who watches.
  using VideoMap =
      std::map<std::string, std::shared_ptr<FollowedVideo>, std::less<>>;

  Result<LiveOptions> OptionsFor(const LiveVideoSettings& settings) const {
    LiveOptions live;
    live.source = settings.source;
    if (settings.configured) live.effect_context = options_.effect_context;
    for (const std::string& text : settings.effects) {
      auto chosen = registry_.Parse(text);
      if (!chosen) return chosen.Failure();
      // What can't be made should not be found out by the video's thread.
      if (auto made = chosen->Make(live.effect_context); !made) {
        return made.Failure("effect " + text);
      }
      live.effects.push_back(std::move(*chosen));
    }
    live.sink = settings.sink;
    live.source_options = settings.source_options;
    live.source_options.repeat = settings.repeat;
    live.tracker = settings.tracker;
    live.analyze = true;
    live.names = settings.names;
    live.client = "camera/" + settings.name;
    if (options_.on_described) {
      live.on_described = [this, name = settings.name](
                              const Frame& frame, const TrackedFace& face) {
        options_.on_described(name, frame, face);
      };
    }
    return live;
  }

  VideoMap Videos() const {
    const std::lock_guard lock(mutex_);
    return videos_;
  }

  Result<std::shared_ptr<FollowedVideo>> VideoOf(
      const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = videos_.find(name);
    if (found != videos_.end()) return found->second;
    return Fail(ErrorCode::kNotFound,
                "no video " + name.substr(0, 100) + " is followed");
  }

  // The name is free once the video has ended.
  void End(const std::string& name,
           const std::shared_ptr<FollowedVideo>& video) {
    video->AwaitEnd();
    const std::lock_guard lock(mutex_);
    const auto found = videos_.find(name);
    // Others may have ended it, and begun another of that name.
    if (found == videos_.end() || found->second != video) return;
    videos_.erase(found);
    videos_gauge_.Set(static_cast<double>(videos_.size()));
  }

  const OpenLiveSession open_;
  const LiveBoardOptions options_;
  EffectRegistry registry_;
  Gauge& videos_gauge_;
  Gauge& watchers_;
  SharedJpegs jpegs_;

  mutable std::mutex mutex_;
  VideoMap videos_;  // Guarded by mutex_.
};

}  // namespace

std::unique_ptr<LiveBoard> LiveBoard::Make(OpenLiveSession open,
                                           MetricsRegistry& metrics,
                                           const LiveBoardOptions& options) {
  return std::make_unique<Board>(std::move(open), metrics, options);
}

std::unique_ptr<LiveBoard> LiveBoard::Make(const ModelStore& models,
                                           const Gallery* gallery,
                                           MetricsRegistry& metrics,
                                           const LiveBoardOptions& options) {
  return Make(
      [&models, gallery, &metrics](LiveOptions live,
                                   const std::stop_token& stop) {
        live.names = live.names && gallery;
        return LiveSession::Open(std::move(live), models, gallery, metrics,
                                 stop);
      },
      metrics, options);
}

}  // namespace ocelli
