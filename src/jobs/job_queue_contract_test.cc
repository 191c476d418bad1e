#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "jobs/job_queue.h"
#include "jobs/test_job_backend.h"
#include "jobs/test_job_queue.h"
#include "jobs/test_redis_job_backend.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class JobQueueContract : public testing::TestWithParam<MakeJobBackend> {
 protected:
  // Delays short, takeover as long as ever.
  static JobQueueOptions Options() {
    JobQueueOptions options;
    options.retry_first = milliseconds(2);
    options.retry_last = milliseconds(4);
    options.seed = 6;
    return options;
  }

  JobQueue& Open(const JobQueueOptions& options = Options()) {
    backend_ = GetParam()();
    return backend_->Open(options);
  }

  std::unique_ptr<JobBackend> backend_;
};

TEST_P(JobQueueContract, ResultsComeInTheOrderOfTheirJobs) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 100);
  std::vector<TakenJob> jobs = TakeAll(queue, "w", 100);
  std::shuffle(jobs.begin(), jobs.end(), std::mt19937(1));
  for (const TakenJob& job : jobs) FinishAll(queue, "w", {job});
  const auto results = AwaitAll(queue, batch);
  ASSERT_EQ(results.size(), 100u);
  for (const JobResult& result : results) {
    EXPECT_EQ(result.name, ImageJob(batch, result.index).name);
    EXPECT_EQ(result.value, "answer to " + result.name);
    EXPECT_FALSE(result.error);
    EXPECT_EQ(result.attempts, 1);
  }
}

TEST_P(JobQueueContract, AwaitBeginsWhereItIsAsked) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 5);
  FinishAll(queue, "w", TakeAll(queue, "w", 5));
  std::vector<std::uint64_t> seen;
  const auto use = [&](const JobResult& result) -> Result<> {
    seen.push_back(result.index);
    return {};
  };
  EXPECT_EQ(queue.Await(batch, 3, use, {}).value(), 5u);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(queue.Await(batch, 5, use, {}).value(), 5u);
}

TEST_P(JobQueueContract, AwaitGetsResultsBeforeTheBatchIsComplete) {
  JobQueue& queue = Open();
  const std::string batch = queue.Begin("").value();
  std::atomic<int> used = 0;
  std::jthread waiter([&] {
    const auto end = queue.Await(batch, 0,
                                 [&](const JobResult&) -> Result<> {
                                   ++used;
                                   return {};
                                 },
                                 {});
    EXPECT_EQ(end.value(), 2u);
  });
  for (std::uint64_t i = 0; i < 2; ++i) {
    const std::vector<Job> one = {ImageJob(batch, i)};
    ASSERT_TRUE(queue.Submit(one, {}));
    FinishAll(queue, "w", TakeAll(queue, "w", 1));
    EXPECT_TRUE(
        EventuallyTrue([&] { return used == static_cast<int>(i) + 1; }));
  }
  ASSERT_TRUE(queue.Complete(batch, 2));
}

TEST_P(JobQueueContract, AwaitEndsWhenItIsToldTo) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 3);
  FinishAll(queue, "w", TakeAll(queue, "w", 2));
  std::stop_source stop;
  std::uint64_t used = 0;
  const auto stop_at_second = [&](const JobResult&) -> Result<> {
    if (++used == 2) stop.request_stop();
    return {};
  };
  EXPECT_EQ(queue.Await(batch, 0, stop_at_second, stop.get_token()).value(),
            2u);
  const auto fail = [](const JobResult&) -> Result<> {
    return Fail(ErrorCode::kUnavailable, "the pipe is closed");
  };
  EXPECT_EQ(queue.Await(batch, 0, fail, {}).error().message,
            "the pipe is closed");
}

