#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "jobs/job_queue.h"
#include "jobs/job_record.h"
#include "jobs/test_job_queue.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kStream[] = "ocelli:{jobs:default:0}:stream";
constexpr char kDelayed[] = "ocelli:{jobs:default:0}:delayed";

class RedisJobQueueTest : public testing::Test {
 protected:
  void SetUp() override { FlushTestRedis(*client_); }

  std::unique_ptr<JobQueue> Open(const JobQueueOptions& options = {},
                                 MetricsRegistry* metrics = nullptr) {
    return std::move(OpenRedisJobQueue(*client_, options, metrics).value());
  }
  RedisReply Run(std::vector<std::string> words) {
    auto reply = client_->Run({std::move(words), RedisEffect::kRepeatable, 0});
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? std::move(*reply) : RedisReply();
  }
  static std::string ResultsOf(const std::string& batch) {
    return "ocelli:{jobs:default:0}:result:" + batch;
  }
  static std::string ImageOf(const std::string& batch, int index) {
    return "ocelli:{jobs:default:0}:image:" + batch + ":" +
           std::to_string(index);
  }
  static JobQueueOptions OneTry() {
    JobQueueOptions options;
    options.max_attempts = 1;
    return options;
  }

  RedisServer* server_ = &SharedRedisServer();
  std::unique_ptr<RedisClient> client_ = OpenTestRedis(server_->url());
};

TEST_F(RedisJobQueueTest, MachinesShareAQueue) {
  const auto submitter = Open();
  const auto other_client = OpenTestRedis(server_->url());
  const auto worker = OpenRedisJobQueue(*other_client).value();
  const std::string batch = NewBatch(*submitter, 3);
  FinishAll(*worker, "w", TakeAll(*worker, "w", 3));
  EXPECT_EQ(AwaitAll(*submitter, batch).size(), 3u);
  EXPECT_EQ(worker->Batches()->at(0).batch, batch);
}

TEST_F(RedisJobQueueTest, GroupsAreApart) {
  JobQueueOptions north;
  north.group = "mall-north";
  const auto queue = Open(north);
  const auto other = Open();
  const std::string batch = NewBatch(*queue, 1);
  EXPECT_TRUE(other->Take("w", 1, milliseconds(0), {}).value().empty());
  EXPECT_EQ(other->Batch(batch).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(other->Batches()->empty());
  EXPECT_EQ(TakeAll(*queue, "w", 1).size(), 1u);
}

TEST_F(RedisJobQueueTest, BadOptionsAreSaidToBe) {
  JobQueueOptions options;
  options.group = "a}{b";
  EXPECT_EQ(OpenRedisJobQueue(*client_, options).error().code,
            ErrorCode::kInvalidArgument);
  options.group = "g";
  options.partitions = 4;
  EXPECT_TRUE(OpenRedisJobQueue(*client_, options));
  options.partitions = 5;
  const auto other = OpenRedisJobQueue(*client_, options);
  EXPECT_EQ(other.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(other.error().message, HasSubstr("it has 4 partitions, not 5"));
  options.partitions = 0;  // As it is.
  EXPECT_TRUE(OpenRedisJobQueue(*client_, options));
  options.partitions = 5000;
  EXPECT_EQ(OpenRedisJobQueue(*client_, options).error().code,
            ErrorCode::kInvalidArgument);
  Run({"SET", "ocelli:jobs:default:partitions", "many"});
  EXPECT_THAT(OpenRedisJobQueue(*client_).error().message,
              HasSubstr("is no number of partitions; another program's?"));
}

TEST_F(RedisJobQueueTest, NobodyThereIsSaid) {
  const auto client = OpenTestRedis("redis://127.0.0.1:1");
  const auto queue = OpenRedisJobQueue(*client);
  EXPECT_EQ(queue.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(queue.error().message,
              HasSubstr("opening the jobs of group default"));
}

TEST_F(RedisJobQueueTest, WhatIsNoJobBecomesADeadLetter) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 1);
  Run({"XADD", kStream, "*", "task", "celery"});
  std::string later = EncodeJob(ImageJob(batch, 5));
  later[3] = '\x09';
  Run({"XADD", kStream, "*", "job", later});
  Run({"XADD", kStream, "*", "job",
       EncodeJob(ImageJob(batch, 5)).substr(0, 15)});
  const auto jobs = queue->Take("w", 10, milliseconds(0), {}).value();
  ASSERT_EQ(jobs.size(), 1u);
  FinishAll(*queue, "w", jobs);
  std::vector<std::string> reasons;
  const auto letters = queue->Dead(10).value();
  for (const DeadJob& dead : letters) {
    reasons.push_back(dead.reason);
  }
  EXPECT_THAT(
      reasons,
      ElementsAre("a damaged job",
                  "a job of another version of Ocelli (9, this one knows 1)",
                  "not a job of Ocelli"));
  EXPECT_EQ(queue->Status()->taken + queue->Status()->waiting, 0u);
  EXPECT_EQ(AwaitAll(*queue, batch).size(), 1u);
}

TEST_F(RedisJobQueueTest, ADamagedResultCostsThatResult) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 3);
  FinishAll(*queue, "w", TakeAll(*queue, "w", 3));
  Run({"HSET", ResultsOf(batch), "1", "pickled"});
  const auto results = AwaitAll(*queue, batch);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_FALSE(results[0].error);
  EXPECT_EQ(results[1].error->code, ErrorCode::kDataLoss);
  EXPECT_THAT(results[1].error->message, HasSubstr("not a result of Ocelli"));
  EXPECT_FALSE(results[2].error);
}

