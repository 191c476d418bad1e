#include "faces/redis_gallery.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "core/log.h"
#include "core/sleep.h"
#include "faces/redis_gallery_store.h"
#include "faces/table_gallery.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Tries of a change while others change too: with a hundred editors who never
// rest, all but one in a million succeed.
constexpr int kTries = 100;
constexpr milliseconds kOld{1000};

std::string RandomToken() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 16; ++i) token += "0123456789abcdef"[device() % 16];
  return token;
}

// Nobody is there to answer; it may be otherwise soon.
bool IsAway(const Error& error) {
  return error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kDeadlineExceeded;
}

class RedisGallery final : public TableGallery {
 public:
  RedisGallery(std::shared_ptr<RedisClient> redis, const Digest& model,
               const RedisGalleryOptions& options, const Clock& clock,
               MetricsRegistry* metrics)
      : TableGallery(model, clock),
        options_(options),
        store_(std::move(redis), options.name),
        snapshot_(std::make_unique<GallerySnapshot>()) {
    if (metrics == nullptr) return;
    conflicts_ = &metrics->AddCounter(
        "ocelli_faces_gallery_conflicts_total",
        "Changes worked out again because another editor was faster");
    failures_ = &metrics->AddCounter(
        "ocelli_faces_gallery_refresh_failures_total",
        "Times that the shared gallery could not be asked for changes");
    stale_ = &metrics->AddCounter(
        "ocelli_faces_gallery_stale_total",
        "Identifications by a gallery that may be older than a second");
  }

  // Reads everything, and follows from then on.
  Result<> Start() {
    {
      const std::lock_guard lock(sync_mutex_);
      if (auto read = Refresh(); !read) {
        if (!options_.may_begin_without || !IsAway(read.error())) return read;
        away_ = true;
        Log(LogLevel::kWarning,
            "nobody is recognised until the gallery can be read",
            {{"reason", read.error().message}});
      }
    }
    subscription_ = store_.redis().Subscribe(
        store_.channel(), [this](const std::string&) { Wake(); });
    follower_ = std::jthread([this](std::stop_token stop) { Follow(stop); });
    return {};
  }

  ~RedisGallery() override {
    follower_.request_stop();
    subscription_.reset();
  }

 private:
  Result<> Read(
      const std::function<Result<>(const GalleryTable&)>& read) const override {
    {
      const std::lock_guard lock(sync_mutex_);
      if (auto fresh = Refresh(); !fresh) return fresh;
    }
    const std::lock_guard lock(rows_mutex_);
    return read(snapshot_->rows);
  }

  Result<> Change(
      const std::function<Result<>(GalleryTable&)>& change) override {
    const std::lock_guard lock(sync_mutex_);
    // By what is known here; where that may be old, also an error and a change
    // that changes nothing have to be worked out again.
    bool fresh = false;
    for (int tries = 0; tries < kTries; ++tries) {
      if (!loaded_ && !fresh) {
        if (auto read = Refresh(); !read) return read;
        fresh = true;
      }
      const GalleryState before = snapshot_->state;
      auto writes = [&] {
        const std::lock_guard rows_lock(rows_mutex_);
        return snapshot_->rows.Plan(change);
      }();
      if (!writes || writes->empty()) {
        if (fresh) return writes ? Result<>() : writes.Failure();
        if (auto read = Refresh(); !read) return read;
        fresh = true;
        continue;
      }
      const GalleryState after{before.version + 1, RandomToken()};
      const auto written = store_.Write(before, after, *writes);
      if (!written) return ChangeFailed(written.error());
      if (*written) {
        GalleryNews news;
        news.state = after;
        news.changes = *std::move(writes);
        const std::lock_guard rows_lock(rows_mutex_);
        snapshot_->Absorb(std::move(news));
        return {};
      }
      if (conflicts_) conflicts_->Add();
      // Apart, so that not the same editor loses every time.
      if (tries > 2) {
        SleepFor(milliseconds(std::random_device{}() % 10), {});
      }
      if (auto read = Refresh(); !read) return read;
      fresh = true;
    }
    return Fail(ErrorCode::kUnavailable,
                "changing the " + store_.label() +
                    ": others change it all the time; try again");
  }

  Result<FacePicture> ReadPicture(std::int64_t face) const override {
    return store_.Picture(face);
  }

  Result<std::shared_ptr<const KnownFaces>> Known() const override {
    if (stale_ && steady_clock::now() - refreshed_.load() > kOld) {
      stale_->Add();
    }
    const std::lock_guard lock(rows_mutex_);
    if (known_ && known_state_ == snapshot_->state) return known_;
    auto known = KnownFacesOf(snapshot_->rows, model(), &warned_);
    if (!known) return known.Failure();
    known_ = *std::move(known);
    known_state_ = snapshot_->state;
    return known_;
  }