TEST_P(JobQueueContract, ImagesTravelByValueUntilTheirJobIsDone) {
  JobQueue& queue = Open();
  const std::string batch = queue.Begin("").value();
  std::vector<Job> jobs = ImageJobs(batch, 2);
  jobs[1].image.clear();
  jobs[1].reference = "s3://bucket/1.jpg";
  ASSERT_TRUE(queue.Submit(jobs, {}));
  std::vector<TakenJob> taken = TakeAll(queue, "w", 2);
  std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) {
    return a.job.index < b.job.index;
  });
  EXPECT_EQ(taken[0].job.name, jobs[0].name);
  EXPECT_EQ(taken[0].job.digest, jobs[0].digest);
  EXPECT_EQ(taken[1].job.reference, "s3://bucket/1.jpg");
  const auto pointers = PointersTo(taken);
  auto images = queue.Images(pointers);
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].value(), jobs[0].image);
  EXPECT_EQ(images[1].error().code, ErrorCode::kNotFound);
  EXPECT_EQ(images[1].error().message,
            "the image of album/1.jpg is not in the queue but at "
            "s3://bucket/1.jpg");
  FinishAll(queue, "w", taken);
  images = queue.Images(pointers);
  EXPECT_EQ(images[0].error().code, ErrorCode::kNotFound);
  EXPECT_EQ(images[0].error().message,
            "the image of album/0.jpg is gone from the queue");
}

TEST_P(JobQueueContract, ALargeImageArrivesWhole) {
  JobQueue& queue = Open();
  const std::string batch = queue.Begin("").value();
  std::vector<Job> jobs = {ImageJob(batch, 0)};
  std::mt19937 random(3);
  jobs[0].image.resize(3 << 20);
  for (std::byte& byte : jobs[0].image) byte = std::byte(random());
  ASSERT_TRUE(queue.Submit(jobs, {}));
  const auto taken = TakeAll(queue, "w", 1);
  EXPECT_EQ(queue.Images(PointersTo(taken)).at(0).value(), jobs[0].image);
}

TEST_P(JobQueueContract, SubmittedTwiceIsOneJob) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 3, false);
  ASSERT_TRUE(queue.Submit(ImageJobs(batch, 5), {}));
  FinishAll(queue, "w", TakeAll(queue, "w", 5));
  ASSERT_TRUE(queue.Submit(ImageJobs(batch, 5), {}));
  ASSERT_TRUE(queue.Complete(batch, 5));
  EXPECT_TRUE(queue.Take("w", 5, milliseconds(0), {}).value().empty());
  EXPECT_EQ(queue.Batch(batch)->submitted, 5u);
  EXPECT_EQ(queue.Batch(batch)->done, 5u);
  EXPECT_EQ(AwaitAll(queue, batch).size(), 5u);
}

TEST_P(JobQueueContract, TheFirstResultStays) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 1);
  const auto jobs = TakeAll(queue, "w", 1);
  FinishAll(queue, "w", jobs);
  const std::vector<JobOutcome> again = {
      {.job = &jobs[0], .value = "another", .error = {}}};
  ASSERT_TRUE(queue.Finish("w", again));
  const std::vector<JobOutcome> failed = {
      FailedWith(jobs[0], ErrorCode::kDataLoss, "no image")};
  ASSERT_TRUE(queue.Finish("w", failed));
  EXPECT_EQ(AwaitAll(queue, batch).at(0).value, AnswerTo(jobs[0].job));
  EXPECT_EQ(queue.Batch(batch)->done, 1u);
  EXPECT_EQ(queue.Batch(batch)->failed, 0u);
  EXPECT_TRUE(queue.Dead(10).value().empty());
}

TEST_P(JobQueueContract, WhatMayGoBetterComesAgainUntilItIsGivenUp) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 1);
  for (int attempt = 1; attempt <= Options().max_attempts; ++attempt) {
    const auto jobs = TakeAll(queue, "w", 1);
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs[0].attempt, attempt);
    EXPECT_EQ(queue.Batch(batch)->done, 0u);
    const std::vector<JobOutcome> failed = {FailedWith(
        jobs[0], ErrorCode::kUnavailable, "try " + std::to_string(attempt))};
    ASSERT_TRUE(queue.Finish("w", failed));
  }
  const auto results = AwaitAll(queue, batch);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(results[0].error->message, "try 4");
  EXPECT_EQ(results[0].attempts, 4);
  const auto dead = queue.Dead(10).value();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].job.name, "album/0.jpg");
  EXPECT_EQ(dead[0].job.batch, batch);
  EXPECT_EQ(dead[0].reason, "try 4");
  EXPECT_EQ(dead[0].attempts, 4);
  EXPECT_EQ(queue.Status()->dead, 1u);
  EXPECT_EQ(queue.Status()->waiting + queue.Status()->delayed, 0u);
}

