#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "http/worker_pool.h"

namespace ocelli {

// Calls on a pool's threads, one at a time and in their order. The pool
// outlives it. Thread-safe.
class SerialCalls : public std::enable_shared_from_this<SerialCalls> {
 public:
  explicit SerialCalls(WorkerPool& workers) : workers_(workers) {}

  void Add(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    if (std::exchange(running_, true)) return;
    workers_.SubmitAlways([self = shared_from_this()] { self->Run(); });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!calls_.empty()) {
      {
        const std::function<void()> call = std::move(calls_.front());
        calls_.pop_front();
        lock.unlock();
        call();
      }
      lock.lock();
    }
    running_ = false;
  }

  WorkerPool& workers_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<std::function<void()>> calls_;
  bool running_ = false;
};

}  // namespace ocelli
