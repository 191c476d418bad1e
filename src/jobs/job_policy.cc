#include "jobs/job_policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ocelli {

bool MayGoBetterLater(ErrorCode code) {
  return code == ErrorCode::kUnavailable ||
         code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kResourceExhausted;
}

bool IsPlainName(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
         });
}

Result<> CheckJob(const Job& job, const JobQueueOptions& options) {
  const std::string which =
      "job " + std::to_string(job.index) + " of batch " + job.batch;
  if (!IsPlainName(job.batch)) {
    return Fail(ErrorCode::kInvalidArgument, "bad name of a batch");
  }
  if (job.name.size() > kMaxNameBytes || job.reference.size() > kMaxNameBytes) {
    return Fail(ErrorCode::kInvalidArgument, which + ": a name of more than " +
                                                 std::to_string(kMaxNameBytes) +
                                                 " bytes");
  }
  if (job.reference.empty() && job.image.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                which + " has neither an image nor where it is");
  }
  if (job.image.size() > options.max_value_bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                which + ": an image of " + std::to_string(job.image.size()) +
                    " bytes does not travel by value (at most " +
                    std::to_string(options.max_value_bytes) +
                    "); submit it as an s3:// or https:// address");
  }
  return {};
}

Result<> CheckWorker(const std::string& worker) {
  if (worker.empty() || worker.size() > 256) {
    return Fail(ErrorCode::kInvalidArgument,
                "a worker's name has 1 to 256 bytes");
  }
  return {};
}

Error NoBatch(std::string_view batch) {
  return {ErrorCode::kNotFound, "no batch " + std::string(batch.substr(0, 64))};
}

Error LostJob(std::string_view batch, std::uint64_t index) {
  return {ErrorCode::kDataLoss, "job " + std::to_string(index) + " of batch " +
                                    std::string(batch) +
                                    " was lost; submit it again"};
}

Error LostJobs(std::string_view batch, std::uint64_t there,
               std::uint64_t total) {
  return {ErrorCode::kDataLoss, "batch " + std::string(batch) + " has " +
                                    std::to_string(there) + " of " +
                                    std::to_string(total) +
                                    " jobs; submit the others again"};
}

Error TooManyJobs(std::string_view batch, std::uint64_t there,
                  std::uint64_t total) {
  return {ErrorCode::kInvalidArgument,
          "batch " + std::string(batch) + " has " + std::to_string(there) +
              " jobs, more than the " + std::to_string(total) +
              " it should have"};
}

Error WorkerDied(int attempts) {
  return {ErrorCode::kInternal, "given up after " + std::to_string(attempts) +
                                    (attempts == 1 ? " attempt" : " attempts") +
                                    ": its worker died"};
}

Error NoImage(const Job& job) {
  return {ErrorCode::kNotFound,
          job.reference.empty()
              ? "the image of " + job.name + " is gone from the queue"
              : "the image of " + job.name + " is not in the queue but at " +
                    job.reference};
}

JobRandom::JobRandom(std::uint64_t seed) {
  if (seed != 0) {
    engine_.seed(seed);
    return;
  }
  std::random_device device;
  std::seed_seq seeds{device(), device(), device(), device()};
  engine_.seed(seeds);
}

std::string JobRandom::BatchId() {
  // Without what is easily misread.
  constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::uniform_int_distribution<std::size_t> letter(0, kLetters.size() - 1);
  const std::lock_guard lock(mutex_);
  std::string id(12, ' ');
  for (char& c : id) c = kLetters[letter(engine_)];
  return id;
}

std::chrono::milliseconds JobRandom::RetryDelay(const JobQueueOptions& options,
                                                int attempt) {
  const double first = static_cast<double>(options.retry_first.count());
  const double last = static_cast<double>(options.retry_last.count());
  const double all =
      std::min(last, std::ldexp(first, std::clamp(attempt - 1, 0, 30)));
  const std::lock_guard lock(mutex_);
  std::uniform_real_distribution<double> part(0.5, 1);
  return std::chrono::milliseconds(std::llround(all * part(engine_)));
}

JobMetrics::JobMetrics(MetricsRegistry* registry, const std::string& group) {
  if (registry == nullptr) return;
  const MetricLabels labels = {{"group", group}};
  const auto gauge = [&](const char* name, const char* help) {
    return &registry->AddGauge(name, help, labels);
  };
  const auto counter = [&](const char* name, const char* help) {
    return &registry->AddCounter(name, help, labels);
  };
  waiting_ = gauge("ocelli_jobs_waiting", "Jobs that nobody took yet.");
  taken_ = gauge("ocelli_jobs_taken", "Jobs in the hands of workers.");
  delayed_ = gauge("ocelli_jobs_delayed", "Jobs to be tried again later.");
  dead_ = gauge("ocelli_jobs_dead", "Dead letters: jobs given up.");
  submitted_ = counter("ocelli_jobs_submitted_total",
                       "Jobs that this process submitted.");
  done_ = counter("ocelli_jobs_done_total",
                  "Jobs whose result this process was the first to give.");
  failed_ = counter("ocelli_jobs_failed_total",
                    "Jobs that this process gave up with an error.");
  retried_ = counter("ocelli_jobs_retried_total",
                     "Jobs that this process put off for another try.");
  taken_over_ = counter("ocelli_jobs_taken_over_total",
                        "Jobs that this process took from a silent worker.");
}

void JobMetrics::Show(const QueueStatus& status) {
  if (!wanted()) return;
  waiting_->Set(static_cast<double>(status.waiting));
  taken_->Set(static_cast<double>(status.taken));
  delayed_->Set(static_cast<double>(status.delayed));
  dead_->Set(static_cast<double>(status.dead));
}

}  // namespace ocelli