TEST_F(RedisJobQueueTest, AnotherProgramsKeysAreLeftAlone) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 1);
  Run({"SET", kStream, "theirs"});
  const auto submitted = queue->Submit(ImageJobs(batch, 3), {});
  EXPECT_EQ(submitted.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(submitted.error().message, HasSubstr("WRONGTYPE"));
  EXPECT_EQ(Run({"HGET", ResultsOf(batch), "2"}).nil(), true);
  EXPECT_EQ(queue->Take("w", 1, milliseconds(10'000), {}).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(Run({"GET", kStream}).text, "theirs");
}

TEST_F(RedisJobQueueTest, AnImageThatIsGoneIsOneOutcome) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 2);
  const auto ttl = Run({"PTTL", ImageOf(batch, 0)}).integer;
  EXPECT_GT(ttl, 0);
  EXPECT_LE(ttl, milliseconds(queue->options().image_ttl).count());
  Run({"PEXPIRE", ImageOf(batch, 1), "1"});
  ASSERT_TRUE(EventuallyTrue([&] {
    return Run({"EXISTS", ImageOf(batch, 1)}).integer == 0;
  }));
  const auto jobs = TakeAll(*queue, "w", 2);
  const auto images = queue->Images(PointersTo(jobs));
  std::vector<JobOutcome> outcomes;
  for (std::size_t i = 0; i < 2; ++i) {
    JobOutcome outcome = Answered(jobs[i]);
    if (!images[i]) outcome.error = images[i].error();
    outcomes.push_back(outcome);
  }
  ASSERT_TRUE(queue->Finish("w", outcomes));
  const auto results = AwaitAll(*queue, batch);
  EXPECT_FALSE(results.at(0).error);
  EXPECT_EQ(results.at(1).error->code, ErrorCode::kNotFound);
  EXPECT_EQ(results.at(1).error->message,
            "the image of album/1.jpg is gone from the queue");
}

TEST_F(RedisJobQueueTest, EverythingOfABatchEndsByItself) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 1);
  FinishAll(*queue, "w", TakeAll(*queue, "w", 1));
  for (const std::string& key :
       {ResultsOf(batch), "ocelli:jobs:default:batch:" + batch}) {
    EXPECT_GT(Run({"PTTL", key}).integer, 0) << key;
  }
  // As when its time is over.
  Run({"DEL", "ocelli:jobs:default:batch:" + batch});
  EXPECT_TRUE(queue->Batches()->empty());
  EXPECT_EQ(Run({"ZCARD", "ocelli:jobs:default:batches"}).integer, 0);
}

