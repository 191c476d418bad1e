#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "jobs/redis_job_context.h"

namespace ocelli {

// The side of JobQueue that submits. Thread-safe.
class RedisJobSubmitter {
 public:
  explicit RedisJobSubmitter(RedisJobContext& context) : context_(context) {}

  Result<std::string> Begin(std::string_view description);
  Result<> Submit(std::span<const Job> jobs, const std::stop_token& stop);
  Result<> Complete(const std::string& batch, std::uint64_t total);
  // Jobs of the batch before this one were submitted by this queue.
  std::uint64_t Acknowledged(const std::string& batch);
  // Makes a batch that Begin() made, and Redis lost, again. kNotFound.
  Result<> Restore(const std::string& batch);

 private:
  struct Begun {
    std::string description;
    std::uint64_t acknowledged = 0;
  };

  Result<> SubmitSome(std::span<const Job> jobs);
  // That the batches of `jobs` are there, and the images of `jobs`.
  Result<> Prepare(std::span<const Job> jobs);
  void Acknowledge(std::span<const Job> jobs);
  Result<> WaitForRoom(std::size_t jobs, const std::stop_token& stop);
  Result<> List(const std::string& batch, std::int64_t created);

  RedisJobContext& context_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Begun> begun_;  // The newest batches of this queue.
  std::size_t room_ = 0;                // For so many jobs, as of `room_seen_`.
  std::chrono::steady_clock::time_point room_seen_;
};

}  // namespace ocelli
