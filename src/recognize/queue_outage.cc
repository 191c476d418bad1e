#include "recognize/queue_outage.h"

#include <algorithm>
#include <random>

#include "core/log.h"
#include "core/sleep.h"

namespace ocelli {

void QueueOutage::Say(Of what, const Error& error) {
  const std::lock_guard lock(mutex_);
  const bool known = troubles_[what].now;
  troubles_[what].now = true;
  // An outage has many faces (refused, no answer), and they are one line.
  if (known || said_ == error.code) return;
  said_ = error.code;
  Log(LogLevel::kWarning, "the queue can't be used at present: trying again",
      {{"reason", error.message}});
}

void QueueOutage::Over(Of what) {
  const std::lock_guard lock(mutex_);
  if (!troubles_[what].now) return;
  troubles_[what] = {};
  if (std::any_of(troubles_.begin(), troubles_.end(),
                  [](const Trouble& trouble) { return trouble.now; })) {
    return;
  }
  said_.reset();
  Log(LogLevel::kWarning, "the queue is back");
}

bool QueueOutage::Lasts() {
  const std::lock_guard lock(mutex_);
  return std::any_of(troubles_.begin(), troubles_.end(),
                     [](const Trouble& trouble) { return trouble.now; });
}

void QueueOutage::Wait(Of what, const std::stop_token& stop) {
  std::chrono::milliseconds pause;
  {
    const std::lock_guard lock(mutex_);
    pause = std::clamp(troubles_[what].pause * 2, first_pause_, longest_pause_);
    troubles_[what].pause = pause;
  }
  // Not all workers at once.
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_real_distribution<double> share(0.5, 1);
  SleepFor(std::chrono::duration_cast<std::chrono::nanoseconds>(pause *
                                                                share(random)),
           stop);
}

}  // namespace ocelli
