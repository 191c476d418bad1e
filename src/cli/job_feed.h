#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "jobs/job_queue.h"

namespace ocelli {

// The images that a command line names, on their way into a queue: files and
// folders by value, s3://BUCKET/PREFIX/, s3://BUCKET/KEY and https:// by
// reference. No more is read ahead than one group of Submit().
class JobFeed {
 public:
  // `queue` outlives it; `batch` was begun there. `failure` hears of what
  // can't be submitted, which costs only that image.
  JobFeed(JobQueue& queue, std::string batch, std::vector<std::string> sources,
          std::function<void(const Error&)> failure);

  // Submits everything in the order of the sources and completes the batch;
  // after a stop, with what was submitted until then.
  Result<> Run(const std::stop_token& stop);

  // Submits a job anew that the queue lost. From any thread.
  Result<> SubmitAgain(std::uint64_t index, const std::stop_token& stop);

  // From any thread.
  std::uint64_t submitted() const { return submitted_; }
  std::uint64_t found() const { return found_; }  // And more may come.
  std::uint64_t failed() const { return failed_; }

 private:
  Result<> FeedAll(const std::stop_token& stop);
  Result<> FeedFiles(const std::string& path, const std::stop_token& stop);
  Result<> FeedObjects(const std::string& url, const std::stop_token& stop);
  // With what it needs to travel, or why it can't.
  Result<Job> MakeJob(const std::string& name) const;
  Result<> Add(const std::string& name, const std::stop_token& stop);
  Result<> Flush(const std::stop_token& stop);
  void LeaveOut(const Error& error);

  JobQueue& queue_;
  const std::string batch_;
  const std::vector<std::string> sources_;
  const std::function<void(const Error&)> failure_;
  std::vector<Job> group_;
  std::uint64_t group_bytes_ = 0;
  std::mutex mutex_;
  std::vector<std::string> names_;  // Guarded by mutex_; by index.
  std::atomic<std::uint64_t> submitted_ = 0;
  std::atomic<std::uint64_t> found_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
};

}  // namespace ocelli
