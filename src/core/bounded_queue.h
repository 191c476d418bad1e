#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "core/check.h"

namespace ocelli {

// A first-in, first-out queue of at most `capacity` values between threads.
// When it is full, Push() waits (archive paths, files) and PushDroppingOldest()
// makes room by discarding what waited longest (live paths). Thread-safe.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {
    OCELLI_CHECK(capacity > 0);
  }

  // Waits for room. False, and `value` is gone, once the queue is closed or
  // `stop` is requested.
  bool Push(T value, std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop,
                  [&] { return closed_ || values_.size() < capacity_; });
    if (closed_ || values_.size() >= capacity_) return false;
    values_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  // Waits until Push() would not, where nobody else pushes meanwhile. False
  // once the queue is closed or `stop` is requested.
  bool AwaitRoom(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop,
                  [&] { return closed_ || values_.size() < capacity_; });
    return !closed_ && values_.size() < capacity_;
  }

  // Never waits. Returns what had to go, if anything: the oldest value, or
  // `value` itself when the queue is closed.
  std::optional<T> PushDroppingOldest(T value) {
    const std::lock_guard lock(mutex_);
    if (closed_) return value;
    std::optional<T> dropped;
    if (values_.size() == capacity_) {
      dropped = std::move(values_.front());
      values_.pop_front();
    }
    values_.push_back(std::move(value));
    changed_.notify_all();
    return dropped;
  }

  // Waits for a value. None once the queue is closed and empty, or `stop` is
  // requested.
  std::optional<T> Pop(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return closed_ || !values_.empty(); });
    if (values_.empty() || stop.stop_requested()) return std::nullopt;
    std::optional<T> value = std::move(values_.front());
    values_.pop_front();
    changed_.notify_all();
    return value;
  }

  // Nothing goes in any more; what is inside can still be taken.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }
  std::size_t capacity() const { return capacity_; }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace ocelli
