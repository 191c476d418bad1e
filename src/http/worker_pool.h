#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ocelli {

// Threads that come when there is work, `threads` at most, and go after
// `linger` without any. Thread-safe.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  WorkerPool(std::size_t threads, std::size_t queue_capacity,
             std::chrono::milliseconds linger);
  // Finish().
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and nothing happens: all threads are busy and the queue is full.
  bool Submit(Task task);
  // For what is bounded elsewhere: the queue takes it however full. Dropped
  // after Finish().
  void SubmitAlways(Task task);

  // Runs what was submitted, then ends the threads.
  void Finish();

  std::size_t threads() const;

 private:
  // With `mutex_` held.
  void Enqueue(Task task);
  void Work();

  const std::size_t max_threads_;
  const std::size_t capacity_;
  const std::chrono::milliseconds linger_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
  std::vector<std::thread> ended_;  // To be joined.
  std::size_t idle_ = 0;
  bool finishing_ = false;
};

}  // namespace ocelli
