#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>

#include "core/result.h"

namespace ocelli {

// A queue that can't be used: said once, however many threads notice it how
// often, and asked ever more seldom. Thread-safe.
class QueueOutage {
 public:
  // What fails; one may while the others go well (Redis is full: kHandIn).
  enum Of : std::size_t { kTake, kHandIn, kRenew };

  QueueOutage(std::chrono::milliseconds first_pause,
              std::chrono::milliseconds longest_pause)
      : first_pause_(first_pause), longest_pause_(longest_pause) {}

  // Logs it where it is news.
  void Say(Of what, const Error& error);
  void Over(Of what);
  // Whether something failed that has not gone well since.
  bool Lasts();
  // Until it is worth another try.
  void Wait(Of what, const std::stop_token& stop);

 private:
  struct Trouble {
    bool now = false;
    std::chrono::milliseconds pause{0};
  };

  const std::chrono::milliseconds first_pause_;
  const std::chrono::milliseconds longest_pause_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::array<Trouble, 3> troubles_;
  std::optional<ErrorCode> said_;
};

}  // namespace ocelli
