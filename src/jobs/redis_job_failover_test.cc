#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "jobs/job_queue.h"
#include "jobs/test_job_queue.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

// Three workers and a submitter that submits again what was lost, while `kill`
// ends a master in the middle. Every result is there, once, in order.
void RunThrough(const std::string& url, const std::function<void()>& kill) {
  RedisOptions patient;
  patient.patience = std::chrono::seconds(30);
  patient.answer_timeout = milliseconds(2000);
  const auto client = OpenTestRedis(url, patient);
  JobQueueOptions options;
  options.takeover = milliseconds(1000);
  options.max_attempts = 100;
  const auto queue = OpenRedisJobQueue(*client, options).value();
  constexpr std::uint64_t kJobs = 3000;
  const std::string batch = queue->Begin("").value();
  const std::vector<Job> jobs = ImageJobs(batch, kJobs);

  std::atomic<std::uint64_t> used = 0;
  std::atomic<std::uint64_t> acknowledged = 0;
  std::stop_source stop;
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&, name = "w" + std::to_string(i)] {
      while (!stop.stop_requested()) {
        const auto taken =
            queue->Take(name, 16, milliseconds(100), stop.get_token());
        EXPECT_TRUE(taken) << taken.error().message;
        if (taken) FinishAll(*queue, name, *taken);
      }
    });
  }
  std::jthread submitter([&] {
    for (std::uint64_t i = 0; i < kJobs; i += 100) {
      EXPECT_TRUE(EventuallyTrue([&] { return used + 500 > i; }));
      const auto submitted = queue->Submit(std::span(jobs).subspan(i, 100), {});
      EXPECT_TRUE(submitted) << submitted.error().message;
      acknowledged = i + 100;
    }
    while (true) {
      const auto completed = queue->Complete(batch, kJobs);
      if (completed) break;
      ASSERT_EQ(completed.error().code, ErrorCode::kDataLoss)
          << completed.error().message;
      EXPECT_TRUE(queue->Submit(jobs, {}));
    }
  });
  std::uint64_t next = 0;
  const auto use = [&](const JobResult& result) -> Result<> {
    EXPECT_EQ(result.index, next++);
    EXPECT_EQ(result.value, "answer to " + result.name);
    used = next;
    if (next == 1000) kill();
    return {};
  };
  bool lost = false;
  while (true) {
    const auto end = queue->Await(batch, next, use, {});
    if (end) break;
    ASSERT_EQ(end.error().code, ErrorCode::kDataLoss) << end.error().message;
    lost = true;
    EXPECT_TRUE(
        queue->Submit(std::span(jobs).subspan(next, acknowledged - next), {}));
  }
  testing::Test::RecordProperty("lost", lost ? "yes" : "no");
  stop.request_stop();
  EXPECT_EQ(next, kJobs);
  EXPECT_EQ(queue->Batch(batch)->done, kJobs);
}

// So that nobody else's server is taken for the one that was killed.
RedisServerOptions Guarded() {
  RedisServerOptions options;
  options.password = "s3cret";
  return options;
}

// Its replica hears what it is told: not so for a second after it connected.
bool IsFollowed(const RedisServer& master) {
  return EventuallyTrue([&] {
    const auto said = master.Run({"INFO", "replication"});
    return said && said->text.find("state=online") != std::string::npos &&
           said->text.find("offset=0,") == std::string::npos;
  });
}

TEST(RedisJobFailoverTest, AMasterOfAClusterDies) {
  RedisCluster cluster(Guarded());
  RedisServer& master =
      cluster.node(cluster.MasterOf("ocelli:{jobs:default:0}:stream"));
  ASSERT_TRUE(IsFollowed(master));
  RunThrough(cluster.url(), [&] { master.Kill(); });
}

TEST(RedisJobFailoverTest, TheMasterOfSentinelsDies) {
  RedisSentinels sentinels(Guarded());
  ASSERT_TRUE(IsFollowed(sentinels.server(0)));
  RunThrough(sentinels.url(), [&] { sentinels.server(0).Kill(); });
}

}  // namespace
}  // namespace ocelli
