#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "access/access.h"
#include "core/clock.h"
#include "http/http_message.h"
#include "live/live_board.h"
#include "ocelli/v1/live.pb.h"

namespace ocelli {

struct LiveWatcherOptions {
  std::size_t most = 64;  // At a time; each has a thread.
  // How often it is asked whether the caller may still watch.
  std::chrono::milliseconds check_every{1000};
};

// Sends the frames of followed videos to who listens, for as long as they do:
// frames that come faster than they go out are skipped. Thread-safe.
class LiveWatchers {
 public:
  // They outlive it.
  LiveWatchers(LiveBoard& board, AccessStore& access, const Clock& clock,
               const LiveWatcherOptions& options);
  // Ends all of them.
  ~LiveWatchers();

  // The right to watch; gives it back when it goes.
  class Seat;
  // Null: all are taken.
  std::shared_ptr<Seat> Take();

  enum class Form {
    kMjpeg,   // Parts of multipart/x-mixed-replace.
    kEvents,  // JSON of ocelli.v1.LiveFrame; with pictures, binary messages:
              // the length of the JSON (4 bytes, the first the highest), it,
              // and the JPEG.
  };
  struct Watch {
    v1::WatchLiveRequest request;
    Form form = Form::kMjpeg;
    Caller caller;
  };
  // Begins; returns at once. Ends when the video is stopped, the client gone,
  // or its key or session no longer taken.
  void Start(Watch watch, std::shared_ptr<Seat> seat,
             std::shared_ptr<HttpStream> stream);

  std::size_t watching() const;

 private:
  struct Watcher;
  struct Seats;

  void Run(const Watch& watch, HttpStream& stream,
           const std::stop_token& stop) const;
  // Whether it could be sent.
  bool Send(const Watch& watch, const std::shared_ptr<const LiveShot>& shot,
            HttpStream& stream) const;

  LiveBoard& board_;
  AccessStore& access_;
  const Clock& clock_;
  const LiveWatcherOptions options_;
  const std::shared_ptr<Seats> seats_;  // With the seats that are taken.
  mutable std::mutex mutex_;
  std::list<Watcher> watchers_;  // Guarded by mutex_.
};

inline constexpr char kMjpegType[] =
    "multipart/x-mixed-replace; boundary=ocelli-frame";

}  // namespace ocelli
