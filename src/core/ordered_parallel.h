#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"

namespace ocelli {

// Calls `work(i)` for every i below `count` on `threads` threads, and
// `emit(i, outcome)` on the calling thread in the order of i. At most
// `window` items are begun and not yet emitted, so memory stays bounded when
// one of them is slow. When `stop` is requested, what was begun is finished and
// emitted, nothing more is begun. Returns how many were emitted.
template <typename Work, typename Emit>
std::size_t OrderedParallel(std::size_t count, int threads, std::size_t window,
                            const std::stop_token& stop, Work work, Emit emit) {
  using Outcome = decltype(work(std::size_t{}));
  OCELLI_CHECK(threads > 0 && window > 0);
  std::mutex mutex;
  std::condition_variable_any changed;
  // Guarded by mutex.
  std::size_t begun = 0;
  std::size_t emitted = 0;
  std::map<std::size_t, Outcome> outcomes;

  const auto run = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, stop,
                   [&] { return begun == count || begun < emitted + window; });
      if (stop.stop_requested() || begun == count) return;
      const std::size_t i = begun++;
      lock.unlock();
      Outcome outcome = work(i);
      lock.lock();
      outcomes.emplace(i, std::move(outcome));
      changed.notify_all();
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(run);

  std::unique_lock lock(mutex);
  while (emitted < count) {
    changed.wait(lock, stop, [&] { return outcomes.contains(emitted); });
    if (!outcomes.contains(emitted)) {
      // Stopped: wait on for what had been begun.
      if (emitted == begun) break;
      changed.wait(lock, [&] { return outcomes.contains(emitted); });
    }
    auto next = outcomes.extract(emitted);
    lock.unlock();
    emit(next.key(), std::move(next.mapped()));
    lock.lock();
    ++emitted;
    changed.notify_all();
  }
  return emitted;
}

}  // namespace ocelli
