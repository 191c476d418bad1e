#include "recognize/job_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr milliseconds kLong{20'000};  // Only a broken test waits for it.

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::vector<std::byte> BytesOf(std::string_view text) {
  const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// A condition that a test waits for.
class Signal {
 public:
  void Give() {
    const std::lock_guard lock(mutex_);
    ++given_;
    changed_.notify_all();
  }
  bool Await(int times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return given_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int given_ = 0;
};

// A queue that fails where a test says so.
class TroubledQueue final : public JobQueue {
 public:
  TroubledQueue(JobQueue& inner) : inner_(inner) {}

  std::function<Result<>()> on_take = [] { return Result<>(); };
  std::function<Result<>(std::span<const JobOutcome>)> on_finish = [](auto) {
    return Result<>();
  };
  std::function<void()> on_renew = [] {};

  Result<std::vector<TakenJob>> Take(const std::string& worker, std::size_t max,
                                     milliseconds wait,
                                     const std::stop_token& stop) override {
    if (const auto fine = on_take(); !fine) return fine.Failure();
    return inner_.Take(worker, max, wait, stop);
  }
  Result<> Finish(const std::string& worker,
                  std::span<const JobOutcome> outcomes) override {
    if (const auto fine = on_finish(outcomes); !fine) return fine;
    return inner_.Finish(worker, outcomes);
  }
  Result<> Renew(const std::string& worker,
                 std::span<const TakenJob* const> jobs) override {
    on_renew();
    return inner_.Renew(worker, jobs);
  }

  Result<std::string> Begin(std::string_view description) override {
    return inner_.Begin(description);
  }
  Result<> Submit(std::span<const Job> jobs,
                  const std::stop_token& stop) override {
    return inner_.Submit(jobs, stop);
  }
  Result<> Complete(const std::string& batch, std::uint64_t total) override {
    return inner_.Complete(batch, total);
  }
  Result<std::uint64_t> Await(const std::string& batch, std::uint64_t from,
                              const std::function<Result<>(JobResult)>& use,
                              const std::stop_token& stop) override {
    return inner_.Await(batch, from, use, stop);
  }
  std::vector<Result<std::vector<std::byte>>> Images(
      std::span<const TakenJob* const> jobs) override {
    return inner_.Images(jobs);
  }
  Result<> Return(const std::string& worker,
                  std::span<const TakenJob* const> jobs) override {
    return inner_.Return(worker, jobs);
  }
  Result<QueueStatus> Status() override { return inner_.Status(); }
  Result<std::vector<BatchStatus>> Batches() override {
    return inner_.Batches();
  }
  Result<BatchStatus> Batch(const std::string& batch) override {
    return inner_.Batch(batch);
  }
  Result<std::uint64_t> Retry(const std::string& batch) override {
    return inner_.Retry(batch);
  }
  Result<std::vector<DeadJob>> Dead(std::size_t max) override {
    return inner_.Dead(max);
  }
  Result<std::uint64_t> Purge(const std::string& batch) override {
    return inner_.Purge(batch);
  }
  const JobQueueOptions& options() const override { return inner_.options(); }

 private:
  JobQueue& inner_;
};

class JobWorkerTest : public testing::Test {
 protected:
  JobWorkerTest() {
    options_.name = "one";
    options_.take_wait = milliseconds(50);
    options_.first_pause = milliseconds(1);
    options_.longest_pause = milliseconds(4);
    options_.patience_at_end = milliseconds(50);
    work_.fetch = [](const std::string& reference) {
      return Result<std::vector<std::byte>>(BytesOf("at " + reference));
    };
    work_.answer = [](std::span<const std::byte> image) {
      return Result<JobAnswer>(JobAnswer{"saw " + TextOf(image)});
    };
  }

  Job Image(std::uint64_t index, std::string_view image) {
    Job job;
    job.batch = batch_;
    job.index = index;
    job.name = "image " + std::to_string(index);
    job.image = BytesOf(image);
    return job;
  }

  void Submit(std::vector<Job> jobs) {
    ASSERT_TRUE(memory_->Submit(jobs, {}));
    ASSERT_TRUE(memory_->Complete(batch_, jobs.size()));
  }

  // Works until everything has a result, which it returns: values or errors.
  std::vector<std::string> Results() {
    std::vector<std::string> results;
    JobWorker worker(queue_, work_, options_, nullptr, worked_);
    std::jthread working(
        [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
    const auto end = memory_->Await(
        batch_, 0,
        [&](const JobResult& result) -> Result<> {
          results.push_back(result.error ? "failed: " + result.error->message
                                         : result.value);
          return {};
        },
        {});
    EXPECT_TRUE(end) << end.error().message;
    working.request_stop();
    return results;
  }

  static JobQueueOptions QueueOptions() {
    JobQueueOptions options;
    options.retry_first = milliseconds(1);
    options.retry_last = milliseconds(2);
    return options;
  }

  const std::unique_ptr<JobQueue> memory_ = MakeMemoryJobQueue(QueueOptions());
  TroubledQueue queue_{*memory_};
  const std::string batch_ = memory_->Begin("test").value();
  JobWork work_;
  JobWorkerOptions options_;
  std::function<void(const WorkedJob&)> worked_;
  JobWorkerTotals totals_;
};

TEST_F(JobWorkerTest, AnswersAreInTheOrderOfTheJobs) {
  options_.threads = 4;
  std::vector<Job> jobs;
  for (std::uint64_t i = 0; i < 500; ++i) {
    jobs.push_back(Image(i, std::to_string(i)));
  }
  jobs[7].image.clear();
  jobs[7].reference = "s3://bucket/7";
  Submit(std::move(jobs));
  const auto results = Results();
  ASSERT_EQ(results.size(), 500u);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i],
              i == 7 ? "saw at s3://bucket/7" : "saw " + std::to_string(i));
  }
  EXPECT_EQ(totals_.done, 500u);
  EXPECT_EQ(totals_.failed + totals_.cached + totals_.returned, 0u);
}

TEST_F(JobWorkerTest, WhatIsKnownByDigestNeedsNoImage) {
  std::vector<Job> jobs = {Image(0, "a"), Image(1, "b"), Image(2, "c")};
  jobs[0].digest = Sha256(std::string_view("a"));
  jobs[2].digest = Sha256(std::string_view("c"));
  work_.known = [&](std::span<const Digest> digests) {
    std::vector<std::optional<std::string>> known;
    for (const Digest& digest : digests) {
      known.push_back(digest == *jobs[2].digest ? std::optional("known c")
                                                : std::nullopt);
    }
    return known;
  };
  std::map<std::string, bool> cached;
  worked_ = [&](const WorkedJob& worked) {
    cached[worked.job.job.name] = worked.cached;
  };
  Submit(jobs);
  EXPECT_THAT(Results(), ElementsAre("saw a", "saw b", "known c"));
  EXPECT_EQ(totals_.cached, 1u);
  EXPECT_EQ(cached,
            (std::map<std::string, bool>{
                {"image 0", false}, {"image 1", false}, {"image 2", true}}));
}

TEST_F(JobWorkerTest, AnImageThatIsNotTheSubmittedOneIsAnError) {
  std::vector<Job> jobs = {Image(0, "a")};
  jobs[0].digest = Sha256(std::string_view("b"));
  Submit(std::move(jobs));
  EXPECT_THAT(Results(), ElementsAre(HasSubstr("not the one")));
}

TEST_F(JobWorkerTest, OnlyWhatMayGoBetterIsTriedAgain) {
  std::map<std::string, int> tries;
  std::mutex mutex;
  work_.answer = [&](std::span<const std::byte> image) -> Result<JobAnswer> {
    const std::string text = TextOf(image);
    const std::lock_guard lock(mutex);
    const int nth = ++tries[text];
    if (text == "bad") return Fail(ErrorCode::kInvalidArgument, "no image");
    if (text == "huge") return Fail(ErrorCode::kResourceExhausted, "too large");
    if (text == "flaky" && nth < 3)
      return Fail(ErrorCode::kUnavailable, "away");
    if (text == "never") return Fail(ErrorCode::kUnavailable, "away");
    return JobAnswer{"saw " + text};
  };
  Submit({Image(0, "bad"), Image(1, "flaky"), Image(2, "huge"),
          Image(3, "never"), Image(4, "fine")});
  EXPECT_THAT(Results(),
              ElementsAre("failed: no image", "saw flaky", "failed: too large",
                          "failed: away", "saw fine"));
  EXPECT_EQ(
      tries,
      (std::map<std::string, int>{
          {"bad", 1}, {"flaky", 3}, {"huge", 1}, {"never", 4}, {"fine", 1}}));
}

TEST_F(JobWorkerTest, AQueueThatIsAwayIsWaitedFor) {
  std::atomic<int> takes = 0, finishes = 0;
  queue_.on_take = [&]() -> Result<> {
    if (++takes <= 5) return Fail(ErrorCode::kUnavailable, "nobody there");
    return {};
  };
  queue_.on_finish = [&](auto) -> Result<> {
    const int nth = ++finishes;
    if (nth <= 3) return Fail(ErrorCode::kDeadlineExceeded, "no answer");
    if (nth <= 5) return Fail(ErrorCode::kResourceExhausted, "OOM");
    return {};
  };
  Submit({Image(0, "a"), Image(1, "b")});
  testing::internal::CaptureStderr();
  EXPECT_THAT(Results(), ElementsAre("saw a", "saw b"));
  const std::string log = testing::internal::GetCapturedStderr();
  // Once for the takes, once for the finishes: not eleven times.
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 4) << log;
  EXPECT_THAT(log, HasSubstr("nobody there"));
}

