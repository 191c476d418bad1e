#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "redis/test_redis_server.h"

namespace ocelli {

// For tests: Redis 8, as ./dev sets it up.
inline std::string Redis8Program() {
  const char* deps = std::getenv("OCELLI_DEPS");
  return std::string(deps ? deps : "") + "/redis8/redis-server";
}

inline bool HasRedis8() { return std::filesystem::exists(Redis8Program()); }

inline constexpr const char* kNoRedis8 =
    "no $OCELLI_DEPS/redis8/redis-server; ./dev test sets it up";

inline RedisServerOptions Redis8Options() {
  RedisServerOptions options;
  options.program = {Redis8Program()};
  return options;
}

// One for all tests of this process.
inline RedisServer& Redis8() {
  static RedisServer server(Redis8Options());
  return server;
}
inline RedisCluster& Redis8Cluster() {
  static RedisCluster cluster(Redis8Options());
  return cluster;
}

}  // namespace ocelli
