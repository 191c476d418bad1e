#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/result.h"
#include "jobs/job_queue.h"
#include "metrics/metrics.h"

namespace ocelli {

struct JobAnswer {
  std::string value;
  bool cached = false;  // Nothing was computed for it.
};

// What a worker does with jobs. Called from several threads at a time.
struct JobWork {
  // Answers that need no image: one a digest, or nothing.
  std::function<std::vector<std::optional<std::string>>(
      std::span<const Digest>)>
      known;
  // The image behind a reference. kCancelled: the job goes back.
  std::function<Result<std::vector<std::byte>>(const std::string& reference)>
      fetch;
  // An error of kUnavailable or kDeadlineExceeded: the job comes again.
  std::function<Result<JobAnswer>(std::span<const std::byte> image)> answer;
};

struct JobWorkerOptions {
  std::string name;  // Unlike any other worker's.
  int threads = 1;   // Images at a time.
  // Jobs in its hands at most; while they take long, as few as keep the threads
  // busy. What a worker that dies had to itself is done again.
  std::size_t batch = 64;
  // How often others hear that it is still at it: well below the queue's
  // takeover.
  std::chrono::milliseconds renew_every{4000};
  // Waits for jobs so long at a time.
  std::chrono::milliseconds take_wait{1000};
  // While the queue can't be reached, doubling. A new master of a Cluster is
  // there after seconds, and is not to wait for long.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{1000};
  // After a stop, for what can't be handed in because the queue is away.
  std::chrono::milliseconds patience_at_end{1500};
};

// One job that this worker is through with. Of the moment: not to be kept.
struct WorkedJob {
  const TakenJob& job;
  bool cached = false;
  const Error* error = nullptr;  // Null: it went well.
  double seconds = 0;            // From the image on; 0 where none was needed.
};

struct JobWorkerTotals {
  std::uint64_t done = 0;      // With an answer,
  std::uint64_t cached = 0;    // which for so many was there already.
  std::uint64_t failed = 0;    // With an error, to be tried again or not.
  std::uint64_t returned = 0;  // Handed back untouched at the end.
};

// Takes jobs from a queue, answers them and hands the answers in, until it is
// stopped. A queue that is away is waited for. Jobs whose answer is known by
// their digest are done without their image.
class JobWorker {
 public:
  // `queue` and `metrics` (null: none) outlive it. `worked` is called with one
  // job at a time, once its outcome is stored.
  JobWorker(JobQueue& queue, JobWork work, JobWorkerOptions options,
            MetricsRegistry* metrics = nullptr,
            std::function<void(const WorkedJob&)> worked = {});
  ~JobWorker();

  // Once. After a stop it finishes the images that it is at, hands in what is
  // done and hands back the rest: within seconds, also where nobody answers.
  JobWorkerTotals Run(const std::stop_token& stop);

 private:
  class Shift;
  const std::unique_ptr<Shift> shift_;
};

}  // namespace ocelli
