#include "core/worker_pool.h"

#include <system_error>
#include <utility>

namespace ocelli {

WorkerPool::WorkerPool(std::size_t most, std::chrono::milliseconds idle,
                       std::size_t queue)
    : most_(most), idle_(idle), queue_(queue) {}

WorkerPool::~WorkerPool() { Finish(); }

void WorkerPool::Finish() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return threads_.empty(); });
  lock.unlock();
  Reap();
}

bool WorkerPool::Run(Work work) { return Give(std::move(work), false); }

bool WorkerPool::RunHoweverFull(Work work) {
  return Give(std::move(work), true);
}

bool WorkerPool::Give(Work work, bool however_full) {
  {
    std::unique_lock lock(mutex_);
    if (closing_) return false;
    if (given_.size() < waiting_) {
      given_.push_back(std::move(work));
      lock.unlock();
      changed_.notify_one();
      return true;
    }
    if (threads_.size() >= most_) {
      if (!however_full && given_.size() >= waiting_ + queue_) return false;
      given_.push_back(std::move(work));
      return true;
    }
    const auto self = threads_.emplace(threads_.end());
    try {
      *self = std::thread(&WorkerPool::Loop, this, self, std::move(work));
    } catch (const std::system_error&) {
      threads_.erase(self);
      return false;
    }
  }
  Reap();
  return true;
}

std::size_t WorkerPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void WorkerPool::Loop(Threads::iterator self, Work work) {
  for (;;) {
    work();
    work = nullptr;
    std::unique_lock lock(mutex_);
    if (given_.empty()) {
      ++waiting_;
      changed_.wait_for(lock, idle_,
                        [&] { return closing_ || !given_.empty(); });
      --waiting_;
    }
    if (given_.empty()) {
      ended_.splice(ended_.end(), threads_, self);
      // Under the lock: the pool may be gone as soon as it is not.
      if (closing_) changed_.notify_all();
      return;
    }
    work = std::move(given_.front());
    given_.pop_front();
  }
}

void WorkerPool::Reap() {
  Threads ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
}

}  // namespace ocelli
