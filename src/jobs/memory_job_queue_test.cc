#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/job_queue.h"
#include "jobs/test_job_queue.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class MemoryJobQueueTest : public testing::Test {
 protected:
  std::vector<TakenJob> TakeNow(const std::string& worker) {
    return queue_->Take(worker, 10, milliseconds(0), {}).value();
  }

  FixedClock clock_{std::chrono::system_clock::time_point(seconds(1'000'000))};
  MetricsRegistry metrics_;
  const std::unique_ptr<JobQueue> queue_ =
      MakeMemoryJobQueue({.seed = 1}, clock_, &metrics_);
};

TEST_F(MemoryJobQueueTest, RenewedJobsAreNotTakenOver) {
  NewBatch(*queue_, 2);
  const auto jobs = TakeNow("a");
  ASSERT_EQ(jobs.size(), 2u);
  clock_.Advance(seconds(14));
  const std::vector<const TakenJob*> first = {&jobs[0]};
  ASSERT_TRUE(queue_->Renew("a", first));
  clock_.Advance(seconds(2));
  const auto taken = TakeNow("b");
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].job.index, jobs[1].job.index);
  EXPECT_EQ(taken[0].attempt, 2);
}

TEST_F(MemoryJobQueueTest, TriesComeEachTwiceAsMuchLater) {
  NewBatch(*queue_, 1);
  for (int attempt = 1; attempt < 4; ++attempt) {
    const auto jobs = TakeNow("a");
    ASSERT_EQ(jobs.size(), 1u) << attempt;
    const std::vector<JobOutcome> failed = {
        FailedWith(jobs[0], ErrorCode::kDeadlineExceeded, "slow")};
    ASSERT_TRUE(queue_->Finish("a", failed));
    const milliseconds all = milliseconds(500) * (1 << (attempt - 1));
    clock_.Advance(all / 2 - milliseconds(1));
    EXPECT_TRUE(TakeNow("a").empty());
    EXPECT_EQ(queue_->Status()->delayed, 1u);
    clock_.Advance(all / 2 + milliseconds(1));
  }
  EXPECT_EQ(TakeNow("a").size(), 1u);
}

TEST_F(MemoryJobQueueTest, OldBatchesAreForgotten) {
  const std::string old = NewBatch(*queue_, 1);
  clock_.Advance(queue_->options().result_ttl + seconds(1));
  const std::string fresh = NewBatch(*queue_, 1);
  EXPECT_EQ(queue_->Batch(old).error().code, ErrorCode::kNotFound);
  const auto jobs = TakeNow("a");
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].job.batch, fresh);
}

TEST_F(MemoryJobQueueTest, MetricsSayHowItStands) {
  NewBatch(*queue_, 3);
  const auto jobs = TakeNow("a");
  const std::vector<JobOutcome> outcomes = {
      Answered(jobs.at(0)),
      FailedWith(jobs.at(1), ErrorCode::kDataLoss, "no image"),
      FailedWith(jobs.at(2), ErrorCode::kUnavailable, "later")};
  ASSERT_TRUE(queue_->Finish("a", outcomes));
  const std::string text = metrics_.Text();
  for (const char* line :
       {"ocelli_jobs_waiting{group=\"default\"} 0",
        "ocelli_jobs_taken{group=\"default\"} 0",
        "ocelli_jobs_delayed{group=\"default\"} 1",
        "ocelli_jobs_dead{group=\"default\"} 1",
        "ocelli_jobs_submitted_total{group=\"default\"} 3",
        "ocelli_jobs_done_total{group=\"default\"} 1",
        "ocelli_jobs_failed_total{group=\"default\"} 1",
        "ocelli_jobs_retried_total{group=\"default\"} 1",
        "ocelli_jobs_taken_over_total{group=\"default\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace ocelli
