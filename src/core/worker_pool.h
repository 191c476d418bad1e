#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace ocelli {

// Threads for work that may wait. There are as many as there was work at a time
// of late, up to a limit; nothing queues behind work that waits. Thread-safe.
class WorkerPool {
 public:
  using Work = std::function<void()>;

  // A thread that has had nothing to do for `idle` ends.
  explicit WorkerPool(std::size_t most, std::chrono::milliseconds idle =
                                            std::chrono::seconds(10));
  // Waits until all work has ended. No more may come.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Begins at once. False where `most` threads are busy or the system gives no
  // more: `work` is dropped. It must not throw.
  [[nodiscard]] bool Run(Work work);

  std::size_t threads() const;

 private:
  using Threads = std::list<std::thread>;

  void Loop(Threads::iterator self, Work work);
  // Joins the threads that have ended by themselves.
  void Reap();

  const std::size_t most_;
  const std::chrono::milliseconds idle_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Work> given_;   // Never more than there are threads waiting.
  std::size_t waiting_ = 0;  // Threads, those woken for `given_` included.
  Threads threads_;
  Threads ended_;
  bool closing_ = false;
};

}  // namespace ocelli
