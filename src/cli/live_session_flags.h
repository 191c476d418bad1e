#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/result.h"
#include "live/session_keeper.h"
#include "live/session_store.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace CLI {
class App;
}

namespace ocelli {

// Under which name a live session is kept, and where.
struct LiveSessionFlags {
  std::string name;   // Empty: it is not kept.
  std::string redis;  // Address; empty: the setting redis.url.
  bool take_over = false;
  bool begin_anew = false;
};
void AddLiveSessionFlags(CLI::App& command, LiveSessionFlags& flags);

// Sessions in a Redis.
struct RedisSessions {
  std::unique_ptr<RedisClient> redis;
  std::unique_ptr<SessionStore> store;  // Uses it.
};
// Connects to nobody yet. `metrics` (null: none) outlives it.
Result<RedisSessions> OpenRedisSessions(const CommandContext& context,
                                        const std::string& given,
                                        MetricsRegistry* metrics = nullptr);

// For people: "cam7, process 123".
std::string ThisProcess();

// Those flags of `ocelli live` that were given, or taken from a session, and
// that are kept with one: effects, and how faces are found. Never an address.
std::vector<LiveSetting> SettingsToKeep(const CLI::App& command);
// Sets the flags that were not given as the session has them, as if they had
// been; but for effects unless `effects`. kDataLoss: such values can't be.
Result<> ApplySettings(CLI::App& command,
                       const std::vector<LiveSetting>& settings, bool effects);

}  // namespace ocelli
