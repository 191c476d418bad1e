#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jobs/redis_job_context.h"

namespace ocelli {

// The side of JobQueue that looks after it. Thread-safe.
class RedisJobKeeper {
 public:
  explicit RedisJobKeeper(RedisJobContext& context) : context_(context) {}

  Result<QueueStatus> Status();
  Result<std::vector<BatchStatus>> Batches();
  Result<BatchStatus> Batch(const std::string& batch);
  Result<std::uint64_t> Retry(const std::string& batch);
  Result<std::vector<DeadJob>> Dead(std::size_t max);
  Result<std::uint64_t> Purge(const std::string& batch);

 private:
  // Of those that are there.
  Result<std::vector<BatchStatus>> StatusOf(
      std::span<const std::string> batches);
  Result<> PurgeBatch(const std::string& batch);
  // Every entry of a stream, oldest first.
  Result<> ForEachEntry(
      const std::string& stream,
      const std::function<Result<>(const RedisReply& entry)>& visit);
  // Runs and forgets `commands`.
  Result<> RunAll(std::vector<RedisCommand>& commands);

  RedisJobContext& context_;
};

}  // namespace ocelli
