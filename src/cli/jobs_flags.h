#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "core/result.h"
#include "jobs/job_queue.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

// Which queue is meant.
struct JobsFlags {
  std::string redis;  // Empty: redis.groups.GROUP, else redis.url.
  std::string group = JobQueueOptions{}.group;
};

void AddJobsFlags(CLI::App& command, JobsFlags& flags);

// Where the jobs of the group are: --redis, the setting redis.groups.GROUP, or
// redis.url (OCELLI_REDIS_URL). kInvalidArgument where none says it.
Result<std::string> JobsAddress(const CommandContext& context,
                                const JobsFlags& flags);

struct OpenedJobs {
  std::unique_ptr<RedisClient> redis;
  std::unique_ptr<JobQueue> queue;  // Uses it.
};
// Fails where nobody answers, lets us in or can be used. `options` of the
// client hold from then on; `metrics` (null: none) outlives what is returned.
Result<OpenedJobs> OpenJobs(const CommandContext& context,
                            const JobsFlags& flags,
                            const RedisOptions& redis_options,
                            JobQueueOptions queue_options = {},
                            MetricsRegistry* metrics = nullptr);

// Of commands that people wait for: a failover is not theirs to see.
RedisOptions PatientRedis();

// " --group mall-north", or nothing for the usual one: for a command that a
// message proposes.
std::string GroupArgument(const JobsFlags& flags);

}  // namespace ocelli
