#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/parse_number.h"
#include "jobs/job_policy.h"
#include "jobs/job_queue.h"
#include "jobs/redis_job_layout.h"
#include "jobs/redis_job_scripts.h"
#include "redis/redis_client.h"

namespace ocelli {

// What the parts of a queue on Redis share.
struct RedisJobContext {
  RedisClient& redis;
  const JobQueueOptions options;
  const RedisJobLayout layout;
  JobMetrics metrics;
  JobRandom random;

  std::string ResultTtl() const {
    return std::to_string(
        std::chrono::milliseconds(options.result_ttl).count());
  }
  std::string ImageTtl() const {
    return std::to_string(std::chrono::milliseconds(options.image_ttl).count());
  }
  // Of each partition.
  std::string MaxDead() const {
    const auto parts = static_cast<std::size_t>(layout.partitions);
    return std::to_string((options.max_dead + parts - 1) / parts);
  }
};

// At most so much goes into one script: Redis does nothing else meanwhile, and
// Lua takes so many arguments.
inline constexpr std::size_t kScriptJobs = 64;
inline constexpr std::size_t kScriptBytes = 4 << 20;

// 0 for nil and what is none.
inline std::uint64_t CountIn(const RedisReply& reply) {
  if (reply.kind == RedisReply::Kind::kInteger) {
    return reply.integer < 0 ? 0 : static_cast<std::uint64_t>(reply.integer);
  }
  return ParseNumber<std::uint64_t>(reply.text).value_or(0);
}

inline auto StrangeReply(std::string_view doing) {
  return Fail(ErrorCode::kDataLoss,
              std::string(doing) + ": Redis answered what it never should");
}

}  // namespace ocelli
