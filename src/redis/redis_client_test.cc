#include "redis/redis_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RedisClientTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_->Run({"FLUSHALL"})); }
  RedisServer* server_ = &SharedRedisServer();
  std::unique_ptr<RedisClient> client_ = OpenTestRedis(server_->url());
};

TEST_F(RedisClientTest, NestsArraysAndTheirErrors) {
  const auto reply = client_->Run(
      {{"EVAL", "return {1, {'a', {}}, redis.error_reply('MY bad')}", "0"},
       RedisEffect::kRead,
       0});
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->elements.size(), 3u);
  EXPECT_EQ(reply->elements[0].integer, 1);
  EXPECT_EQ(reply->elements[1].elements[0].text, "a");
  EXPECT_TRUE(reply->elements[1].elements[1].is_array());
  EXPECT_EQ(reply->elements[2].kind, RedisReply::Kind::kError);
  EXPECT_EQ(reply->elements[2].text, "MY bad");
}

TEST_F(RedisClientTest, SendsTheSourceOfAScriptOnlyOnce) {
  const RedisScript script("return {KEYS[1], ARGV[1], #KEYS}");
  ASSERT_TRUE(server_->Run({"SCRIPT", "FLUSH"}));
  ASSERT_TRUE(server_->Run({"CONFIG", "RESETSTAT"}));
  for (int i = 0; i < 3; ++i) {
    const auto reply = client_->RunScript(script, {"ocelli:k"}, {"v"});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->elements[0].text, "ocelli:k");
    EXPECT_EQ(reply->elements[1].text, "v");
    EXPECT_EQ(reply->elements[2].integer, 1);
  }
  ASSERT_TRUE(server_->Run({"SCRIPT", "FLUSH"}));
  const std::vector<RedisClient::ScriptCall> calls(
      50, {&script, {"ocelli:k"}, {"w"}});
  for (const auto& answer : client_->RunScripts(calls)) {
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->elements[1].text, "w");
  }
  const auto stats = server_->Run({"INFO", "commandstats"}).value().text;
  EXPECT_THAT(stats, HasSubstr("cmdstat_eval:calls=2,"));
}

