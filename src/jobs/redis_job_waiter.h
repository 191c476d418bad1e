#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "jobs/redis_job_context.h"
#include "jobs/redis_job_submitter.h"

namespace ocelli {

// JobQueue::Await(). `submitter` knows what it submitted itself: that Redis
// lost it can be seen before the batch is complete.
Result<std::uint64_t> AwaitRedisResults(
    RedisJobContext& context, RedisJobSubmitter& submitter,
    const std::string& batch, std::uint64_t from,
    const std::function<Result<>(JobResult)>& use, const std::stop_token& stop);

}  // namespace ocelli
