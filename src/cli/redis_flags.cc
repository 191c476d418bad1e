#include "cli/redis_flags.h"

namespace ocelli {

Result<std::string> RedisAddress(const CommandContext& context,
                                 const std::string& given) {
  if (!given.empty()) return given;
  auto address = context.config.GetString("redis.url", "");
  if (!address || !address->empty()) return address;
  return Fail(ErrorCode::kInvalidArgument,
              "no Redis is named: give --redis redis://HOST, or set redis.url "
              "(OCELLI_REDIS_URL)");
}

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
