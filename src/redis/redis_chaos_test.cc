// Masters that die, slots that move, in the middle of traffic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

RedisOptions Patient() {
  RedisOptions options;
  options.patience = seconds(30);
  options.answer_timeout = seconds(2);
  return options;
}

RedisServerOptions Guarded() {
  RedisServerOptions options;
  options.password = "s3cret";
  return options;
}

// Writers of growing numbers, each with keys of its own, until the end.
class Traffic {
 public:
  Traffic(RedisClient& client, std::vector<std::string> keys)
      : keys_(std::move(keys)), acknowledged_(keys_.size()) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      threads_.emplace_back([this, i, &client](const std::stop_token& stop) {
        for (long n = 1; !stop.stop_requested(); ++n) {
          const auto set = client.Run({{"SET", keys_[i], std::to_string(n)}});
          if (!set) {
            const std::lock_guard lock(mutex_);
            errors_.push_back(set.error().message);
            return;
          }
          acknowledged_[i] = n;
        }
      });
    }
  }

  // Every writer had `more` answers from now on.
  bool Flows(long more = 3) {
    std::vector<long> begin(acknowledged_.begin(), acknowledged_.end());
    return EventuallyTrue([&] {
      for (std::size_t i = 0; i < keys_.size(); ++i) {
        if (acknowledged_[i] < begin[i] + more) return false;
      }
      return true;
    });
  }

  // What the writers were told is what is there.
  void End(RedisClient& client) {
    threads_.clear();
    EXPECT_THAT(errors_, testing::IsEmpty());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto got = client.Run({{"GET", keys_[i]}});
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(got->text, std::to_string(acknowledged_[i])) << keys_[i];
    }
  }

 private:
  const std::vector<std::string> keys_;
  std::vector<std::atomic<long>> acknowledged_;
  std::mutex mutex_;
  std::vector<std::string> errors_;  // Guarded by mutex_.
  std::vector<std::jthread> threads_;
};

std::vector<std::string> SomeKeys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) keys.push_back("ocelli:" + std::to_string(i));
  return keys;
}

// How often a subscription heard a message.
class Heard {
 public:
  void Add(const std::string& message) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(message);
  }
  std::ptrdiff_t Count(const std::string& message) {
    const std::lock_guard lock(mutex_);
    return std::count(messages_.begin(), messages_.end(), message);
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

class RedisChaosTest : public testing::Test {
 protected:
  static RedisCluster& cluster() {
    static RedisCluster cluster(Guarded());
    return cluster;
  }
};

TEST_F(RedisChaosTest, AKilledMasterOfAClusterIsNoError) {
  const auto client = OpenTestRedis(cluster().url(), Patient());
  Heard heard;
  const std::string channel = "ocelli:0";
  const auto subscription = client->Subscribe(
      channel, [&](const std::string& message) { heard.Add(message); });
  ASSERT_TRUE(EventuallyTrue([&] { return heard.Count("") == 1; }));
  Traffic traffic(*client, SomeKeys());
  ASSERT_TRUE(traffic.Flows());
  const std::size_t master = cluster().MasterOf(channel);
  cluster().node(master).Kill();
  // Each writer has one command under way at most, so that the third answer
  // is to a command after the kill.
  EXPECT_TRUE(traffic.Flows());
  traffic.End(*client);
  EXPECT_TRUE(EventuallyTrue([&] { return heard.Count("") >= 2; }));
  ASSERT_TRUE(client->Run({{"PUBLISH", channel, "after"}}));
  EXPECT_TRUE(EventuallyTrue([&] { return heard.Count("after") == 1; }));
  const auto check = client->Check();
  EXPECT_TRUE(check) << check.error().message;
  cluster().node(master).Restart();
}

TEST_F(RedisChaosTest, ASlotMovesInTheMiddleOfTraffic) {
  MetricsRegistry metrics;
  const auto client = OpenTestRedis(cluster().url(), Patient(), &metrics);
  std::vector<std::string> keys = {"ocelli:{moving}:0", "ocelli:{moving}:1",
                                   "ocelli:{moving}:2", "ocelli:elsewhere"};
  const std::string slot = std::to_string(RedisSlotOf(keys[0]));
  const std::size_t from = cluster().MasterOf(keys[0]);
  std::size_t to = from;
  for (int i = 0; to == from; ++i) {
    to = cluster().MasterOf("other" + std::to_string(i));
  }
  const auto must = [&](std::size_t node, std::vector<std::string> words) {
    const auto done = cluster().node(node).Run(std::move(words));
    ASSERT_TRUE(done) << done.error().message;
  };
  const auto migrate = [&](const std::string& key) {
    must(from,
         {"MIGRATE", "127.0.0.1", std::to_string(cluster().node(to).port()),
          key, "0", "5000", "REPLACE", "AUTH", Guarded().password});
  };
  Traffic traffic(*client, keys);
  ASSERT_TRUE(traffic.Flows());
  must(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster().Id(from)});
  must(from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster().Id(to)});
  migrate(keys[0]);
  EXPECT_TRUE(traffic.Flows());
  // The key is there and its slot is not yet: ASK, for one who has no patience
  // too.
  const auto hasty = OpenTestRedis(cluster().url());
  const auto asked = hasty->Run({{"GET", keys[0]}});
  EXPECT_TRUE(asked) << asked.error().message;
  // One key here and one there: TRYAGAIN.
  const RedisScript both(
      "return redis.call('EXISTS', KEYS[1]) + redis.call('EXISTS', KEYS[2])");
  const auto torn = hasty->RunScript(both, {keys[0], keys[2]}, {});
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(torn.error().message, HasSubstr("TRYAGAIN"));
  Result<RedisReply> whole;
  std::jthread waiting([&] {
    whole = client->RunScript(both, {keys[0], keys[2]}, {});
  });
  migrate(keys[1]);
  migrate(keys[2]);
  EXPECT_TRUE(traffic.Flows());
  must(to, {"CLUSTER", "SETSLOT", slot, "NODE", cluster().Id(to)});
  must(from, {"CLUSTER", "SETSLOT", slot, "NODE", cluster().Id(to)});
  EXPECT_TRUE(traffic.Flows());
  waiting.join();
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->integer, 2);
  traffic.End(*client);
  EXPECT_EQ(cluster().MasterOf(keys[0]), to);
  EXPECT_THAT(metrics.Text(),
              testing::Not(HasSubstr("ocelli_redis_redirections_total 0")));
}