TEST_F(JobWorkerTest, AResultThatCannotBeStoredDoesNotHoldUpTheOthers) {
  std::set<std::string> refused;
  queue_.on_finish = [&](std::span<const JobOutcome> outcomes) -> Result<> {
    for (const JobOutcome& outcome : outcomes) {
      if (outcome.value == "saw b" && refused.insert("b").second) {
        return Fail(ErrorCode::kFailedPrecondition, "WRONGTYPE");
      }
      if (outcome.value == "saw b" && outcomes.size() == 1) {
        // Given up by this worker; the queue gives it to another one.
        return Fail(ErrorCode::kFailedPrecondition, "WRONGTYPE");
      }
    }
    return {};
  };
  std::vector<std::string> seen;
  Signal done;
  worked_ = [&](const WorkedJob& worked) {
    seen.push_back(worked.job.job.name);
    done.Give();
  };
  Submit({Image(0, "a"), Image(1, "b"), Image(2, "c")});
  JobWorker worker(queue_, work_, options_, nullptr, worked_);
  std::jthread working(
      [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
  EXPECT_TRUE(done.Await(2));
  working.request_stop();
  working.join();
  EXPECT_THAT(seen, testing::UnorderedElementsAre("image 0", "image 2"));
}

TEST_F(JobWorkerTest, AtTheEndWhatItIsAtIsFinishedAndTheRestHandedBack) {
  Signal begun, go_on;
  work_.answer = [&](std::span<const std::byte> image) {
    begun.Give();
    EXPECT_TRUE(go_on.Await());
    return Result<JobAnswer>(JobAnswer{"saw " + TextOf(image)});
  };
  std::vector<Job> jobs;
  for (std::uint64_t i = 0; i < 20; ++i) jobs.push_back(Image(i, "x"));
  Submit(std::move(jobs));
  JobWorker worker(queue_, work_, options_);
  std::jthread working(
      [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
  ASSERT_TRUE(begun.Await());
  working.request_stop();
  go_on.Give();
  working.join();
  EXPECT_EQ(totals_.done, 1u);
  const QueueStatus status = memory_->Status().value();
  EXPECT_EQ(status.taken, 0u);
  EXPECT_EQ(status.waiting, 19u);
}

TEST_F(JobWorkerTest, FetchesThatAreStoppedGoBackToo) {
  std::jthread working;
  Signal begun, stopped;
  work_.fetch = [&](const std::string&) -> Result<std::vector<std::byte>> {
    begun.Give();
    EXPECT_TRUE(stopped.Await());
    return Fail(ErrorCode::kCancelled, "stopped");
  };
  Job job = Image(0, "");
  job.reference = "https://example.org/a.jpg";
  Submit({job});
  JobWorker worker(queue_, work_, options_);
  working = std::jthread(
      [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
  ASSERT_TRUE(begun.Await());
  working.request_stop();
  stopped.Give();
  working.join();
  EXPECT_EQ(totals_.returned, 1u);
  EXPECT_EQ(memory_->Status()->waiting, 1u);
}

TEST_F(JobWorkerTest, AStopDuringAnOutageEndsIt) {
  Signal failing;
  queue_.on_finish = [&](auto) -> Result<> {
    failing.Give();
    return Fail(ErrorCode::kUnavailable, "nobody there");
  };
  Submit({Image(0, "a")});
  JobWorker worker(queue_, work_, options_);
  std::jthread working(
      [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
  ASSERT_TRUE(failing.Await(3));
  working.request_stop();
  working.join();
  EXPECT_EQ(totals_.done, 0u);
}

TEST_F(JobWorkerTest, SaysThatItIsStillAtIt) {
  options_.renew_every = milliseconds(1);
  Signal renewed;
  queue_.on_renew = [&] { renewed.Give(); };
  work_.answer = [&](std::span<const std::byte>) -> Result<JobAnswer> {
    EXPECT_TRUE(renewed.Await(3));
    return JobAnswer{"at last"};
  };
  Submit({Image(0, "a")});
  EXPECT_THAT(Results(), ElementsAre("at last"));
}

TEST_F(JobWorkerTest, CountsWhatItDoes) {
  MetricsRegistry metrics;
  work_.answer = [](std::span<const std::byte> image) -> Result<JobAnswer> {
    if (TextOf(image) == "bad") return Fail(ErrorCode::kDataLoss, "bad");
    return JobAnswer{"fine", TextOf(image) == "cached"};
  };
  Submit({Image(0, "bad"), Image(1, "cached"), Image(2, "new"),
          Image(3, "new too")});
  Signal done;
  JobWorker worker(queue_, work_, options_, &metrics,
                   [&](const WorkedJob&) { done.Give(); });
  std::jthread working(
      [&](const std::stop_token& stop) { totals_ = worker.Run(stop); });
  ASSERT_TRUE(done.Await(4));
  working.request_stop();
  working.join();
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("{outcome=\"computed\"} 2"));
  EXPECT_THAT(text, HasSubstr("{outcome=\"cached\"} 1"));
  EXPECT_THAT(text, HasSubstr("{outcome=\"failed\"} 1"));
}

}  // namespace
}  // namespace ocelli
