#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/redis_job_context.h"

namespace ocelli {

// The side of JobQueue that works. Thread-safe.
class RedisJobTaker {
 public:
  explicit RedisJobTaker(RedisJobContext& context);

  Result<std::vector<TakenJob>> Take(const std::string& worker, std::size_t max,
                                     std::chrono::milliseconds wait,
                                     const std::stop_token& stop);
  std::vector<Result<std::vector<std::byte>>> Images(
      std::span<const TakenJob* const> jobs);
  Result<> Renew(const std::string& worker,
                 std::span<const TakenJob* const> jobs);
  Result<> Finish(const std::string& worker,
                  std::span<const JobOutcome> outcomes);
  Result<> Return(const std::string& worker,
                  std::span<const TakenJob* const> jobs);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // What is known of a partition's silent workers.
  struct Search {
    SteadyTime next;    // When to look for them again.
    SteadyTime forget;  // When to forget consumers that are gone.
    std::string cursor = "-";
  };
  struct Round {
    std::vector<TakenJob> jobs;
    std::chrono::milliseconds next_due = std::chrono::hours(1);
    std::optional<Error> error;  // Of some partition.
  };

  Round TakeNow(const std::string& worker, std::size_t max);
  RedisClient::ScriptCall TakeCall(const std::string& worker, int partition,
                                   std::size_t count);
  // Adds what a partition gave to `round`; how many entries there were.
  std::size_t Unpack(const std::string& worker, int partition,
                     const RedisReply& reply, Round& round);
  void Reject(int partition, const std::string& entry,
              const std::string& reason, const std::string& what);
  void Listen();

  RedisJobContext& context_;

  std::mutex mutex_;
  std::condition_variable_any rung_;
  // Guarded by mutex_.
  std::uint64_t rings_ = 0;
  int first_ = 0;  // The partition to be asked first.
  std::vector<Search> searches_;

  std::once_flag listening_;
  // Last: its callback uses what is above.
  std::unique_ptr<RedisSubscription> subscription_;
};

}  // namespace ocelli
