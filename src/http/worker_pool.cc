#include "http/worker_pool.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace ocelli {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_capacity,
                       std::chrono::milliseconds linger)
    : max_threads_(threads), capacity_(queue_capacity), linger_(linger) {
  OCELLI_CHECK(threads > 0);
}

WorkerPool::~WorkerPool() { Finish(); }

bool WorkerPool::Submit(Task task) {
  std::vector<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    if (finishing_) return false;
    const std::size_t free = idle_ + max_threads_ - threads_.size();
    if (tasks_.size() >= free + capacity_) return false;
    Enqueue(std::move(task));
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
  return true;
}

void WorkerPool::SubmitAlways(Task task) {
  const std::lock_guard lock(mutex_);
  if (!finishing_) Enqueue(std::move(task));
}

void WorkerPool::Enqueue(Task task) {
  tasks_.push_back(std::move(task));
  if (idle_ >= tasks_.size()) {
    changed_.notify_one();
  } else if (threads_.size() < max_threads_) {
    threads_.emplace_back([this] { Work(); });
  }
}

void WorkerPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait_for(lock, linger_,
                      [&] { return finishing_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  if (finishing_) return;
  const auto self =
      std::find_if(threads_.begin(), threads_.end(), [](const auto& thread) {
        return thread.get_id() == std::this_thread::get_id();
      });
  ended_.push_back(std::move(*self));
  threads_.erase(self);
}

void WorkerPool::Finish() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    threads.swap(threads_);
    std::move(ended_.begin(), ended_.end(), std::back_inserter(threads));
    ended_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

std::size_t WorkerPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

}  // namespace ocelli
