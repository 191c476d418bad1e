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

std::string Resolve(const char* base, std::string_view reference) {
  const auto url = ResolveReference(ParseUrl(base).value(), reference);
  return url ? url->ToString() : "error: " + url.error().message;
}

// The examples of RFC 3986, 5.4, without fragments and parameters.
TEST(ResolveReference, FollowsTheExamplesOfTheRfc) {
  const std::pair<const char*, const char*> kExamples[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {"g?y#s", "http://a/b/c/g?y"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
  };
  for (const auto& [reference, expected] : kExamples) {
    EXPECT_EQ(Resolve("http://a/b/c/d;p?q", reference), expected) << reference;
  }
}

TEST(ResolveReference, TakesAddressesAsPagesHaveThem) {
  const char* base = "https://en.example.org/wiki/List";
  EXPECT_EQ(Resolve(base, "//upload.example.org/20px-Flag.svg.png"),
            "https://upload.example.org/20px-Flag.svg.png");
  EXPECT_EQ(Resolve(base, " /w/C\u00f4te d'Ivoire.svg\n"),
            "https://en.example.org/w/C%C3%B4te%20d'Ivoire.svg");
  EXPECT_EQ(Resolve(base, "a%20b\t\n|c.png?q=\"<>\""),
            "https://en.example.org/wiki/a%20b%7Cc.png?q=%22%3C%3E%22");
  EXPECT_EQ(Resolve(base, "HTTP://Other.ORG/a/../b"), "http://other.org/b");
}

TEST(ResolveReference, RefusesWhatParseUrlRefuses) {
  for (const std::string_view reference :
       {"data:image/png;base64,AAAA", "javascript:alert(1)",
        "file:///etc/passwd", "//user@evil.org/", "//evil.org\\@a.org/",
        "/\\evil.org/", "//b\u00fccher.example/", "https:", "https:a",
        "//a.org:99999/"}) {
    EXPECT_TRUE(Resolve("https://a.org/", reference).starts_with("error: "))
        << reference;
  }
}

}  // namespace
}  // namespace ocelli
