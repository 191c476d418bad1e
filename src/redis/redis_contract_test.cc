// What every topology promises, on real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using ::testing::HasSubstr;

struct Topology {
  const char* name;
  std::string (*url)();
};

void PrintTo(const Topology& topology, std::ostream* out) {
  *out << topology.name;
}

class RedisContract : public testing::TestWithParam<Topology> {
 protected:
  void SetUp() override { FlushTestRedis(*client_); }

  std::unique_ptr<RedisClient> client_ = OpenTestRedis(GetParam().url());
};

TEST_P(RedisContract, ChecksThatAllIsWell) {
  const auto good = client_->Check();
  EXPECT_TRUE(good) << good.error().message;
  EXPECT_GE(client_->Version().value(), 70000);
}

TEST_P(RedisContract, KeepsValuesOfAnyBytes) {
  const std::string value("a\r\n\0b", 5);
  for (int i = 0; i < 50; ++i) {
    const std::string key = "ocelli:" + std::to_string(i);
    const auto set = client_->Run({{"SET", key, value}});
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(set->text, "OK");
    const auto got = client_->Run({{"GET", key}, RedisEffect::kRead});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->text, value);
  }
  EXPECT_TRUE(client_->Run({{"GET", "ocelli:none"}}).value().nil());
}

TEST_P(RedisContract, AnswersAPipelineInItsOrder) {
  std::vector<RedisCommand> commands;
  for (int i = 0; i < 2000; ++i) {
    commands.push_back({{"SET", "ocelli:" + std::to_string(i),
                         std::string(2000, static_cast<char>('a' + i % 26))}});
  }
  for (const auto& answer : client_->RunAll(commands)) {
    ASSERT_TRUE(answer) << answer.error().message;
  }
  commands.clear();
  for (int i = 0; i < 2000; ++i) {
    commands.push_back(
        {{i == 17 ? "LPOP" : "GET", "ocelli:" + std::to_string(i)}});
  }
  const auto answers = client_->RunAll(commands);
  ASSERT_EQ(answers.size(), 2000u);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i == 17) {
      EXPECT_EQ(answers[i].error().code, ErrorCode::kFailedPrecondition);
      continue;
    }
    ASSERT_TRUE(answers[i]);
    ASSERT_EQ(answers[i]->text,
              std::string(2000, static_cast<char>('a' + i % 26)));
  }
  EXPECT_TRUE(client_->RunAll({}).empty());
}

TEST_P(RedisContract, RunsScriptsWhereTheirKeysAre) {
  const RedisScript script(
      "redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], #KEYS} -- " +
      std::string(GetParam().name));
  std::vector<RedisClient::ScriptCall> calls;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "ocelli:{" + std::to_string(i) + "}";
    calls.push_back({&script, {key, key + ":more"}, {std::to_string(i)}});
  }
  const auto answers = client_->RunScripts(calls);
  for (std::size_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(answers[i]) << answers[i].error().message;
    EXPECT_EQ(answers[i]->elements[0].text, calls[i].keys[0]);
    EXPECT_EQ(client_->Run({{"GET", calls[i].keys[0]}}).value().text,
              std::to_string(i));
  }
  EXPECT_TRUE(client_->RunScript(script, {"ocelli:k"}, {"v"}));
  EXPECT_TRUE(client_->RunScript(RedisScript("return 1"), {}, {}));
}

TEST_P(RedisContract, RefusesAScriptWhoseKeysAreApart) {
  const auto reply =
      client_->RunScript(RedisScript("return 1"), {"ocelli:a", "ocelli:b"}, {});
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(reply.error().message, HasSubstr("hash tag"));
}

TEST_P(RedisContract, VisitsEveryKeyOfAPattern) {
  std::vector<RedisCommand> commands;
  for (int i = 0; i < 1500; ++i) {
    commands.push_back({{"SET", "ocelli:a:" + std::to_string(i), "x"}});
    commands.push_back({{"SET", "ocelli:b:" + std::to_string(i), "x"}});
  }
  for (const auto& answer : client_->RunAll(commands)) ASSERT_TRUE(answer);
  std::set<std::string> keys;
  ASSERT_TRUE(client_->ForEachKey("ocelli:a:*", [&](const std::string& key) {
    keys.insert(key);
    return Result<>();
  }));
  EXPECT_EQ(keys.size(), 1500u);
  EXPECT_TRUE(keys.contains("ocelli:a:1499"));
  int visited = 0;
  const auto stopped = client_->ForEachKey("ocelli:*", [&](const auto&) {
    return ++visited < 5 ? Result<>() : Fail(ErrorCode::kCancelled, "enough");
  });
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(visited, 5);
}

TEST_P(RedisContract, HearsWhatOthersPublish) {
  std::mutex mutex;
  std::vector<std::string> heard;
  const auto has = [&](const std::string& message) {
    return EventuallyTrue([&] {
      const std::lock_guard lock(mutex);
      return std::count(heard.begin(), heard.end(), message) == 1;
    });
  };
  const auto subscription =
      client_->Subscribe("ocelli:channel", [&](const std::string& message) {
        const std::lock_guard lock(mutex);
        heard.push_back(message);
      });
  ASSERT_TRUE(has(""));
  const auto other = OpenTestRedis(GetParam().url());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(other->Run({{"PUBLISH", "ocelli:channel", std::to_string(i)},
                            RedisEffect::kRepeatable,
                            i % 2 == 0 ? 0u : 1u}));
    EXPECT_TRUE(has(std::to_string(i)));
  }
}

TEST_P(RedisContract, ReadsFromReplicasWhereTold) {
  RedisOptions options;
  options.read_replicas = true;
  const auto reader = OpenTestRedis(GetParam().url(), options);
  ASSERT_TRUE(reader->Run({{"SET", "ocelli:k", "v"}}));
  // A replica may be late.
  EXPECT_TRUE(EventuallyTrue([&] {
    const auto got = reader->Run({{"GET", "ocelli:k"}, RedisEffect::kRead});
    return got && got->text == "v";
  }));
}

INSTANTIATE_TEST_SUITE_P(
    All, RedisContract,
    testing::Values(
        Topology{"single", [] { return SharedRedisServer().url(); }},
        Topology{"sentinel", [] { return SharedRedisSentinels().url(); }},
        Topology{"cluster", [] { return SharedRedisCluster().url(); }}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ocelli
