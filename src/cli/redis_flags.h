#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

// What a help text says of an address of Redis.
inline constexpr char kRedisAddressHelp[] =
    "redis://HOST:PORT, redis+sentinel://HOST,HOST/MASTER or "
    "redis+cluster://HOST,HOST (rediss: TLS)";

// `given` by a flag, or the setting redis.url (OCELLI_REDIS_URL).
// kInvalidArgument where neither says it.
Result<std::string> RedisAddress(const CommandContext& context,
                                 const std::string& given);

// The Redis at `address`; connects to nobody yet. Where the address has no
// password, that of the setting redis.password (OCELLI_REDIS_PASSWORD) holds,
// and redis.user likewise, so that neither stands in the list of processes.
// kInvalidArgument says what an address looks like. `metrics` (null: none)
// outlives it.
Result<std::unique_ptr<RedisClient>> OpenRedis(
    const CommandContext& context, std::string_view address,
    const RedisOptions& options = {}, MetricsRegistry* metrics = nullptr);

}  // namespace ocelli