TEST_P(JobQueueContract, WhatCannotGoBetterIsGivenUpAtOnce) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 2);
  const auto jobs = TakeAll(queue, "w", 2);
  std::vector<JobOutcome> outcomes;
  for (const TakenJob& job : jobs) {
    outcomes.push_back(job.job.index == 0
                           ? FailedWith(job, ErrorCode::kDataLoss, "no image")
                           : Answered(job));
  }
  ASSERT_TRUE(queue.Finish("w", outcomes));
  const auto results = AwaitAll(queue, batch);
  EXPECT_EQ(results.at(0).error->message, "no image");
  EXPECT_EQ(results.at(0).value, "");
  EXPECT_FALSE(results.at(1).error);
  const BatchStatus status = queue.Batch(batch).value();
  EXPECT_EQ(status.done, 2u);
  EXPECT_EQ(status.failed, 1u);
}

TEST_P(JobQueueContract, FailedJobsOfABatchGoAgainWithTheirImages) {
  JobQueue& queue = Open();
  const std::string other = NewBatch(queue, 1);
  const std::string batch = NewBatch(queue, 3);
  const auto jobs = TakeAll(queue, "w", 4);
  std::vector<JobOutcome> outcomes;
  for (const TakenJob& job : jobs) {
    outcomes.push_back(job.job.index == 2
                           ? Answered(job)
                           : FailedWith(job, ErrorCode::kDataLoss, "no"));
  }
  ASSERT_TRUE(queue.Finish("w", outcomes));
  EXPECT_EQ(queue.Retry(batch).value(), 2u);
  EXPECT_EQ(queue.Retry(batch).value(), 0u);
  EXPECT_EQ(queue.Batch(batch)->done, 1u);
  EXPECT_EQ(queue.Batch(batch)->failed, 0u);
  EXPECT_EQ(queue.Dead(10)->size(), 1u);
  const auto again = TakeAll(queue, "w", 2);
  EXPECT_EQ(again.at(0).attempt, 1);
  EXPECT_TRUE(queue.Images(PointersTo(again)).at(0).has_value());
  FinishAll(queue, "w", again);
  for (const JobResult& result : AwaitAll(queue, batch)) {
    EXPECT_FALSE(result.error);
  }
  EXPECT_EQ(queue.Batch(other)->failed, 1u);
}

TEST_P(JobQueueContract, ASilentWorkersJobsAreTakenOver) {
  JobQueueOptions options = Options();
  options.takeover = milliseconds(30);
  JobQueue& queue = Open(options);
  const std::string batch = NewBatch(queue, 3);
  EXPECT_EQ(TakeAll(queue, "dies", 3).size(), 3u);
  const auto jobs = TakeAll(queue, "lives", 3);
  std::set<std::uint64_t> indexes;
  for (const TakenJob& job : jobs) {
    EXPECT_GE(job.attempt, 2);
    indexes.insert(job.job.index);
  }
  EXPECT_EQ(indexes.size(), 3u);
  FinishAll(queue, "lives", jobs);
  EXPECT_EQ(AwaitAll(queue, batch).size(), 3u);
}

