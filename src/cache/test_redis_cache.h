#pragma once

#include <chrono>
#include <string>

#include "redis/test_redis_server.h"

namespace ocelli {

// As if so much time had passed for every key of ours.
inline void AgeTestRedis(const std::string& url, std::chrono::milliseconds by) {
  const auto redis = OpenTestRedis(url);
  const auto aged =
      redis->ForEachKey("ocelli:*", [&](const std::string& key) -> Result<> {
        const auto left = redis->Run({{"PTTL", key}});
        if (!left) return left.Failure();
        if (left->integer < 0) return {};
        const auto shorter = redis->Run(
            {{"PEXPIRE", key, std::to_string(left->integer - by.count())}});
        if (!shorter) return shorter.Failure();
        return {};
      });
  OCELLI_CHECK(aged.has_value());
}

}  // namespace ocelli
