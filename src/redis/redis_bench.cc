#include <benchmark/benchmark.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::steady_clock;

// A photo of five faces, compressed.
const std::string kValue(10 << 10, 'v');

RedisServer& Server() {
  static RedisServer& server = SharedRedisServer();
  static const bool filled = [] {
    for (int i = 0; i < 64; ++i) {
      const auto set =
          server.Run({"SET", "ocelli:" + std::to_string(i), kValue});
      OCELLI_CHECK(set.has_value());
    }
    return true;
  }();
  (void)filled;
  return server;
}

// What all others compare to: hiredis alone, one connection, no copy.
void BM_BareGet(benchmark::State& state) {
  redisContext* redis = redisConnect("127.0.0.1", Server().port());
  for (auto _ : state) {
    void* reply = redisCommand(redis, "GET %s", "ocelli:1");
    if (static_cast<redisReply*>(reply)->len != kValue.size()) {
      state.SkipWithError("GET failed");
    }
    freeReplyObject(reply);
  }
  redisFree(redis);
}
BENCHMARK(BM_BareGet)->UseRealTime();

void BM_Get(benchmark::State& state) {
  const auto client = OpenTestRedis(Server().url());
  for (auto _ : state) {
    const auto reply = client->Run({{"GET", "ocelli:1"}, RedisEffect::kRead});
    if (!reply || reply->text.size() != kValue.size()) {
      state.SkipWithError("GET failed");
    }
  }
}
BENCHMARK(BM_Get)->UseRealTime();

void BM_BarePipeline(benchmark::State& state) {
  redisContext* redis = redisConnect("127.0.0.1", Server().port());
  for (auto _ : state) {
    for (int i = 0; i < 64; ++i) redisAppendCommand(redis, "GET ocelli:%d", i);
    for (int i = 0; i < 64; ++i) {
      void* reply = nullptr;
      if (redisGetReply(redis, &reply) != REDIS_OK) {
        state.SkipWithError("GET failed");
      }
      freeReplyObject(reply);
    }
  }
  redisFree(redis);
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(BM_BarePipeline)->UseRealTime();

void GetMany(benchmark::State& state, RedisClient& client) {
  for (auto _ : state) {
    std::vector<RedisCommand> commands;
    commands.reserve(64);
    for (int i = 0; i < 64; ++i) {
      commands.push_back(
          {{"GET", "ocelli:" + std::to_string(i)}, RedisEffect::kRead});
    }
    for (const auto& reply : client.RunAll(std::move(commands))) {
      if (!reply) state.SkipWithError("GET failed");
    }
  }
  state.SetItemsProcessed(state.iterations() * 64);
}

void BM_GetMany(benchmark::State& state) {
  GetMany(state, *OpenTestRedis(Server().url()));
}
BENCHMARK(BM_GetMany)->UseRealTime();

RedisOptions Patient() {
  RedisOptions options;
  options.patience = std::chrono::seconds(15);
  return options;
}

void BM_GetManyOfCluster(benchmark::State& state) {
  const auto client = OpenTestRedis(SharedRedisCluster().url());
  for (int i = 0; i < 64; ++i) {
    const auto set =
        client->Run({{"SET", "ocelli:" + std::to_string(i), kValue}});
    OCELLI_CHECK(set.has_value());
  }
  GetMany(state, *client);
}
BENCHMARK(BM_GetManyOfCluster)->UseRealTime();

// From kill -9 of a Cluster's master, node time-out 2 s, until a write to its
// slots succeeds; other threads write on meanwhile and see no error.
void BM_MasterKilled(benchmark::State& state) {
  RedisCluster& cluster = SharedRedisCluster();
  const auto client = OpenTestRedis(cluster.url(), Patient());
  for (auto _ : state) {
    std::atomic<int> errors = 0;
    std::atomic<bool> killed = false;
    std::vector<steady_clock::time_point> last(8);
    const std::size_t master = cluster.MasterOf("ocelli:0");
    steady_clock::time_point begun;
    {
      std::vector<std::jthread> writers;
      for (std::size_t t = 0; t < last.size(); ++t) {
        writers.emplace_back([&, t] {
          // The first write that began after the kill ends the outage.
          for (bool after = false; !after;) {
            after = killed;
            const auto set =
                client->Run({{"SET", "ocelli:" + std::to_string(t), "v"}});
            if (!set) ++errors;
          }
          last[t] = steady_clock::now();
        });
      }
      begun = steady_clock::now();
      cluster.node(master).Kill();
      killed = true;
    }
    const auto end = *std::max_element(last.begin(), last.end());
    state.SetIterationTime(std::chrono::duration<double>(end - begun).count());
    if (errors > 0) state.SkipWithError("a writer saw an error");
    cluster.node(master).Restart();
    if (!cluster.WaitUntilWhole()) state.SkipWithError("not whole again");
  }
}
BENCHMARK(BM_MasterKilled)
    ->UseManualTime()
    ->Iterations(1)
    ->Repetitions(5)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