  Result<> Removed(const std::string&) override { return {}; }

  static Result<> ChangeFailed(Error error) {
    if (error.code == ErrorCode::kDeadlineExceeded) {
      error.message +=
          "; it may have been changed all the same: look before doing it again";
    }
    return Fail(error.code, std::move(error.message));
  }

  void Wake() {
    const std::lock_guard lock(wake_mutex_);
    woken_ = true;
    wake_.notify_one();
  }

  void Follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(wake_mutex_);
        wake_.wait_for(lock, stop, options_.check_every,
                       [&] { return woken_; });
        woken_ = false;
      }
      if (stop.stop_requested()) return;
      const std::lock_guard lock(sync_mutex_);
      auto read = Refresh();
      if (!read) {
        if (failures_) failures_->Add();
        if (!std::exchange(away_, true)) {
          Log(LogLevel::kWarning,
              "the shared gallery can't be read: going on with what is known",
              {{"reason", read.error().message}});
        }
      } else if (std::exchange(away_, false)) {
        Log(LogLevel::kInfo, "the shared gallery can be read again",
            {{"gallery", store_.label()}});
      }
    }
  }

  // Needs sync_mutex_: brings the copy up to now.
  Result<> Refresh() const {
    const auto asked = steady_clock::now();
    if (loaded_) {
      auto news = store_.NewsSince(snapshot_->state);
      if (!news) return news.Failure();
      if (news->step != GalleryNews::Step::kReload) {
        if (news->step == GalleryNews::Step::kChanges) {
          const std::lock_guard lock(rows_mutex_);
          snapshot_->Absorb(*std::move(news));
        }
        refreshed_ = asked;
        WarnOfDamage();
        return {};
      }
    }
    auto loaded = store_.Load();
    if (!loaded) return loaded.Failure();
    if (const auto now = (*loaded)->state.version;
        now < snapshot_->state.version) {
      Log(LogLevel::kWarning,
          "the shared gallery lost changes: a failover, or it was emptied",
          {{"gallery", store_.label()},
           {"version", now},
           {"known", snapshot_->state.version}});
    }
    {
      const std::lock_guard lock(rows_mutex_);
      snapshot_ = *std::move(loaded);
    }
    loaded_ = true;
    refreshed_ = asked;
    WarnOfDamage();
    return {};
  }

  // Needs sync_mutex_.
  void WarnOfDamage() const {
    const auto& damaged = snapshot_->damaged;
    if (damaged.size() > warned_of_) {
      Log(LogLevel::kWarning,
          "faces of the shared gallery can't be read and are left out",
          {{"gallery", store_.label()},
           {"faces", damaged.size()},
           {"one_of_them", *damaged.begin()}});
    }
    warned_of_ = damaged.size();
  }

  const RedisGalleryOptions options_;
  const RedisGalleryStore store_;
  Counter* conflicts_ = nullptr;
  Counter* failures_ = nullptr;
  Counter* stale_ = nullptr;

  // Held while Redis is spoken to; before rows_mutex_ where both are.
  mutable std::mutex sync_mutex_;
  // Guarded by sync_mutex_.
  mutable bool loaded_ = false;
  mutable std::size_t warned_of_ = 0;
  bool away_ = false;

  // Never held while Redis is spoken to: identification needs it.
  mutable std::mutex rows_mutex_;
  // Written with both held, so that either is enough to read it.
  mutable std::unique_ptr<GallerySnapshot> snapshot_;
  // Guarded by rows_mutex_. The faces as of known_state_, shared with every
  // identification under way.
  mutable std::shared_ptr<const KnownFaces> known_;
  mutable GalleryState known_state_;
  mutable bool warned_ = false;
  mutable std::atomic<steady_clock::time_point> refreshed_{};

  std::mutex wake_mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;  // Guarded by wake_mutex_.
  std::unique_ptr<RedisSubscription> subscription_;
  std::jthread follower_;
};

}  // namespace

Result<> CheckGalleryName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  if (!name.empty() && name.size() <= 64 &&
      name.find_first_not_of(kAllowed) == name.npos) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "a gallery's name is 1 to 64 letters, digits, dots, - and _, "
              "not \"" +
                  std::string(name.substr(0, 80)) + "\"");
}

Result<std::unique_ptr<Gallery>> OpenRedisGallery(
    std::shared_ptr<RedisClient> redis, const Digest& model,
    const RedisGalleryOptions& options, const Clock& clock,
    MetricsRegistry* metrics) {
  if (auto valid = CheckGalleryName(options.name); !valid) {
    return valid.Failure();
  }
  auto gallery = std::make_unique<RedisGallery>(std::move(redis), model,
                                                options, clock, metrics);
  if (auto started = gallery->Start(); !started) return started.Failure();
  return gallery;
}

}  // namespace ocelli
