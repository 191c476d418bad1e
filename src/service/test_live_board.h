#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "live/live_board.h"
#include "media/still_image.h"

namespace ocelli {

// For tests: videos whose frames a test shows. Thread-safe.
class TestLiveBoard final : public LiveBoard {
  using Shot = std::shared_ptr<const LiveShot>;

 public:
  // What Jpeg() makes of any shot: the test knows its faces.
  static constexpr const char* kPicture = "the picture of a shot";

  Result<> Start(LiveVideoSettings settings) override {
    const std::lock_guard lock(mutex_);
    if (videos_.count(settings.name)) {
      return Fail(ErrorCode::kAlreadyExists,
                  "a video " + settings.name + " is followed already");
    }
    for (const std::string& effect : settings.effects) {
      if (effect == "beauty") continue;
      return Fail(ErrorCode::kInvalidArgument, "no effect " + effect);
    }
    const std::string name = settings.name;
    videos_[name].status.settings = std::move(settings);
    return {};
  }
  Result<> Stop(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (videos_.erase(name) > 0) return {};
    return NotFound(name).Failure();
  }
  std::vector<LiveVideoStatus> List() const override {
    const std::lock_guard lock(mutex_);
    std::vector<LiveVideoStatus> all;
    for (const auto& video : videos_) all.push_back(video.second.status);
    return all;
  }
  Result<LiveVideoStatus> Find(const std::string& name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = videos_.find(name);
    if (found == videos_.end()) return NotFound(name).Failure();
    return found->second.status;
  }
  Result<Shot> Last(const std::string& name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = videos_.find(name);
    if (found == videos_.end()) return NotFound(name).Failure();
    return found->second.last;
  }
  Result<Shot> Next(const std::string& name, const Shot&,
                    std::chrono::milliseconds,
                    const std::stop_token&) override {
    return Last(name);
  }
  Result<std::shared_ptr<const std::string>> Jpeg(const Shot&,
                                                  int max_side) override {
    return std::make_shared<const std::string>(
        kPicture + (max_side > 0 ? " of " + std::to_string(max_side) : ""));
  }
  void StopAll() override {
    const std::lock_guard lock(mutex_);
    videos_.clear();
  }

  void Show(const std::string& name, LiveShot shot) {
    const std::lock_guard lock(mutex_);
    videos_[name].last = std::make_shared<const LiveShot>(std::move(shot));
  }

 private:
  struct Video {
    LiveVideoStatus status;
    Shot last;
  };

  static Result<> NotFound(const std::string& name) {
    return Fail(ErrorCode::kNotFound, "no video " + name);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Video> videos_;  // Guarded.
};

}  // namespace ocelli
