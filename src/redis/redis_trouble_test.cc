// Servers that refuse, hang, lie, or are not Redis.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "redis/test_fake_redis.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

RedisCommand Get() { return {{"GET", "ocelli:k"}, RedisEffect::kRead}; }

TEST(RedisTroubleTest, NobodyAtTheAddress) {
  const auto client = OpenTestRedis("redis://127.0.0.1:" + TestPort().text());
  const auto answer = client->Run(Get());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr("connecting to Redis at 127.0.0.1:"),
                    HasSubstr("is it running there?")));
  EXPECT_FALSE(client->Check());
  for (const char* text :
       {"redis+cluster://127.0.0.1:", "redis+sentinel://127.0.0.1:"}) {
    const std::string end =
        std::string(text).find("sentinel") != std::string::npos ? "/m" : "";
    const auto none = OpenTestRedis(text + TestPort().text() + end)->Run(Get());
    EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(none.error().message, HasSubstr("is it running there?"));
  }
}

TEST(RedisTroubleTest, AReplicaTakesNoWrites) {
  RedisServer& replica = SharedRedisSentinels().server(1);
  const auto client = OpenTestRedis(replica.url());
  const auto answer = client->Run({{"SET", "ocelli:k", "v"}});
  EXPECT_EQ(answer.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr("READONLY"), HasSubstr("address of its master")));
  const auto check = client->Check();
  EXPECT_EQ(check.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(check.error().message, HasSubstr("it is a replica"));
}

