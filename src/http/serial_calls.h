#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "core/worker_pool.h"

namespace ocelli {

// Calls on a pool's threads, one at a time and in their order; dropped once the
// pool has finished. The pool outlives it. Thread-safe.
class SerialCalls : public std::enable_shared_from_this<SerialCalls> {
 public:
  explicit SerialCalls(WorkerPool& workers) : workers_(workers) {}

  void Add(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    if (running_) return;
    running_ =
        workers_.RunHoweverFull([self = shared_from_this()] { self->Run(); });
    if (!running_) calls_.clear();
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
