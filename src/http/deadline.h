#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace ocelli {

// A time limit that moves with every request: the timer behind it is set anew
// only when it has to ring earlier. On one thread.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Deadline(boost::asio::io_context& context) : timer_(context) {}

  // `owner` is kept alive while the timer runs; `ring` is called when the time
  // has come.
  template <typename Owner>
  void Set(Clock::time_point when, std::shared_ptr<Owner> owner,
           std::type_identity_t<void (*)(Owner&)> ring) {
    when_ = when;
    if (armed_ && *armed_ <= when) return;
    Arm(when, std::move(owner), ring);
  }
  void Clear() { when_ = Clock::time_point::max(); }
  // For good: lets go of the owner.
  void Stop() {
    Clear();
    timer_.cancel();
  }

 private:
  template <typename Owner>
  void Arm(Clock::time_point when, std::shared_ptr<Owner> owner,
           void (*ring)(Owner&)) {
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([this, when, owner = std::move(owner),
                       ring](boost::system::error_code error) mutable {
      if (error || armed_ != when) return;
      armed_.reset();
      if (when_ == Clock::time_point::max()) return;
      if (when_ > Clock::now()) return Arm(when_, std::move(owner), ring);
      when_ = Clock::time_point::max();
      ring(*owner);
    });
  }

  boost::asio::steady_timer timer_;
  Clock::time_point when_ = Clock::time_point::max();
  std::optional<Clock::time_point> armed_;
};

}  // namespace ocelli
