#include "cli/jobs_flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/redis_flags.h"

namespace ocelli {

void AddJobsFlags(CLI::App& command, JobsFlags& flags) {
  const std::string group = "Queue";
  command
      .add_option("--redis", flags.redis,
                  std::string("Where the jobs are: ") + kRedisAddressHelp +
                      "; else the setting redis.url (OCELLI_REDIS_URL)")
      ->group(group);
  command
      .add_option("--group", flags.group,
                  "Of cameras or users: has jobs and workers of its own, and a "
                  "Redis where the setting redis.groups.GROUP names one")
      ->capture_default_str()
      ->group(group);
}

Result<std::string> JobsAddress(const CommandContext& context,
                                const JobsFlags& flags) {
  if (!flags.redis.empty()) return flags.redis;
  auto address = context.config.GetString("redis.groups." + flags.group, "");
  if (!address || !address->empty()) return address;
  return RedisAddress(context, "");
}

Result<OpenedJobs> OpenJobs(const CommandContext& context,
                            const JobsFlags& flags,
                            const RedisOptions& redis_options,
                            JobQueueOptions queue_options,
                            MetricsRegistry* metrics) {
  const auto address = JobsAddress(context, flags);
  if (!address) return address.Failure();
  {
    // A wrong address is said at once, however patient the rest is.
    const auto asking = OpenRedis(context, *address);
    if (!asking) return asking.Failure();
    if (const auto fine = (*asking)->Check(); !fine) return fine.Failure();
  }
  auto redis = OpenRedis(context, *address, redis_options, metrics);
  if (!redis) return redis.Failure();
  queue_options.group = flags.group;
  auto queue = OpenRedisJobQueue(**redis, queue_options, metrics);
  if (!queue) return queue.Failure();
  return OpenedJobs{std::move(*redis), std::move(*queue)};
}

RedisOptions PatientRedis() {
  RedisOptions options;
  options.patience = std::chrono::milliseconds(30'000);
  return options;
}

std::string GroupArgument(const JobsFlags& flags) {
  return flags.group == JobQueueOptions{}.group ? ""
                                                : " --group " + flags.group;
}

}  // namespace ocelli
