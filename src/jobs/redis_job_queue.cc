#include <atomic>
#include <utility>

#include "core/parse_number.h"
#include "jobs/job_queue.h"
#include "jobs/redis_job_context.h"
#include "jobs/redis_job_keeper.h"
#include "jobs/redis_job_submitter.h"
#include "jobs/redis_job_taker.h"
#include "jobs/redis_job_waiter.h"

namespace ocelli {
namespace {

constexpr int kMaxPartitions = 1024;
constexpr std::chrono::seconds kGaugesEvery{5};

class RedisJobQueue final : public JobQueue {
 public:
  RedisJobQueue(RedisClient& redis, const JobQueueOptions& options,
                int partitions, MetricsRegistry* metrics)
      : context_{redis,
                 options,
                 {options.group, partitions},
                 JobMetrics(metrics, options.group),
                 JobRandom(options.seed)} {}

  Result<std::string> Begin(std::string_view description) override {
    return submitter_.Begin(description);
  }
  Result<> Submit(std::span<const Job> jobs,
                  const std::stop_token& stop) override {
    return submitter_.Submit(jobs, stop);
  }
  Result<> Complete(const std::string& batch, std::uint64_t total) override {
    return submitter_.Complete(batch, total);
  }

  Result<std::uint64_t> Await(const std::string& batch, std::uint64_t from,
                              const std::function<Result<>(JobResult)>& use,
                              const std::stop_token& stop) override {
    return AwaitRedisResults(context_, submitter_, batch, from, use, stop);
  }

  Result<std::vector<TakenJob>> Take(const std::string& worker, std::size_t max,
                                     std::chrono::milliseconds wait,
                                     const std::stop_token& stop) override {
    ShowGauges();
    return taker_.Take(worker, max, wait, stop);
  }
  std::vector<Result<std::vector<std::byte>>> Images(
      std::span<const TakenJob* const> jobs) override {
    return taker_.Images(jobs);
  }
  Result<> Renew(const std::string& worker,
                 std::span<const TakenJob* const> jobs) override {
    return taker_.Renew(worker, jobs);
  }
  Result<> Finish(const std::string& worker,
                  std::span<const JobOutcome> outcomes) override {
    return taker_.Finish(worker, outcomes);
  }
  Result<> Return(const std::string& worker,
                  std::span<const TakenJob* const> jobs) override {
    return taker_.Return(worker, jobs);
  }

  Result<QueueStatus> Status() override { return keeper_.Status(); }
  Result<std::vector<BatchStatus>> Batches() override {
    return keeper_.Batches();
  }
  Result<BatchStatus> Batch(const std::string& batch) override {
    return keeper_.Batch(batch);
  }
  Result<std::uint64_t> Retry(const std::string& batch) override {
    return keeper_.Retry(batch);
  }
  Result<std::vector<DeadJob>> Dead(std::size_t max) override {
    return keeper_.Dead(max);
  }
  Result<std::uint64_t> Purge(const std::string& batch) override {
    return keeper_.Purge(batch);
  }

  const JobQueueOptions& options() const override { return context_.options; }

 private:
  // Workers are whom autoscalers ask.
  void ShowGauges() {
    if (!context_.metrics.wanted()) return;
    using Clock = std::chrono::steady_clock;
    const auto now = Clock::now().time_since_epoch().count();
    auto due = gauges_due_.load();
    const auto next = now + Clock::duration(kGaugesEvery).count();
    if (now < due || !gauges_due_.compare_exchange_strong(due, next)) return;
    // Take() itself says what is wrong with Redis.
    (void)keeper_.Status().has_value();
  }

  RedisJobContext context_;
  std::atomic<std::chrono::steady_clock::rep> gauges_due_ = 0;
  RedisJobSubmitter submitter_{context_};
  RedisJobKeeper keeper_{context_};
  RedisJobTaker taker_{context_};
};

}  // namespace

Result<std::unique_ptr<JobQueue>> OpenRedisJobQueue(
    RedisClient& redis, const JobQueueOptions& options,
    MetricsRegistry* metrics) {
  if (!IsPlainName(options.group)) {
    return Fail(ErrorCode::kInvalidArgument,
                "the name of a group has at most 64 letters, digits, '.', '_' "
                "and '-': " +
                    options.group.substr(0, 80));
  }
  if (options.partitions < 0 || options.partitions > kMaxPartitions) {
    return Fail(ErrorCode::kInvalidArgument,
                "a group has 1 to " + std::to_string(kMaxPartitions) +
                    " partitions, not " + std::to_string(options.partitions));
  }
  const bool cluster = redis.url().topology == RedisTopology::kCluster;
  const int wanted = options.partitions > 0 ? options.partitions
                     : cluster              ? 16
                                            : 1;
  const std::string key = RedisJobLayout{options.group, 1}.Partitions();
  // Whoever comes first decides for all.
  const auto replies =
      redis.RunAll({{.arguments = {"SET", key, std::to_string(wanted), "NX"}},
                    {.arguments = {"GET", key}}});
  const std::string doing = "opening the jobs of group " + options.group;
  if (!replies[1]) return replies[1].Failure(doing);
  // A full Redis takes no new group, but works on those it has.
  if (!replies[0] && replies[1]->nil()) return replies[0].Failure(doing);
  const auto partitions = ParseNumber<std::uint64_t>(replies[1]->text);
  if (!partitions || *partitions < 1 || *partitions > kMaxPartitions) {
    return Fail(ErrorCode::kFailedPrecondition,
                doing + ": what Redis keeps as " + key +
                    " is no number of partitions; another program's?");
  }
  if (options.partitions > 0 && static_cast<int>(*partitions) != wanted) {
    return Fail(ErrorCode::kFailedPrecondition,
                doing + ": it has " + std::to_string(*partitions) +
                    " partitions, not " + std::to_string(wanted) +
                    "; give the group another name, or purge it and delete " +
                    key);
  }
  return std::make_unique<RedisJobQueue>(
      redis, options, static_cast<int>(*partitions), metrics);
}

}  // namespace ocelli
