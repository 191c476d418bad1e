#include "cli/queue_watch.h"

#include <chrono>
#include <utility>

#include "cli/command.h"
#include "core/file.h"
#include "core/sleep.h"

namespace ocelli {

QueueWatch::QueueWatch(JobQueue& queue, MetricsRegistry& metrics,
                       std::string metrics_file)
    : queue_(queue), metrics_(metrics), metrics_file_(std::move(metrics_file)) {
  if (metrics_file_.empty()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

QueueWatch::~QueueWatch() {
  if (metrics_file_.empty()) return;
  thread_.request_stop();
  thread_.join();
  Write();
}

void QueueWatch::Run(const std::stop_token& stop) {
  do {
    Measure();
    Write();
  } while (SleepFor(std::chrono::seconds(1), stop));
}

void QueueWatch::Measure() {
  const auto status = queue_.Status();
  if (!status) return;  // The worker says it.
  const auto show = [&](const char* state, std::uint64_t jobs) {
    metrics_
        .AddGauge("ocelli_jobs_queued", "Jobs of the group, by their state",
                  {{"group", status->group}, {"state", state}})
        .Set(static_cast<double>(jobs));
  };
  show("waiting", status->waiting);
  show("taken", status->taken);
  show("delayed", status->delayed);
  show("dead", status->dead);
}

void QueueWatch::Write() {
  // Somebody else's disk: a failure must not end the work.
  const auto written = WriteFileAtomically(metrics_file_, metrics_.Text());
  if (!written && !told_) {
    PrintError(written.error().message);
    told_ = true;
  }
}

}  // namespace ocelli
