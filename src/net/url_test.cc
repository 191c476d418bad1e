#include "net/url.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

TEST(Url, IsSplitIntoItsParts) {
  const Url url = ParseUrl("HTTPS://Example.org:8443/a/b?key=1#part").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "example.org");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.target, "/a/b?key=1");
  EXPECT_EQ(url.ToString(), "https://example.org:8443/a/b?key=1");
}

TEST(Url, OmitsTheSchemesOwnPortAndAddsARoot) {
  EXPECT_EQ(ParseUrl("https://a.org:443")->ToString(), "https://a.org/");
  EXPECT_EQ(ParseUrl("http://a.org?x")->ToString(), "http://a.org/?x");
}

TEST(Url, KeepsTheQueryOutOfMessages) {
  EXPECT_EQ(ParseUrl("https://a.org/x?secret=1")->ForMessage(),
            "https://a.org/x");
  EXPECT_EQ(ParseUrl("https://a b/x?secret=1").error().message.find("secret"),
            std::string::npos);
}

TEST(Url, KnowsThisMachine) {
  for (const char* text : {"http://127.0.0.1/", "http://127.9.9.9:80/",
                           "http://localhost/", "http://[::1]:8080/"}) {
    EXPECT_TRUE(ParseUrl(text)->IsLoopback()) << text;
    EXPECT_TRUE(CheckSecure(*ParseUrl(text))) << text;
  }
  for (const char* text :
       {"http://127.0.0.1.org/", "http://10.0.0.1/", "http://localhost.org/",
        "http://[::2]/", "http://128.0.0.1/"}) {
    EXPECT_FALSE(ParseUrl(text)->IsLoopback()) << text;
    EXPECT_EQ(CheckSecure(*ParseUrl(text)).error().code,
              ErrorCode::kPermissionDenied)
        << text;
  }
  EXPECT_TRUE(CheckSecure(*ParseUrl("https://10.0.0.1/")));
}

TEST(Url, IsRefusedWhereReadersCouldDiffer) {
  for (const char* text :
       {"", "a.org", "ftp://a.org/", "file:///etc/passwd", "https://",
        "https:///x", "https://user@a.org/", "https://127.0.0.1@evil.org/",
        "https://a.org\\@b.org/", "https://a.org /", "https://a.org/\n",
        "https://a.org:0/", "https://a.org:65536/", "https://a.org:1x/",
        "https://a.org:/", "https://[::1/", "https://[x]/", "https://[::1]x/",
        "https://a%2eorg/"}) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace ocelli