TEST_P(JobQueueContract, WhoLostItsJobsNeitherKeepsNorDelaysThem) {
  JobQueueOptions options = Options();
  options.takeover = milliseconds(50);
  options.max_attempts = 1000;
  JobQueue& queue = Open(options);
  const std::string batch = NewBatch(queue, 1);
  const auto lost = TakeAll(queue, "paused", 1);
  const auto taken = TakeAll(queue, "other", 1);
  ASSERT_TRUE(queue.Renew("paused", PointersTo(lost)));
  ASSERT_TRUE(queue.Return("paused", PointersTo(lost)));
  const std::vector<JobOutcome> failed = {
      FailedWith(lost[0], ErrorCode::kUnavailable, "asleep")};
  ASSERT_TRUE(queue.Finish("paused", failed));
  EXPECT_EQ(queue.Status()->delayed, 0u);
  EXPECT_EQ(queue.Status()->waiting, 0u);
  EXPECT_EQ(queue.Status()->taken, 1u);
  FinishAll(queue, "other", taken);
  EXPECT_EQ(AwaitAll(queue, batch).at(0).value, AnswerTo(taken[0].job));
}

TEST_P(JobQueueContract, ALateResultCountsAndEndsTheJob) {
  JobQueueOptions options = Options();
  options.takeover = milliseconds(30);
  JobQueue& queue = Open(options);
  const std::string batch = NewBatch(queue, 1);
  const auto slow = TakeAll(queue, "slow", 1);
  EXPECT_EQ(TakeAll(queue, "other", 1).size(), 1u);
  FinishAll(queue, "slow", slow);
  EXPECT_EQ(AwaitAll(queue, batch).size(), 1u);
  EXPECT_EQ(queue.Status()->taken, 0u);
  EXPECT_TRUE(queue.Take("third", 1, milliseconds(60), {}).value().empty());
}

TEST_P(JobQueueContract, AJobThatKillsItsWorkersIsGivenUp) {
  JobQueueOptions options = Options();
  options.takeover = milliseconds(10);
  options.max_attempts = 2;
  JobQueue& queue = Open(options);
  const std::string batch = NewBatch(queue, 1);
  std::vector<JobResult> results;
  std::jthread waiter([&] { results = AwaitAll(queue, batch); });
  ASSERT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(queue.Take("dies", 1, milliseconds(5), {}).has_value());
    return queue.Batch(batch)->done == 1;
  }));
  waiter.join();
  ASSERT_EQ(results.size(), 1u);
  ASSERT_TRUE(results[0].error);
  EXPECT_EQ(results[0].error->message,
            "given up after 2 attempts: its worker died");
  EXPECT_EQ(results[0].attempts, 2);
  EXPECT_EQ(queue.Dead(1)->at(0).reason, results[0].error->message);
}

