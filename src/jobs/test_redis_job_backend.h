#pragma once

#include <memory>
#include <thread>

#include "jobs/test_job_backend.h"
#include "redis/test_redis_server.h"

namespace ocelli {

// A server for all cases of the process.
inline RedisServer& SharedRedis() {
  static RedisServer server;
  return server;
}

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

inline std::unique_ptr<JobBackend> MakeRedisJobBackend() {
  EXPECT_TRUE(SharedRedis().Run({"FLUSHALL"}));
  return std::make_unique<RedisJobBackend>(OpenTestRedis(SharedRedis().url()));
}

}  // namespace ocelli
