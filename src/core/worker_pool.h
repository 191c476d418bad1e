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
// of late, up to a limit. Thread-safe.
class WorkerPool {
 public:
  using Work = std::function<void()>;

  // A thread that has had nothing to do for `idle` ends. So much work queues
  // while all of them are busy; none: what would wait is refused.
  explicit WorkerPool(std::size_t most,
                      std::chrono::milliseconds idle = std::chrono::seconds(10),
                      std::size_t queue = 0);
  ~WorkerPool();  // Finish()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False where `most` threads are busy and the queue is full, or the system
  // gives no thread: `work` is dropped. It must not throw.
  [[nodiscard]] bool Run(Work work);
  // Likewise, but queues it however full the queue is: for what is bounded
  // elsewhere. False after Finish(), or where there is no thread at all.
  [[nodiscard]] bool RunHoweverFull(Work work);

  // Takes no more work, and waits until all of it has ended.
  void Finish();

  std::size_t threads() const;

 private:
  using Threads = std::list<std::thread>;

  bool Give(Work work, bool however_full);
  void Loop(Threads::iterator self, Work work);
  // Joins the threads that have ended by themselves.
  void Reap();

  const std::size_t most_;
  const std::chrono::milliseconds idle_;
  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  // At most for each thread that waits, and `queue_` more where all are busy.
  std::deque<Work> given_;
  std::size_t waiting_ = 0;  // Threads, those woken for `given_` included.
  Threads threads_;
  Threads ended_;
  bool closing_ = false;
};

}  // namespace ocelli
