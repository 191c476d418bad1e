#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job_queue.h"

namespace ocelli {

// What the tests of queues share.

inline std::vector<std::byte> BytesOfText(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline Job ImageJob(const std::string& batch, std::uint64_t index) {
  Job job;
  job.batch = batch;
  job.index = index;
  job.name = "album/" + std::to_string(index) + ".jpg";
  job.image = BytesOfText("image " + std::to_string(index));
  job.digest = Sha256(job.image);
  return job;
}

inline std::vector<Job> ImageJobs(const std::string& batch,
                                  std::uint64_t count) {
  std::vector<Job> jobs;
  for (std::uint64_t i = 0; i < count; ++i) jobs.push_back(ImageJob(batch, i));
  return jobs;
}

inline std::string AnswerTo(const Job& job) { return "answer to " + job.name; }

inline JobOutcome Answered(const TakenJob& taken) {
  return {.job = &taken, .value = AnswerTo(taken.job), .error = {}};
}

inline JobOutcome FailedWith(const TakenJob& taken, ErrorCode code,
                             const std::string& message) {
  return {.job = &taken, .value = {}, .error = Error{code, message}};
}

inline std::vector<const TakenJob*> PointersTo(
    const std::vector<TakenJob>& jobs) {
  std::vector<const TakenJob*> pointers;
  for (const TakenJob& job : jobs) pointers.push_back(&job);
  return pointers;
}

// Takes until there are `count` jobs or ten seconds are over.
inline std::vector<TakenJob> TakeAll(JobQueue& queue, const std::string& worker,
                                     std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::vector<TakenJob> all;
  while (all.size() < count && std::chrono::steady_clock::now() < end) {
    auto jobs = queue.Take(worker, count - all.size(),
                           std::chrono::milliseconds(500), {});
    if (!jobs) {
      ADD_FAILURE() << jobs.error().message;
      break;
    }
    for (TakenJob& job : *jobs) all.push_back(std::move(job));
  }
  EXPECT_EQ(all.size(), count);
  return all;
}

inline void FinishAll(JobQueue& queue, const std::string& worker,
                      const std::vector<TakenJob>& jobs) {
  std::vector<JobOutcome> outcomes;
  for (const TakenJob& job : jobs) outcomes.push_back(Answered(job));
  const auto finished = queue.Finish(worker, outcomes);
  EXPECT_TRUE(finished) << finished.error().message;
}

// A batch with `count` images submitted.
inline std::string NewBatch(JobQueue& queue, std::uint64_t count,
                            bool complete = true) {
  const std::string batch = queue.Begin("a test").value();
  const auto submitted = queue.Submit(ImageJobs(batch, count), {});
  EXPECT_TRUE(submitted) << submitted.error().message;
  if (complete) {
    const auto completed = queue.Complete(batch, count);
    EXPECT_TRUE(completed) << completed.error().message;
  }
  return batch;
}

inline std::vector<JobResult> AwaitAll(JobQueue& queue,
                                       const std::string& batch) {
  std::vector<JobResult> results;
  const auto end = queue.Await(batch, 0,
                               [&](JobResult result) -> Result<> {
                                 results.push_back(std::move(result));
                                 return {};
                               },
                               {});
  EXPECT_TRUE(end) << end.error().message;
  for (std::uint64_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].index, i);
  }
  return results;
}

}  // namespace ocelli
