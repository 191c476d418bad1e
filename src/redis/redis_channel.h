#pragma once

#include <functional>
#include <memory>
#include <string>

#include "redis/redis_client.h"
#include "redis/redis_routes.h"

namespace ocelli {

// A subscription with a thread and a connection of its own.
std::unique_ptr<RedisSubscription> ListenTo(
    std::string channel, std::function<void(const std::string&)> heard,
    RedisRoutes& routes, const RedisOptions& options);

}  // namespace ocelli
