#include "api/live_watchers.h"

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "api/message_json.h"
#include "core/log.h"
#include "service/live_messages.h"

namespace ocelli {

struct LiveWatchers::Seats {
  std::atomic<std::size_t> taken = 0;
};

class LiveWatchers::Seat {
 public:
  explicit Seat(std::shared_ptr<Seats> seats) : seats_(std::move(seats)) {}
  ~Seat() { --seats_->taken; }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  const std::shared_ptr<Seats> seats_;
};

struct LiveWatchers::Watcher {
  std::shared_ptr<std::atomic<bool>> ended;
  std::jthread thread;
};

LiveWatchers::LiveWatchers(LiveBoard& board, AccessStore& access,
                           const Clock& clock,
                           const LiveWatcherOptions& options)
    : board_(board),
      access_(access),
      clock_(clock),
      options_(options),
      seats_(std::make_shared<Seats>()) {}

LiveWatchers::~LiveWatchers() {
  const std::lock_guard lock(mutex_);
  for (Watcher& watcher : watchers_) watcher.thread.request_stop();
  watchers_.clear();
}

std::shared_ptr<LiveWatchers::Seat> LiveWatchers::Take() {
  if (++seats_->taken > options_.most) {
    --seats_->taken;
    return nullptr;
  }
  return std::make_shared<Seat>(seats_);
}

std::size_t LiveWatchers::watching() const { return seats_->taken; }

void LiveWatchers::Start(Watch watch, std::shared_ptr<Seat> seat,
                         std::shared_ptr<HttpStream> stream) {
  const std::lock_guard lock(mutex_);
  watchers_.remove_if(
      [](const Watcher& watcher) { return watcher.ended->load(); });
  Watcher& watcher = watchers_.emplace_back();
  watcher.ended = std::make_shared<std::atomic<bool>>(false);
  watcher.thread =
      std::jthread([this, watch = std::move(watch), seat = std::move(seat),
                    stream = std::move(stream), ended = watcher.ended](
                       const std::stop_token& stop) mutable {
        Run(watch, *stream, stop);
        stream->Close();
        seat.reset();
        *ended = true;
      });
}

void LiveWatchers::Run(const Watch& watch, HttpStream& stream,
                       const std::stop_token& stop) const {
  using Seconds = std::chrono::duration<double>;
  const double rate = watch.request.frames_a_second();
  std::shared_ptr<const LiveShot> last;
  auto checked_at = clock_.MonotonicTime();
  std::chrono::steady_clock::time_point sent_at;
  while (!stop.stop_requested() && !stream.gone()) {
    if (clock_.MonotonicTime() - checked_at >= options_.check_every) {
      // Also where it can't be found out: that is no leave to go on.
      if (!access_.StillValid(watch.caller)) return;
      checked_at = clock_.MonotonicTime();
    }
    auto shot =
        board_.Next(watch.request.name(), last, options_.check_every, stop);
    if (!shot) return;
    if (!*shot) continue;
    last = std::move(*shot);
    const auto now = clock_.MonotonicTime();
    if (rate > 0 && sent_at.time_since_epoch().count() != 0 &&
        now - sent_at < Seconds(1 / rate)) {
      continue;
    }
    sent_at = now;
    if (!Send(watch, last, stream)) return;
  }
}

bool LiveWatchers::Send(const Watch& watch,
                        const std::shared_ptr<const LiveShot>& shot,
                        HttpStream& stream) const {
  const bool is_mjpeg = watch.form == Form::kMjpeg;
  std::shared_ptr<const std::string> jpeg;
  if (is_mjpeg || watch.request.pictures()) {
    auto made = board_.Jpeg(shot, watch.request.max_side());
    if (!made) {
      Log(LogLevel::kWarning, "no picture of a live frame",
          {{"error", made.error().message}});
      return true;  // Of the next one, perhaps.
    }
    jpeg = std::move(*made);
  }
  if (is_mjpeg) {
    std::string part = "--ocelli-frame\r\nContent-Type: image/jpeg\r\n";
    part += "Content-Length: " + std::to_string(jpeg->size()) + "\r\n\r\n";
    return stream.Send(part + *jpeg + "\r\n");
  }
  v1::LiveFrame frame;
  WriteLiveFrame(*shot, frame);
  std::string json = MessageJson(frame);
  if (!jpeg) return stream.Send(std::move(json));
  std::string message;
  message.reserve(4 + json.size() + jpeg->size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    message += static_cast<char>(json.size() >> shift & 0xff);
  }
  return stream.SendBinary(message + json + *jpeg);
}

}  // namespace ocelli
