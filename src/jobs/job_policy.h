#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

#include "core/result.h"
#include "jobs/job_queue.h"
#include "metrics/metrics.h"

namespace ocelli {

// What every queue does alike.

inline constexpr std::size_t kMaxNameBytes = 16 << 10;  // Also a reference.

// Letters, digits, '.', '_' and '-', at most 64: they become parts of keys.
bool IsPlainName(std::string_view text);

// kInvalidArgument says what is wrong with the job.
Result<> CheckJob(const Job& job, const JobQueueOptions& options);
Result<> CheckWorker(const std::string& worker);

Error NoBatch(std::string_view batch);
Error LostJob(std::string_view batch, std::uint64_t index);
Error LostJobs(std::string_view batch, std::uint64_t there,
               std::uint64_t total);
Error TooManyJobs(std::string_view batch, std::uint64_t there,
                  std::uint64_t total);
// Of a job that is given up because its worker died once more.
Error WorkerDied(int attempts);
Error NoImage(const Job& job);

// Thread-safe.
class JobRandom {
 public:
  explicit JobRandom(std::uint64_t seed);  // 0: any.

  std::string BatchId();  // 12 letters and digits.
  // Before another try after `attempt`: exponential, between a half and all.
  std::chrono::milliseconds RetryDelay(const JobQueueOptions& options,
                                       int attempt);

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;  // Guarded by mutex_.
};

// ocelli_jobs_*, where there is a registry. Thread-safe.
class JobMetrics {
 public:
  JobMetrics(MetricsRegistry* registry, const std::string& group);

  bool wanted() const { return waiting_ != nullptr; }
  void Show(const QueueStatus& status);
  void Submitted(std::size_t jobs) { Count(submitted_, jobs); }
  void Done(std::size_t jobs) { Count(done_, jobs); }
  void Failed(std::size_t jobs) { Count(failed_, jobs); }
  void Retried(std::size_t jobs) { Count(retried_, jobs); }
  void TakenOver(std::size_t jobs) { Count(taken_over_, jobs); }

 private:
  static void Count(Counter* counter, std::size_t jobs) {
    if (counter != nullptr && jobs > 0) {
      counter->Add(static_cast<double>(jobs));
    }
  }

  Gauge* waiting_ = nullptr;
  Gauge* taken_ = nullptr;
  Gauge* delayed_ = nullptr;
  Gauge* dead_ = nullptr;
  Counter* submitted_ = nullptr;
  Counter* done_ = nullptr;
  Counter* failed_ = nullptr;
  Counter* retried_ = nullptr;
  Counter* taken_over_ = nullptr;
};

}  // namespace ocelli
