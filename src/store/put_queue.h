#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "store/object_store.h"

namespace ocelli {

// StartPut() of a store whose puts block: each runs on one of a few threads,
// which start when they are needed. What waits is requests without their
// bodies; how many is up to who starts them. Thread-safe.
class PutQueue {
 public:
  using Put =
      std::function<PutOutcome(const PutRequest&, const std::stop_token&)>;

  PutQueue(std::size_t threads, Put put)
      : most_(threads), put_(std::move(put)) {}
  // Puts that did not begin fail with kCancelled.
  ~PutQueue();
  PutQueue(const PutQueue&) = delete;
  PutQueue& operator=(const PutQueue&) = delete;

  void Start(PutRequest request, std::function<void(PutOutcome)> done);

 private:
  struct Waiting {
    PutRequest request;
    std::function<void(PutOutcome)> done;
  };
  void Serve();

  const std::size_t most_;
  const Put put_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::deque<Waiting> waiting_;
  std::size_t idle_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace ocelli
