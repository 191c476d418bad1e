#pragma once

#include <memory>
#include <thread>

#include "jobs/test_job_backend.h"
#include "redis/test_redis_server.h"

namespace ocelli {

class RedisJobBackend final : public JobBackend {
 public:
  explicit RedisJobBackend(std::unique_ptr<RedisClient> client)
      : client_(std::move(client)) {}

  JobQueue& Open(const JobQueueOptions& options) override {
    queue_ = std::move(OpenRedisJobQueue(*client_, options).value());
    return *queue_;
  }
  void NextMillisecond() override {
    const auto now = [&] {
      const auto time = client_->Run({{"TIME"}, RedisEffect::kRead, 0});
      return std::stoll(time->elements[0].text) * 1000 +
             std::stoll(time->elements[1].text) / 1000;
    };
    const auto before = now();
    while (now() == before) std::this_thread::yield();
  }

 private:
  const std::unique_ptr<RedisClient> client_;
  std::unique_ptr<JobQueue> queue_;
};

template <typename Servers>
std::unique_ptr<JobBackend> MakeRedisJobBackendOn(Servers& servers) {
  auto client = OpenTestRedis(servers.url());
  FlushTestRedis(*client);
  return std::make_unique<RedisJobBackend>(std::move(client));
}

inline std::unique_ptr<JobBackend> MakeRedisJobBackend() {
  return MakeRedisJobBackendOn(SharedRedisServer());
}
inline std::unique_ptr<JobBackend> MakeRedisSentinelJobBackend() {
  return MakeRedisJobBackendOn(SharedRedisSentinels());
}
inline std::unique_ptr<JobBackend> MakeRedisClusterJobBackend() {
  return MakeRedisJobBackendOn(SharedRedisCluster());
}

}  // namespace ocelli