TEST_P(JobQueueContract, WhatIsHandedBackWasNoAttemptAndComesAtOnce) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 2);
  const auto jobs = TakeAll(queue, "leaves", 2);
  EXPECT_EQ(queue.Status()->workers, std::vector<std::string>{"leaves"});
  ASSERT_TRUE(queue.Return("leaves", PointersTo(jobs)));
  QueueStatus status = queue.Status().value();
  EXPECT_EQ(status.waiting, 2u);
  EXPECT_EQ(status.taken, 0u);
  EXPECT_EQ(status.delayed, 0u);
  EXPECT_TRUE(status.workers.empty());
  const auto again = queue.Take("comes", 2, milliseconds(10'000), {}).value();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].attempt, 1);
  status = queue.Status().value();
  EXPECT_EQ(status.workers, std::vector<std::string>{"comes"});
}

TEST_P(JobQueueContract, SubmitWaitsWhileTheQueueIsFull) {
  JobQueueOptions options = Options();
  options.max_waiting = 4;
  JobQueue& queue = Open(options);
  const std::string batch = queue.Begin("").value();
  std::atomic<bool> submitted = false;
  std::jthread submitter([&] {
    EXPECT_TRUE(queue.Submit(ImageJobs(batch, 20), {}));
    submitted = true;
  });
  for (int done = 0; done < 20; ++done) {
    const auto jobs = TakeAll(queue, "w", 1);
    const QueueStatus status = queue.Status().value();
    EXPECT_LE(status.waiting + status.taken, 4u);
    EXPECT_TRUE(done > 15 || !submitted);
    FinishAll(queue, "w", jobs);
  }
  submitter.join();
  EXPECT_EQ(queue.Batch(batch)->done, 20u);
}

TEST_P(JobQueueContract, SubmitStopsWaiting) {
  JobQueueOptions options = Options();
  options.max_waiting = 2;
  JobQueue& queue = Open(options);
  const std::string batch = queue.Begin("").value();
  std::stop_source stop;
  std::jthread stopper([&] {
    EXPECT_TRUE(EventuallyTrue([&] { return queue.Status()->waiting == 2; }));
    stop.request_stop();
  });
  EXPECT_EQ(queue.Submit(ImageJobs(batch, 3), stop.get_token()).error().code,
            ErrorCode::kCancelled);
}

TEST_P(JobQueueContract, TakeWaitsForWhatIsSubmitted) {
  JobQueue& queue = Open();
  std::vector<TakenJob> jobs;
  std::jthread worker(
      [&] { jobs = queue.Take("w", 8, milliseconds(10'000), {}).value(); });
  NewBatch(queue, 1);
  worker.join();
  EXPECT_EQ(jobs.size(), 1u);
}

TEST_P(JobQueueContract, TakeEndsWhenItIsToldTo) {
  JobQueue& queue = Open();
  EXPECT_TRUE(queue.Take("w", 8, milliseconds(1), {}).value().empty());
  std::stop_source stop;
  std::jthread worker([&] {
    EXPECT_TRUE(queue.Take("w", 8, std::chrono::hours(1), stop.get_token())
                    .value()
                    .empty());
  });
  stop.request_stop();
  worker.join();
  NewBatch(queue, 1);
  EXPECT_TRUE(queue.Take("w", 0, milliseconds(0), {}).value().empty());
  EXPECT_EQ(queue.Take("", 1, milliseconds(0), {}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_P(JobQueueContract, TakeGivesNoMoreThanAsked) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 100);
  std::set<std::uint64_t> indexes;
  while (indexes.size() < 100) {
    const auto jobs = queue.Take("w", 7, milliseconds(10'000), {}).value();
    ASSERT_FALSE(jobs.empty());
    ASSERT_LE(jobs.size(), 7u);
    for (const TakenJob& job : jobs) {
      EXPECT_TRUE(indexes.insert(job.job.index).second);
    }
    FinishAll(queue, "w", jobs);
  }
  EXPECT_EQ(AwaitAll(queue, batch).size(), 100u);
}

TEST_P(JobQueueContract, AnUnknownBatchIsNotFound) {
  JobQueue& queue = Open();
  NewBatch(queue, 1);
  const auto use = [](const JobResult&) -> Result<> { return {}; };
  EXPECT_EQ(queue.Await("nope", 0, use, {}).error().message, "no batch nope");
  EXPECT_EQ(queue.Submit(ImageJobs("nope", 1), {}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(queue.Complete("nope", 0).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Batch("nope").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Retry("nope").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Purge("nope").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Batch("a b{}*").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Batches()->size(), 1u);
}

TEST_P(JobQueueContract, CompleteKnowsHowManyThereAre) {
  JobQueue& queue = Open();
  const std::string batch = NewBatch(queue, 3, false);
  const auto lost = queue.Complete(batch, 4);
  EXPECT_EQ(lost.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(lost.error().message, "batch " + batch +
                                      " has 3 of 4 jobs; submit the others "
                                      "again");
  const auto more = queue.Complete(batch, 2);
  EXPECT_EQ(more.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(queue.Batch(batch)->complete);
  EXPECT_TRUE(queue.Complete(batch, 3));
  EXPECT_TRUE(queue.Batch(batch)->complete);
  const std::string empty = queue.Begin("").value();
  EXPECT_TRUE(queue.Complete(empty, 0));
  EXPECT_TRUE(AwaitAll(queue, empty).empty());
}

TEST_P(JobQueueContract, BadJobsAreRefused) {
  JobQueueOptions options = Options();
  options.max_value_bytes = 10;
  JobQueue& queue = Open(options);
  std::vector<Job> jobs = {ImageJob(queue.Begin("").value(), 0)};
  const auto refused = [&] {
    const auto submitted = queue.Submit(jobs, {});
    EXPECT_FALSE(submitted);
    if (submitted) return std::string();
    EXPECT_EQ(submitted.error().code, ErrorCode::kInvalidArgument);
    return submitted.error().message;
  };
  jobs[0].image.resize(11);
  EXPECT_THAT(refused(),
              HasSubstr("an image of 11 bytes does not travel by value (at "
                        "most 10); submit it as an s3:// or https:// address"));
  jobs[0].image.clear();
  EXPECT_THAT(refused(), HasSubstr("has neither an image nor where it is"));
  jobs[0].reference.assign(20'000, 'r');
  EXPECT_THAT(refused(), HasSubstr("a name of more than 16384 bytes"));
}

TEST_P(JobQueueContract, BatchesAreListedNewestFirst) {
  JobQueue& queue = Open();
  const std::string first = NewBatch(queue, 2);
  backend_->NextMillisecond();
  const std::string second = queue.Begin("two").value();
  const auto batches = queue.Batches().value();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].batch, second);
  EXPECT_EQ(batches[0].description, "two");
  EXPECT_FALSE(batches[0].complete);
  EXPECT_EQ(batches[1].batch, first);
  EXPECT_EQ(batches[1].submitted, 2u);
  EXPECT_EQ(batches[1].done, 0u);
  EXPECT_TRUE(batches[1].complete);
  EXPECT_EQ(batches[1].group, "default");
  EXPECT_LE(batches[1].created, batches[0].created);
}

TEST_P(JobQueueContract, APurgedBatchIsGoneWithItsJobs) {
  JobQueue& queue = Open();
  const std::string kept = NewBatch(queue, 1);
  const std::string batch = NewBatch(queue, 40);
  std::vector<TakenJob> mine;
  for (TakenJob& job : TakeAll(queue, "w", 10)) {
    if (job.job.batch == batch) mine.push_back(std::move(job));
  }
  std::jthread waiter([&] {
    const auto use = [](const JobResult&) -> Result<> { return {}; };
    EXPECT_EQ(queue.Await(batch, 0, use, {}).error().code,
              ErrorCode::kNotFound);
  });
  EXPECT_EQ(queue.Purge(batch).value(), 1u);
  waiter.join();
  FinishAll(queue, "w", mine);
  EXPECT_EQ(queue.Batch(batch).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(queue.Submit(ImageJobs(batch, 1), {}).error().code,
            ErrorCode::kNotFound);
  const QueueStatus status = queue.Status().value();
  EXPECT_EQ(status.waiting + status.taken, 1u);
  EXPECT_EQ(queue.Batches()->size(), 1u);
  EXPECT_EQ(queue.Batches()->at(0).batch, kept);
}

TEST_P(JobQueueContract, PurgeWithoutANameTakesWhatIsFinished) {
  JobQueue& queue = Open();
  const std::string finished = NewBatch(queue, 2);
  const auto jobs = TakeAll(queue, "w", 2);
  const std::vector<JobOutcome> outcomes = {
      Answered(jobs.at(0)),
      FailedWith(jobs.at(1), ErrorCode::kDataLoss, "no image")};
  ASSERT_TRUE(queue.Finish("w", outcomes));
  const std::string waiting = NewBatch(queue, 1);
  const std::string open = queue.Begin("").value();
  EXPECT_EQ(queue.Purge("").value(), 1u);
  EXPECT_EQ(queue.Batch(finished).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(queue.Batch(waiting).has_value());
  EXPECT_TRUE(queue.Batch(open).has_value());
  EXPECT_TRUE(queue.Dead(10).value().empty());
}

TEST_P(JobQueueContract, OldDeadLettersGo) {
  JobQueueOptions options = Options();
  options.partitions = 1;
  options.max_dead = 5;
  JobQueue& queue = Open(options);
  const std::string batch = NewBatch(queue, 8);
  for (const TakenJob& job : TakeAll(queue, "w", 8)) {
    const std::vector<JobOutcome> failed = {
        FailedWith(job, ErrorCode::kDataLoss, std::to_string(job.job.index))};
    ASSERT_TRUE(queue.Finish("w", failed));
  }
  const auto dead = queue.Dead(100).value();
  ASSERT_EQ(dead.size(), 5u);
  EXPECT_EQ(dead[0].reason, "7");
  EXPECT_EQ(dead[4].reason, "3");
  EXPECT_EQ(queue.Dead(2)->size(), 2u);
  EXPECT_EQ(queue.Batch(batch)->failed, 8u);
}

// Three workers compute 400 jobs; one dies every so often with what it holds,
// or fails, or hands back, at random.
TEST_P(JobQueueContract, EveryJobHasOneResultWhateverWorkersDo) {
  JobQueueOptions options = Options();
  options.takeover = milliseconds(20);
  options.max_attempts = 1000;
  JobQueue& queue = Open(options);
  const std::string batch = queue.Begin("").value();
  constexpr std::uint64_t kJobs = 400;
  std::stop_source stop;
  std::vector<std::jthread> workers;
  for (unsigned number = 0; number < 3; ++number) {
    workers.emplace_back([&, number] {
      std::mt19937 random(number);
      std::string name = "w" + std::to_string(number);
      while (!stop.stop_requested()) {
        const auto jobs =
            queue.Take(name, 1 + random() % 8, milliseconds(20), {}).value();
        std::vector<JobOutcome> outcomes;
        switch (random() % 8) {
          case 0:  // Dies.
            name += "'";
            break;
          case 1:
            EXPECT_TRUE(queue.Return(name, PointersTo(jobs)));
            break;
          case 2:  // Is slow about half of them.
            for (std::size_t i = 0; i < jobs.size() / 2; ++i) {
              outcomes.push_back(Answered(jobs[i]));
            }
            EXPECT_TRUE(queue.Renew(name, PointersTo(jobs)));
            EXPECT_TRUE(queue.Finish(name, outcomes));
            break;
          case 3:
            for (const TakenJob& job : jobs) {
              outcomes.push_back(
                  FailedWith(job, ErrorCode::kUnavailable, "later"));
            }
            EXPECT_TRUE(queue.Finish(name, outcomes));
            break;
          default:
            FinishAll(queue, name, jobs);
        }
      }
    });
  }
  std::jthread submitter([&] {
    const std::vector<Job> jobs = ImageJobs(batch, kJobs);
    for (std::uint64_t i = 0; i < kJobs; i += 25) {
      EXPECT_TRUE(queue.Submit(std::span(jobs).subspan(i, 25), {}));
    }
    EXPECT_TRUE(queue.Complete(batch, kJobs));
  });
  const auto results = AwaitAll(queue, batch);
  stop.request_stop();
  workers.clear();
  ASSERT_EQ(results.size(), kJobs);
  for (const JobResult& result : results) {
    EXPECT_EQ(result.value, "answer to " + result.name);
  }
  const BatchStatus status = queue.Batch(batch).value();
  EXPECT_EQ(status.done, kJobs);
  EXPECT_EQ(status.failed, 0u);
  const QueueStatus left = queue.Status().value();
  EXPECT_EQ(left.waiting + left.taken + left.delayed + left.dead, 0u);
}

INSTANTIATE_TEST_SUITE_P(Memory, JobQueueContract,
                         testing::Values(MakeMemoryJobBackend));
INSTANTIATE_TEST_SUITE_P(RedisSingle, JobQueueContract,
                         testing::Values(MakeRedisJobBackend));
INSTANTIATE_TEST_SUITE_P(RedisCluster, JobQueueContract,
                         testing::Values(MakeRedisClusterJobBackend));
INSTANTIATE_TEST_SUITE_P(RedisSentinel, JobQueueContract,
                         testing::Values(MakeRedisSentinelJobBackend));

}  // namespace
}  // namespace ocelli