TEST_F(RedisChaosTest, APausedMasterIsReplacedAndComesBack) {
  RedisOptions options = Patient();
  options.answer_timeout = milliseconds(500);
  const auto client = OpenTestRedis(cluster().url(), options);
  Traffic traffic(*client, SomeKeys());
  ASSERT_TRUE(traffic.Flows());
  // Not the one that lost a server before.
  std::size_t master = cluster().MasterOf("ocelli:0");
  for (const std::string& key : SomeKeys()) {
    if (cluster().MasterOf(key) != master) {
      master = cluster().MasterOf(key);
      break;
    }
  }
  cluster().node(master).Pause();
  EXPECT_TRUE(traffic.Flows());
  cluster().node(master).Resume();
  EXPECT_TRUE(traffic.Flows());
  traffic.End(*client);
}

TEST(RedisSentinelChaosTest, AKilledMasterIsNoError) {
  RedisSentinels sentinels(Guarded());
  // One of those it is told of is not there.
  std::string url = sentinels.url();
  url.insert(url.find("127."), "127.0.0.1:" + TestPort().text() + ",");
  const auto client = OpenTestRedis(url, Patient());
  Heard heard;
  const auto subscription = client->Subscribe(
      "ocelli:c", [&](const std::string& message) { heard.Add(message); });
  ASSERT_TRUE(EventuallyTrue([&] { return heard.Count("") == 1; }));
  Traffic traffic(*client, {"ocelli:a", "ocelli:b"});
  ASSERT_TRUE(traffic.Flows());
  sentinels.server(0).Kill();
  EXPECT_TRUE(traffic.Flows());
  traffic.End(*client);
  EXPECT_TRUE(EventuallyTrue([&] { return heard.Count("") >= 2; }));
  ASSERT_TRUE(client->Run({{"PUBLISH", "ocelli:c", "after"}}));
  EXPECT_TRUE(EventuallyTrue([&] { return heard.Count("after") == 1; }));
  // Once the old master is back, it follows; who finds it finds the new one.
  sentinels.server(0).Restart();
  EXPECT_TRUE(EventuallyTrue([&] {
    const auto wrong =
        OpenTestRedis(sentinels.server(0).url())->Run({{"SET", "k", "v"}});
    return !wrong && wrong.error().code == ErrorCode::kFailedPrecondition;
  }));
  EXPECT_TRUE(client->Run({{"SET", "ocelli:k", "v"}}));
  EXPECT_TRUE(OpenTestRedis(url)->Check());
}

TEST_F(RedisChaosTest, AWrongPasswordIsSaid) {
  std::string stranger = cluster().url();
  stranger.replace(stranger.find("s3cret"), 6, "wrong");
  const auto denied = OpenTestRedis(stranger)->Run({{"GET", "ocelli:k"}});
  EXPECT_EQ(denied.error().code, ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace ocelli