TEST(ScriptTest, IsNamedAsRedisNamesIt) {
  EXPECT_EQ(RedisScript("").sha1(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(RedisScript("abc").sha1(),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(RedisScript(std::string(1000000, 'a')).sha1(),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_F(RedisClientTest, RefusesACommandWithoutItsKey) {
  EXPECT_EQ(client_->Run({{}}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      client_->Run({{"SET", "k", "v"}, RedisEffect::kRead, 3}).error().code,
      ErrorCode::kInvalidArgument);
  EXPECT_TRUE(client_->Run({{"PING"}}));
}

TEST_F(RedisClientTest, SaysWhatWentWrong) {
  ASSERT_TRUE(client_->Run({{"SET", "ocelli:text", "x"}}));
  const auto wrong = client_->Run({{"LPUSH", "ocelli:text", "x"}});
  EXPECT_EQ(wrong.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(wrong.error().message,
              AllOf(HasSubstr(server_->host() + ": LPUSH: WRONGTYPE"),
                    HasSubstr("another program uses this key")));
  const auto unknown = client_->Run({{"VADD", "ocelli:v", "private"}});
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(unknown.error().message,
              AllOf(HasSubstr("VADD"), HasSubstr("too old"),
                    Not(HasSubstr("private"))));
  const auto syntax = client_->Run({{"SET", "ocelli:k", "v", "NONSENSE"}});
  EXPECT_EQ(syntax.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RedisClientTest, KeepsDatabasesApart) {
  const auto other = OpenTestRedis(server_->url() + "/5");
  ASSERT_TRUE(other->Run({{"SET", "ocelli:k", "five"}}));
  EXPECT_TRUE(client_->Run({{"GET", "ocelli:k"}}).value().nil());
  EXPECT_EQ(other->Run({{"GET", "ocelli:k"}}).value().text, "five");
  const auto none = OpenTestRedis(server_->url() + "/77")->Run({{"PING"}});
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(none.error().message, HasSubstr("databases"));
}

// What a subscription heard, waited for.
class Heard {
 public:
  void Add(const std::string& message) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(message);
  }
  bool Has(const std::string& message, int times = 1) {
    return EventuallyTrue([&] {
      const std::lock_guard lock(mutex_);
      return std::count(messages_.begin(), messages_.end(), message) >= times;
    });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

TEST_F(RedisClientTest, HearsAChannelAgainAfterARestart) {
  RedisServer server;
  const auto client = OpenTestRedis(server.url());
  Heard heard;
  const auto subscription = client->Subscribe(
      "ocelli:channel", [&](const std::string& text) { heard.Add(text); });
  ASSERT_TRUE(heard.Has(""));
  ASSERT_TRUE(client->Run({{"PUBLISH", "ocelli:channel", "one"}}));
  EXPECT_TRUE(heard.Has("one"));
  server.Kill();
  server.Restart();
  ASSERT_TRUE(heard.Has("", 2));
  ASSERT_TRUE(client->Run({{"PUBLISH", "ocelli:channel", "two"}}));
  EXPECT_TRUE(heard.Has("two"));
}

TEST_F(RedisClientTest, ReplacesDeadConnectionsByItself) {
  RedisServer server;
  const auto client = OpenTestRedis(server.url());
  ASSERT_TRUE(client->Run({{"SET", "ocelli:k", "v"}}));
  server.Kill();
  const auto gone = client->Run({{"GET", "ocelli:k"}});
  EXPECT_EQ(gone.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(gone.error().message,
              AllOf(HasSubstr(server.host()), HasSubstr("is it running")));
  server.Restart();
  EXPECT_TRUE(EventuallyTrue([&] {
    return client->Run({{"GET", "ocelli:k"}}).has_value();
  }));
  server.Kill();
  server.Restart();
  EXPECT_TRUE(client->Run({{"GET", "ocelli:k"}}));
  EXPECT_TRUE(client->Run({{"INCR", "ocelli:n"}, RedisEffect::kOnce}));
}

TEST_F(RedisClientTest, IsPatientWhereTold) {
  RedisServer server;
  RedisOptions options;
  options.patience = std::chrono::seconds(30);
  options.breaker_open = milliseconds(50);
  MetricsRegistry metrics;
  const auto client = OpenTestRedis(server.url(), options, &metrics);
  ASSERT_TRUE(client->Run({{"PING"}}));
  server.Kill();
  std::atomic<bool> done = false;
  Result<RedisReply> answer;
  std::jthread caller([&] {
    answer = client->Run({{"SET", "ocelli:k", "v"}});
    done = true;
  });
  EXPECT_TRUE(EventuallyTrue([&] {
    return metrics.Text().find("ocelli_redis_breaker_open{node=\"" +
                               server.host() + "\"} 1") != std::string::npos;
  }));
  EXPECT_FALSE(done);
  server.Restart();
  caller.join();
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(metrics.Text(), HasSubstr("ocelli_redis_breaker_open{node=\"" +
                                        server.host() + "\"} 0"));
}

TEST_F(RedisClientTest, SharesItsConnectionsAmongThreads) {
  RedisOptions options;
  options.connections = 3;
  const auto client = OpenTestRedis(server_->url(), options);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 20; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          EXPECT_TRUE(client->Run({{"INCR", "ocelli:n"}, RedisEffect::kOnce}));
        }
      });
    }
  }
  EXPECT_EQ(client->Run({{"GET", "ocelli:n"}}).value().text, "2000");
  const auto clients = server_->Run({"CLIENT", "LIST"}).value().text;
  // Those three, client_'s none, and the one that asks.
  EXPECT_LE(std::count(clients.begin(), clients.end(), '\n'), 4);
}

TEST_F(RedisClientTest, ChecksWhoAnswers) {
  EXPECT_TRUE(client_->Check());
  EXPECT_GE(client_->Version().value(), 70000);
  const auto cluster = OpenTestRedis("redis+cluster://" + server_->host());
  EXPECT_FALSE(cluster->Check());
}

TEST_F(RedisClientTest, SaysWhoMayNotEnter) {
  RedisServerOptions options;
  options.password = "s3cret";
  const RedisServer server(options);
  EXPECT_TRUE(OpenTestRedis(server.url())->Check());
  const auto without = OpenTestRedis("redis://" + server.host())->Check();
  EXPECT_EQ(without.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(without.error().message, HasSubstr("redis://USER:PASSWORD@"));
  const auto wrong = OpenTestRedis(server.url("", "wr0ng"))->Check();
  EXPECT_EQ(wrong.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(wrong.error().message,
              AllOf(HasSubstr("WRONGPASS"), Not(HasSubstr("wr0ng"))));
  const auto needless = OpenTestRedis(server_->url("", "s3cret"))->Check();
  EXPECT_EQ(needless.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(needless.error().message, HasSubstr("leave the password out"));

  ASSERT_TRUE(server.Run({"ACL", "SETUSER", "reader", "on", ">p%w/@",
                          "~ocelli:*", "+get", "+hello"}));
  const auto reader = OpenTestRedis(server.url("reader", "p%25w%2F%40"));
  EXPECT_TRUE(reader->Check());
  EXPECT_TRUE(reader->Run({{"GET", "ocelli:k"}}));
  for (const auto& words : {std::vector<std::string>{"SET", "ocelli:k", "v"},
                            std::vector<std::string>{"GET", "other"}}) {
    const auto denied = reader->Run({words});
    EXPECT_EQ(denied.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(denied.error().message, HasSubstr("ACL SETUSER"));
  }
}

TEST_F(RedisClientTest, HasNoTls) {
  const auto client =
      RedisClient::Open(ParseRedisUrl("rediss://:s3cret@h").value());
  EXPECT_EQ(client.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(client.error().message,
              AllOf(HasSubstr("rediss://h:6379"), HasSubstr("TLS tunnel"),
                    Not(HasSubstr("s3cret"))));
}

TEST(SlotTest, IsThatOfTheSpecification) {
  EXPECT_EQ(RedisSlotOf("123456789"), 0x31c3);
  EXPECT_EQ(RedisSlotOf("foo{bar}baz"), RedisSlotOf("bar"));
  EXPECT_EQ(RedisSlotOf("{a}{b}"), RedisSlotOf("a"));
  EXPECT_EQ(RedisSlotOf("a{{b}}"), RedisSlotOf("{b"));
  EXPECT_NE(RedisSlotOf("{}a"), RedisSlotOf("{}b"));
}

}  // namespace
}  // namespace ocelli