TEST_F(RedisJobQueueTest, NothingOfAPurgedBatchRemains) {
  const auto queue = Open(OneTry());
  const std::string batch = NewBatch(*queue, 300);
  const auto jobs = TakeAll(*queue, "w", 20);
  for (std::size_t i = 0; i < 10; ++i) {
    const std::vector<JobOutcome> failed = {
        FailedWith(jobs[i], ErrorCode::kUnavailable, "no")};
    ASSERT_TRUE(queue->Finish("w", failed));
  }
  ASSERT_TRUE(queue->Purge(batch));
  std::vector<std::string> keys;
  for (const RedisReply& key : Run({"KEYS", "*"}).elements) {
    if (key.text.find(batch) != std::string::npos) keys.push_back(key.text);
  }
  // The mark that it was purged.
  EXPECT_THAT(keys, ElementsAre("ocelli:jobs:default:batch:" + batch));
  EXPECT_EQ(Run({"XLEN", kStream}).integer, 0);
  EXPECT_TRUE(queue->Dead(10)->empty());
}

TEST_F(RedisJobQueueTest, RenewingKeepsAJob) {
  const auto queue = Open();
  NewBatch(*queue, 1);
  const auto jobs = TakeAll(*queue, "w", 1);
  const auto idle = [&] {
    return Run({"XPENDING", kStream, "workers", "-", "+", "1"})
        .elements.at(0)
        .elements.at(2)
        .integer;
  };
  ASSERT_TRUE(EventuallyTrue([&] { return idle() >= 50; }));
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(queue->Renew("w", PointersTo(jobs)));
    return idle() < 50;
  }));
  const auto deliveries = Run({"XPENDING", kStream, "workers", "-", "+", "1"});
  EXPECT_EQ(deliveries.elements.at(0).elements.at(3).integer, 1);
}

// A delayed job whose delay Redis no longer knows.
TEST_F(RedisJobQueueTest, NoJobWaitsForever) {
  JobQueueOptions options;
  options.takeover = milliseconds(20);
  options.retry_first = options.retry_last = std::chrono::hours(10);
  const auto queue = Open(options);
  NewBatch(*queue, 1);
  const auto jobs = TakeAll(*queue, "w", 1);
  const std::vector<JobOutcome> failed = {
      FailedWith(jobs[0], ErrorCode::kUnavailable, "later")};
  ASSERT_TRUE(queue->Finish("w", failed));
  EXPECT_EQ(queue->Status()->delayed, 1u);
  EXPECT_TRUE(queue->Take("w", 1, milliseconds(50), {})->empty());
  Run({"DEL", kDelayed});
  EXPECT_EQ(TakeAll(*queue, "w", 1).at(0).attempt, 2);
}

