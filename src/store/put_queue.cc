#include "store/put_queue.h"

namespace ocelli {

PutQueue::~PutQueue() {
  stop_.request_stop();
  // A `done` may start others, but no thread after this.
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
}

void PutQueue::Start(PutRequest request, std::function<void(PutOutcome)> done) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(request), std::move(done)});
  if (waiting_.size() > idle_ && threads_.size() < most_ &&
      !stop_.stop_requested()) {
    threads_.emplace_back([this] { Serve(); });
  }
  changed_.notify_one();
}

void PutQueue::Serve() {
  const std::stop_token stop = stop_.get_token();
  for (std::unique_lock lock(mutex_);;) {
    ++idle_;
    changed_.wait(lock, stop, [&] { return !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;  // To stop, and nobody waits.
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    PutOutcome outcome;
    if (stop.stop_requested()) {
      outcome.result = Fail(ErrorCode::kCancelled,
                            "storing " + next.request.key + ": cancelled");
    } else {
      outcome = put_(next.request, stop);
    }
    next.done(std::move(outcome));
    next = {};  // Its body may be large, and the wait long.
    lock.lock();
  }
}

}  // namespace ocelli
