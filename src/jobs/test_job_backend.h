#pragma once

#include <memory>
#include <thread>

#include "jobs/job_queue.h"

namespace ocelli {

// What a contract runs against. It lives longer than its queue.
class JobBackend {
 public:
  virtual ~JobBackend() = default;
  // One queue a backend.
  virtual JobQueue& Open(const JobQueueOptions& options) = 0;
  // Returns when the queue's clock shows a later one.
  virtual void NextMillisecond() = 0;
};

using MakeJobBackend = std::unique_ptr<JobBackend> (*)();

class MemoryJobBackend final : public JobBackend {
 public:
  JobQueue& Open(const JobQueueOptions& options) override {
    queue_ = MakeMemoryJobQueue(options);
    return *queue_;
  }
  void NextMillisecond() override {}  // It counts.

 private:
  std::unique_ptr<JobQueue> queue_;
};

inline std::unique_ptr<JobBackend> MakeMemoryJobBackend() {
  return std::make_unique<MemoryJobBackend>();
}

}  // namespace ocelli
