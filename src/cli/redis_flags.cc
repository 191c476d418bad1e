#include "cli/redis_flags.h"

namespace ocelli {

Result<std::unique_ptr<RedisClient>> OpenRedis(const CommandContext& context,
                                               std::string_view address,
                                               const RedisOptions& options,
                                               MetricsRegistry* metrics) {
  auto url = ParseRedisUrl(address);
  if (!url) return url.Failure();
  if (url->password.empty()) {
    auto password = context.config.GetString("redis.password", "");
    if (!password) return password.Failure();
    url->password = *std::move(password);
    if (url->user.empty()) {
      auto user = context.config.GetString("redis.user", "");
      if (!user) return user.Failure();
      url->user = *std::move(user);
    }
  }
  return RedisClient::Open(*url, options, metrics);
}

}  // namespace ocelli
