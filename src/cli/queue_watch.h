#pragma once

#include <string>
#include <thread>

#include "jobs/job_queue.h"
#include "metrics/metrics.h"

namespace ocelli {

// Until it is destroyed: every second how long the queue is, for whoever starts
// and ends workers by it, and with it all metrics into their file.
class QueueWatch {
 public:
  // `queue` and `metrics` outlive it. Without a file it does nothing.
  QueueWatch(JobQueue& queue, MetricsRegistry& metrics,
             std::string metrics_file);
  ~QueueWatch();
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;

 private:
  void Run(const std::stop_token& stop);
  void Measure();
  void Write();

  JobQueue& queue_;
  MetricsRegistry& metrics_;
  const std::string metrics_file_;
  bool told_ = false;
  std::jthread thread_;  // Last: uses all of the above.
};

}  // namespace ocelli