TEST_F(RedisJobQueueTest, AFullRedisTakesNoJobsAndLosesNone) {
  RedisServerOptions bounded;
  bounded.arguments = {"--maxmemory", "6mb", "--maxmemory-policy",
                       "noeviction"};
  RedisServer small(bounded);
  const auto client = OpenTestRedis(small.url());
  const auto queue = OpenRedisJobQueue(*client).value();
  const std::string batch = queue->Begin("").value();
  std::vector<Job> jobs = ImageJobs(batch, 60);
  for (Job& job : jobs) job.image.resize(200'000);
  const auto full = queue->Submit(jobs, {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(full.error().message, HasSubstr("submitting jobs: "));
  // Workers make room, which submitters wait for.
  ASSERT_TRUE(small.Run({"CONFIG", "SET", "maxmemory", "4mb"}));
  std::set<std::uint64_t> computed;
  for (int round = 0; round < 100 && computed.size() < 60; ++round) {
    const auto taken = queue->Take("w", 8, milliseconds(0), {}).value();
    for (const TakenJob& job : taken) {
      EXPECT_TRUE(computed.insert(job.job.index).second);
      FinishAll(*queue, "w", {job});
    }
    const std::size_t at = computed.size();
    const auto more = queue->Submit(
        std::span(jobs).subspan(at, std::min<std::size_t>(5, 60 - at)), {});
    if (!more) {
      EXPECT_EQ(more.error().code, ErrorCode::kResourceExhausted);
    }
  }
  EXPECT_TRUE(queue->Complete(batch, 60));
  EXPECT_EQ(AwaitAll(*queue, batch).size(), 60u);
}

TEST_F(RedisJobQueueTest, ARestartInTheMiddleLosesNothing) {
  RedisServerOptions durable;
  durable.append_only = true;
  RedisServer server(durable);
  RedisOptions patient;
  patient.patience = std::chrono::seconds(30);
  const auto client = OpenTestRedis(server.url(), patient);
  JobQueueOptions options;
  options.takeover = milliseconds(100);
  options.max_attempts = 100;
  const auto queue = OpenRedisJobQueue(*client, options).value();
  const std::string batch = queue->Begin("").value();
  constexpr std::uint64_t kJobs = 600;
  std::stop_source stop;
  std::atomic<std::uint64_t> used = 0;
  std::jthread worker([&] {
    while (!stop.stop_requested()) {
      const auto jobs = queue->Take("w", 8, milliseconds(50), {});
      if (jobs) FinishAll(*queue, "w", *jobs);
    }
  });
  std::jthread submitter([&] {
    const auto jobs = ImageJobs(batch, kJobs);
    for (std::uint64_t i = 0; i < kJobs; i += 20) {
      // Not all before the restart.
      EXPECT_TRUE(EventuallyTrue([&] { return used + 200 > i; }));
      EXPECT_TRUE(queue->Submit(std::span(jobs).subspan(i, 20), {}));
    }
    EXPECT_TRUE(queue->Complete(batch, kJobs));
  });
  std::vector<std::uint64_t> indexes;
  const auto end = queue->Await(batch, 0,
                                [&](const JobResult& result) -> Result<> {
                                  indexes.push_back(result.index);
                                  ++used;
                                  if (used == 150) {
                                    server.Kill();
                                    server.Restart();
                                  }
                                  return {};
                                },
                                {});
  stop.request_stop();
  EXPECT_TRUE(end) << end.error().message;
  ASSERT_EQ(indexes.size(), kJobs);
  for (std::uint64_t i = 0; i < kJobs; ++i) EXPECT_EQ(indexes[i], i);
  EXPECT_EQ(queue->Batch(batch)->done, kJobs);
}

// As a failover to a replica that had not heard of them yet.
TEST_F(RedisJobQueueTest, LostJobsAreAskedForAgain) {
  const auto queue = Open();
  const std::string batch = NewBatch(*queue, 4, false);
  FinishAll(*queue, "w", TakeAll(*queue, "w", 4));
  Run({"HDEL", ResultsOf(batch), "2", "3"});
  Run({"HINCRBY", ResultsOf(batch), "submitted", "-2"});
  EXPECT_EQ(queue->Complete(batch, 4).error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(queue->Submit(ImageJobs(batch, 4), {}));
  ASSERT_TRUE(queue->Complete(batch, 4));
  Run({"HDEL", ResultsOf(batch), "3"});  // Later still.

  std::uint64_t next = 0;
  const auto use = [&](const JobResult& result) -> Result<> {
    EXPECT_EQ(result.index, next++);
    return {};
  };
  FinishAll(*queue, "w", TakeAll(*queue, "w", 2));
  const auto lost = queue->Await(batch, 0, use, {});
  EXPECT_EQ(next, 3u);
  EXPECT_EQ(lost.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(lost.error().message,
            "job 3 of batch " + batch + " was lost; submit it again");
  const std::vector<Job> again = {ImageJob(batch, 3)};
  ASSERT_TRUE(queue->Submit(again, {}));
  FinishAll(*queue, "w", TakeAll(*queue, "w", 1));
  EXPECT_EQ(queue->Await(batch, next, use, {}).value(), 4u);
}

TEST_F(RedisJobQueueTest, ALostBatchIsMadeAgainByWhoBeganIt) {
  const auto queue = Open();
  const std::string batch = queue->Begin("holidays").value();
  const auto lose = [&] { Run({"DEL", "ocelli:jobs:default:batch:" + batch}); };
  lose();
  ASSERT_TRUE(queue->Submit(ImageJobs(batch, 1), {}));
  EXPECT_EQ(queue->Batch(batch)->description, "holidays");
  lose();
  EXPECT_EQ(Open()->Submit(ImageJobs(batch, 1), {}).error().code,
            ErrorCode::kNotFound);
  EXPECT_TRUE(queue->Complete(batch, 1));
  EXPECT_TRUE(queue->Batch(batch)->complete);
}

TEST_F(RedisJobQueueTest, MetricsSayHowItStands) {
  MetricsRegistry metrics;
  const auto queue = Open({}, &metrics);
  NewBatch(*queue, 5);
  const auto jobs = TakeAll(*queue, "a", 3);
  const std::vector<JobOutcome> outcomes = {
      Answered(jobs.at(0)),
      FailedWith(jobs.at(1), ErrorCode::kDataLoss, "no image"),
      FailedWith(jobs.at(2), ErrorCode::kUnavailable, "later")};
  ASSERT_TRUE(queue->Finish("a", outcomes));
  ASSERT_TRUE(queue->Status());
  const std::string text = metrics.Text();
  for (const char* line : {"ocelli_jobs_waiting{group=\"default\"} 2",
                           "ocelli_jobs_taken{group=\"default\"} 0",
                           "ocelli_jobs_delayed{group=\"default\"} 1",
                           "ocelli_jobs_dead{group=\"default\"} 1",
                           "ocelli_jobs_submitted_total{group=\"default\"} 5",
                           "ocelli_jobs_done_total{group=\"default\"} 1",
                           "ocelli_jobs_failed_total{group=\"default\"} 1",
                           "ocelli_jobs_retried_total{group=\"default\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(RedisJobQueueTest, AWorkerShowsGaugesByItself) {
  MetricsRegistry metrics;
  const auto queue = Open({}, &metrics);
  const auto other = Open();
  NewBatch(*other, 5);
  ASSERT_TRUE(queue->Take("w", 1, milliseconds(0), {}));
  EXPECT_THAT(metrics.Text(),
              HasSubstr("ocelli_jobs_waiting{group=\"default\"} 5"));
}

// Clocks of machines may be ten minutes apart: only Redis's counts.
TEST_F(RedisJobQueueTest, TimeIsThatOfRedis) {
  const auto now = [&] {
    const auto time = Run({"TIME"});
    return std::chrono::system_clock::time_point(
        std::chrono::seconds(std::stoll(time.elements.at(0).text)) +
        std::chrono::microseconds(std::stoll(time.elements.at(1).text)));
  };
  const auto queue = Open();
  const auto before = now();
  const std::string batch = NewBatch(*queue, 1);
  const auto created = queue->Batch(batch)->created;
  EXPECT_GE(created, before - milliseconds(1));
  EXPECT_LE(created, now());

  int sources = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(OCELLI_SOURCE_DIR "/src/jobs")) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("redis_job") || name.ends_with("_test.cc")) continue;
    ++sources;
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    for (const char* wall : {"system_clock::now", "WallTime", "SystemClock",
                             "time(nullptr)", "gettimeofday"}) {
      EXPECT_THAT(text.str(), testing::Not(HasSubstr(wall))) << name;
    }
  }
  EXPECT_GT(sources, 5);
}

}  // namespace
}  // namespace ocelli
