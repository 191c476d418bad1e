#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "jobs/redis_job_context.h"

namespace ocelli {

// JobQueue::Await().
Result<std::uint64_t> AwaitRedisResults(
    RedisJobContext& context, const std::string& batch, std::uint64_t from,
    const std::function<Result<>(JobResult)>& use, const std::stop_token& stop);

}  // namespace ocelli
