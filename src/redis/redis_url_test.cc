#include "redis/redis_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Not "Redis...": needs no server.
TEST(AddressTest, OfAServerHasAllItsParts) {
  const auto url = ParseRedisUrl("redis://anna:p%40ss%2Fw@db.example:7001/3");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->topology, RedisTopology::kSingle);
  EXPECT_FALSE(url->tls);
  EXPECT_THAT(url->hosts, ElementsAre(RedisHost{"db.example", 7001}));
  EXPECT_EQ(url->user, "anna");
  EXPECT_EQ(url->password, "p@ss/w");
  EXPECT_EQ(url->database, 3);
  EXPECT_EQ(url->ForMessage(), "redis://anna@db.example:7001/3");
}

TEST(AddressTest, OfAServerMayBeOnlyItsHost) {
  const auto url = ParseRedisUrl("REDIS://10.0.0.1");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_THAT(url->hosts, ElementsAre(RedisHost{"10.0.0.1", 6379}));
  EXPECT_EQ(url->user, "");
  EXPECT_EQ(url->database, 0);
  EXPECT_EQ(url->ForMessage(), "redis://10.0.0.1:6379");
}

TEST(AddressTest, OfIpv6HasBrackets) {
  const auto url = ParseRedisUrl("rediss://:secret@[::1]:7000/");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->tls);
  EXPECT_THAT(url->hosts, ElementsAre(RedisHost{"::1", 7000}));
  EXPECT_EQ(url->password, "secret");
  EXPECT_EQ(url->ForMessage(), "rediss://[::1]:7000");
}

TEST(AddressTest, OfSentinelsNamesTheirMaster) {
  const auto url = ParseRedisUrl("redis+sentinel://:p:w@h1,h2:5000/main/2");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->topology, RedisTopology::kSentinel);
  EXPECT_THAT(url->hosts,
              ElementsAre(RedisHost{"h1", 26379}, RedisHost{"h2", 5000}));
  EXPECT_EQ(url->master, "main");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_EQ(url->database, 2);
  EXPECT_EQ(url->ForMessage(), "redis+sentinel://h1:26379,h2:5000/main/2");
}

TEST(AddressTest, OfAClusterHasSomeOfItsHosts) {
  const auto url = ParseRedisUrl("rediss+cluster://h1:7000,h2");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->topology, RedisTopology::kCluster);
  EXPECT_TRUE(url->tls);
  EXPECT_THAT(url->hosts,
              ElementsAre(RedisHost{"h1", 7000}, RedisHost{"h2", 6379}));
}

TEST(AddressTest, IsRecognisedByItsBeginningEvenIfWrong) {
  for (const char* text : {"redis://h", "rediss:/h", "REDIS+cluster://h",
                           "rediss+sentinel://h/m", "redis+nonsense"}) {
    EXPECT_TRUE(IsRedisUrl(text)) << text;
  }
  for (const char* text :
       {"", "redis", "redis.db", "redisx://h", "/redis://", "https://redis"}) {
    EXPECT_FALSE(IsRedisUrl(text)) << text;
  }
}

class BadAddressTest
    : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadAddressTest, IsExplainedWithoutThePassword) {
  const auto& [text, why] = GetParam();
  const auto url = ParseRedisUrl(text);
  ASSERT_FALSE(url) << text;
  EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(url.error().message, HasSubstr(why));
  EXPECT_THAT(url.error().message, HasSubstr("redis://[USER:PASSWORD@]HOST"));
  EXPECT_THAT(url.error().message, Not(HasSubstr("s3cret")));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAddressTest,
    testing::Values(
        std::pair("s3cret", "no redis://"),
        std::pair("redis+s3cret://h", "unknown scheme"),
        std::pair("http://h", "unknown scheme"),
        std::pair("redis://", "no host name"),
        std::pair("redis://:s3cret", "no host name"),
        std::pair("redis://u:s3cret@", "no host name"),
        std::pair("redis://u:s3/cret@h", "a / before the @"),
        std::pair("redis://u:s3cret%4@h", "no two hexadecimal digits"),
        std::pair("redis://u:s3cret%", "no port"),
        std::pair("redis://u:s3cret%@h", "no two hexadecimal digits"),
        std::pair("redis://h:0", "no port from 1 to 65535"),
        std::pair("redis://h:65536", "no port from 1 to 65535"),
        std::pair("redis://h:", "no port from 1 to 65535"),
        std::pair("redis://[::1", "no ]"),
        std::pair("redis://[h]:1", "no IPv6 address"),
        std::pair("redis://a b", "no host name"),
        std::pair("redis://h/x", "no number of a database"),
        std::pair("redis://h/-1", "no number of a database"),
        std::pair("redis://h/99999999999", "no number of a database"),
        std::pair("redis://h,g", "neither +sentinel nor +cluster"),
        std::pair("redis+sentinel://h", "no name of a master"),
        std::pair("redis+sentinel://h/", "no name of a master"),
        std::pair("redis+cluster://h/1", "database 0 only"),
        std::pair("redis+cluster://h,,g", "no host name")));

TEST(AddressTest, HasAtMost64Hosts) {
  std::string text = "redis+cluster://h";
  for (int i = 1; i < 64; ++i) text += ",h";
  EXPECT_TRUE(ParseRedisUrl(text));
  EXPECT_FALSE(ParseRedisUrl(text + ",h"));
}

TEST(RedisUrlTest, AMessageIsAnAddressAgainWhateverTheUserIsCalled) {
  const auto url = ParseRedisUrl("redis://a%40b%2Fc%3Ad%25:secret@host:7/3");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "a@b/c:d%");
  EXPECT_EQ(url->ForMessage(), "redis://a%40b%2Fc%3Ad%25@host:7/3");
  EXPECT_EQ(ParseRedisUrl(url->ForMessage())->user, url->user);
}

}  // namespace
}  // namespace ocelli