TEST(RedisTroubleTest, AnAddressOfTheWrongKindIsExplained) {
  RedisCluster& cluster = SharedRedisCluster();
  const auto single = OpenTestRedis(cluster.node(0).url());
  const auto check = single->Check();
  EXPECT_EQ(check.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(check.error().message, HasSubstr("say redis+cluster://"));
  std::string moved;
  for (int i = 0; i < 10; ++i) {
    const auto answer = single->Run({{"GET", std::to_string(i)}});
    if (!answer) moved = answer.error().message;
  }
  EXPECT_THAT(moved, AllOf(HasSubstr("MOVED"), HasSubstr("redis+cluster://")));

  const auto no_cluster =
      OpenTestRedis("redis+cluster://" + SharedRedisServer().host());
  EXPECT_EQ(no_cluster->Run(Get()).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_THAT(no_cluster->Run(Get()).error().message,
              HasSubstr("this is no Cluster"));

  std::string url = SharedRedisSentinels().url();
  const auto unknown = OpenTestRedis(url + "-typo")->Run(Get());
  EXPECT_EQ(unknown.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(unknown.error().message, HasSubstr("no master \"ocelli-typo\""));
  const std::string one =
      "redis://" + url.substr(17, url.find(',') - 17);  // The first sentinel.
  EXPECT_THAT(OpenTestRedis(one)->Check().error().message,
              HasSubstr("it is a Sentinel: say redis+sentinel://"));
}

TEST(RedisTroubleTest, FullMemoryIsSaid) {
  RedisServerOptions options;
  options.arguments = {"--maxmemory", "3mb", "--maxmemory-policy",
                       "noeviction"};
  const RedisServer server(options);
  const auto client = OpenTestRedis(server.url());
  Result<RedisReply> answer;
  for (int i = 0; i < 100 && answer; ++i) {
    answer = client->Run(
        {{"SET", "ocelli:" + std::to_string(i), std::string(100000, 'x')}});
  }
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr("OOM"), HasSubstr("maxmemory: raise it")));
  EXPECT_TRUE(client->Run({{"GET", "ocelli:0"}}));
}

TEST(RedisTroubleTest, APausedServerIsLeftAloneUntilItAnswers) {
  RedisServer server;
  RedisOptions options;
  options.answer_timeout = milliseconds(100);
  options.breaker_open = milliseconds(100);
  const auto client = OpenTestRedis(server.url(), options);
  ASSERT_TRUE(client->Run({{"SET", "ocelli:k", "v"}}));
  server.Pause();
  for (int i = 0; i < options.breaker_failures; ++i) {
    const auto late = client->Run(Get());
    EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
    EXPECT_THAT(late.error().message, AllOf(HasSubstr(server.host() + ": GET"),
                                            HasSubstr("no answer in time")));
  }
  const auto alone = client->Run(Get());
  // The probe may be due by now.
  EXPECT_THAT(alone.error().code, testing::AnyOf(ErrorCode::kUnavailable,
                                                 ErrorCode::kDeadlineExceeded));
  EXPECT_THAT(alone.error().message, HasSubstr("no answer in time"));
  server.Resume();
  EXPECT_TRUE(EventuallyTrue([&] {
    const auto answer = client->Run(Get());
    return answer && answer->text == "v";
  }));
}

TEST(RedisTroubleTest, AnAnswerThatCameTooLateIsNobodysAnswer) {
  RedisServer server;
  RedisOptions options;
  options.answer_timeout = milliseconds(100);
  options.breaker_failures = 1000;
  const auto client = OpenTestRedis(server.url(), options);
  ASSERT_TRUE(client->Run({{"SET", "ocelli:a", "a"}}));
  ASSERT_TRUE(client->Run({{"SET", "ocelli:b", "b"}}));
  server.Pause();
  EXPECT_FALSE(client->Run({{"GET", "ocelli:a"}}));
  server.Resume();
  EXPECT_TRUE(EventuallyTrue([&] {
    const auto answer = client->Run({{"GET", "ocelli:b"}});
    EXPECT_TRUE(!answer || answer->text == "b");
    return answer.has_value();
  }));
}

TEST(RedisTroubleTest, AnOldServerIsRefusedByCheck) {
  FakeRedis ancient([](const Words&) -> FakeRedis::Reply {
    return {
        "-ERR unknown command `HELLO`, with args beginning with: `2`"
        "\r\n"};
  });
  const auto check = OpenTestRedis(ancient.url())->Check();
  EXPECT_EQ(check.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(check.error().message, HasSubstr("7.0 or later is needed"));

  FakeRedis old([](const Words&) -> FakeRedis::Reply {
    return {
        "*6\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$4\r\nmode\r\n"
        "$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"};
  });
  const auto client = OpenTestRedis(old.url());
  EXPECT_THAT(client->Check().error().message,
              HasSubstr("it is 6.2.14, and 7.0 or later is needed"));
  EXPECT_EQ(client->Version().value(), 60214);
}

// What never left may be sent again, and only that.
TEST(RedisTroubleTest, WhatMustHappenOnceIsSentOnce) {
  FakeRedis server([](const Words& words) -> FakeRedis::Reply {
    if (words[0] == "PING") return {"+PONG\r\n"};
    return {"", true};
  });
  RedisOptions options;
  options.patience = milliseconds(300);
  const auto client = OpenTestRedis(server.url(), options);
  ASSERT_TRUE(client->Run({{"PING"}}));
  const auto once =
      client->Run({{"XADD", "ocelli:s", "*", "k", "v"}, RedisEffect::kOnce});
  EXPECT_EQ(once.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(once.error().message, HasSubstr("it may have been done"));
  EXPECT_EQ(server.commands().size(), 2u);
  EXPECT_FALSE(client->Run({{"SET", "ocelli:k", "v"}}));
  EXPECT_GT(server.commands().size(), 3u);
}

TEST(RedisTroubleTest, ErrorsThatPassAreWaitedOut) {
  std::atomic<int> asked = 0;
  FakeRedis server([&](const Words&) -> FakeRedis::Reply {
    switch (asked++) {
      case 0:
        return {"-LOADING Redis is loading the dataset in memory\r\n"};
      case 1:
        return {"-ERR max number of clients reached\r\n", true};
      default:
        return {":7\r\n"};
    }
  });
  RedisOptions options;
  options.patience = std::chrono::seconds(30);
  const auto client = OpenTestRedis(server.url(), options);
  EXPECT_EQ(
      client->Run({{"INCR", "ocelli:n"}, RedisEffect::kOnce}).value().integer,
      7);
  asked = 0;
  const auto hasty = OpenTestRedis(server.url())->Run(Get());
  EXPECT_EQ(hasty.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(hasty.error().message, HasSubstr("LOADING"));
}

struct Lie {
  const char* name;
  FakeRedis::Reply reply;
  ErrorCode code;
  const char* message;
};

void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

class RedisLieTest : public testing::TestWithParam<Lie> {};

long PeakKilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST_P(RedisLieTest, IsAnErrorInBoundedMemory) {
  FakeRedis server([](const Words&) { return GetParam().reply; });
  RedisOptions options;
  // Only what waits for ever runs into it.
  options.answer_timeout = GetParam().code == ErrorCode::kDeadlineExceeded
                               ? milliseconds(100)
                               : milliseconds(10000);
  options.max_reply_bytes = 1 << 20;
  const auto client = OpenTestRedis(server.url(), options);
  const long before = PeakKilobytes();
  const auto answer = client->Run(Get());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, GetParam().code) << answer.error().message;
  EXPECT_THAT(answer.error().message, HasSubstr(GetParam().message));
  EXPECT_LT(PeakKilobytes() - before, 50 << 10);
  EXPECT_FALSE(client->Check());
  EXPECT_FALSE(client->ForEachKey("*", [](const auto&) { return Result<>(); }));
}

std::string Nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "*1\r\n";
  return text + ":1\r\n";
}

std::string ManyNils() {
  std::string text = "*1000000\r\n";
  for (int i = 0; i < 1000000; ++i) text += "$-1\r\n";
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    All, RedisLieTest,
    testing::Values(
        Lie{"Garbage",
            {"HTTP/1.1 400 Bad Request\r\n\r\n"},
            ErrorCode::kFailedPrecondition,
            "not the protocol of Redis"},
        Lie{"EndlessGarbage",
            {"+a", false, true},
            ErrorCode::kResourceExhausted,
            "more than 1048576 bytes"},
        Lie{"EndlessBulk",
            {"$900000000\r\nx", false, true},
            ErrorCode::kResourceExhausted,
            "more than 1048576 bytes"},
        Lie{"ImpossibleBulk",
            {"$99999999999999999999\r\nx", false, true},
            ErrorCode::kFailedPrecondition,
            "not the protocol of Redis"},
        Lie{"NegativeBulk",
            {"$-7\r\nx"},
            ErrorCode::kFailedPrecondition,
            "not the protocol of Redis"},
        Lie{"HugeArray",
            {"*2147483647\r\n"},
            ErrorCode::kDeadlineExceeded,
            "no answer in time"},
        Lie{"ImpossibleArray",
            {"*99999999999\r\n"},
            ErrorCode::kFailedPrecondition,
            "not the protocol of Redis"},
        Lie{"ManyNils",
            {ManyNils()},
            ErrorCode::kResourceExhausted,
            "more than 1048576 bytes"},
        Lie{"DeepArrays",
            {Nested(100)},
            ErrorCode::kFailedPrecondition,
            "not the protocol of Redis"},
        Lie{"Cut", {"$10\r\nabc", true}, ErrorCode::kUnavailable, "it hung up"},
        Lie{"Nothing", {"", true}, ErrorCode::kUnavailable, "it hung up"},
        Lie{"ErrorOfBytes",
            {"-\x01\x02 \xff\r\n"},
            ErrorCode::kInternal,
            "GET: ?? ?"},
        Lie{"MovedNowhere",
            {"-MOVED 99999 nowhere\r\n"},
            ErrorCode::kFailedPrecondition,
            "MOVED"}),
    [](const auto& test) { return std::string(test.param.name); });

// Asked for the map, it answers what is none; otherwise it sends one round.
TEST(RedisTroubleTest, ALyingClusterEnds) {
  std::string map = "*0\r\n";
  int port = 0;
  FakeRedis server([&](const Words& words) -> FakeRedis::Reply {
    if (words[0] == "CLUSTER") return {map};
    return {"-MOVED 1 127.0.0.1:" + std::to_string(port) + "\r\n"};
  });
  port = server.port();
  const std::string url = "redis+cluster://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(OpenTestRedis(url)->Run(Get()).error().code,
            ErrorCode::kUnavailable);
  const std::string node =
      "*2\r\n$9\r\n127.0.0.1\r\n:" + std::to_string(port) + "\r\n";
  map = "*1\r\n*3\r\n:0\r\n:16383\r\n" + node;
  const auto round = OpenTestRedis(url)->Run(Get());
  EXPECT_EQ(round.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(round.error().message, HasSubstr("MOVED"));
  for (const std::string& bad : std::initializer_list<std::string>{
           "+OK\r\n", "*1\r\n*3\r\n:-1\r\n:5\r\n" + node,
           "*1\r\n*3\r\n:0\r\n:16384\r\n" + node,
           "*1\r\n*3\r\n:9\r\n:5\r\n" + node, "*1\r\n:5\r\n"}) {
    map = bad;
    EXPECT_EQ(OpenTestRedis(url)->Run(Get()).error().code,
              ErrorCode::kFailedPrecondition)
        << bad;
  }
}

}  // namespace
}  // namespace ocelli
