#include "store/s3_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

std::string UrlOf(const std::string& root, const S3AddressOptions& options,
                  const std::string& key) {
  const auto address = S3Address::Parse(root, options);
  if (!address) return address.error().message;
  return address->UrlOf(address->PathOf(key), "").ToString();
}

TEST(S3Address, OnAmazonTheBucketIsInTheHost) {
  EXPECT_EQ(UrlOf("s3://frames/cam1", {}, "a b.jpg"),
            "https://frames.s3.us-east-1.amazonaws.com/cam1/a%20b.jpg");
  EXPECT_EQ(UrlOf("s3://frames", {"cn-north-1", "", {}}, "a"),
            "https://frames.s3.cn-north-1.amazonaws.com.cn/a");
}

TEST(S3Address, ABucketThatIsNoHostLabelIsInThePath) {
  EXPECT_EQ(UrlOf("s3://my.frames", {}, "a"),
            "https://s3.us-east-1.amazonaws.com/my.frames/a");
  EXPECT_EQ(UrlOf("s3://Frames", {}, "a"),
            "https://s3.us-east-1.amazonaws.com/Frames/a");
}

TEST(S3Address, ElsewhereTheBucketIsInThePath) {
  EXPECT_EQ(UrlOf("s3://frames/x/", {"", "http://127.0.0.1:9000/", {}}, "ü"),
            "http://127.0.0.1:9000/frames/x/%C3%BC");
  EXPECT_EQ(UrlOf("s3://frames", {"", "https://example.org/s3", {}}, "a"),
            "https://example.org/s3/frames/a");
}

TEST(S3Address, TheStyleCanBeAskedFor) {
  EXPECT_EQ(UrlOf("s3://frames", {"", "", true}, "a"),
            "https://s3.us-east-1.amazonaws.com/frames/a");
  EXPECT_EQ(UrlOf("s3://frames", {"", "https://r2.example.org", false}, "a"),
            "https://frames.r2.example.org/a");
}

TEST(S3Address, TheHostHeaderHasAPortThatIsNotUsual) {
  const auto host = [](const char* endpoint) {
    return S3Address::Parse("s3://frames", {"", endpoint, {}})
        .value()
        .HostHeader();
  };
  EXPECT_EQ(host("http://localhost:9000"), "localhost:9000");
  EXPECT_EQ(host("https://example.org:443"), "example.org");
  EXPECT_EQ(host("http://[::1]:80"), "[::1]");
}

TEST(S3Address, TheRootHasOneForm) {
  for (const char* root : {"s3://frames/a b/c", "s3://frames/a b/c/"}) {
    EXPECT_EQ(S3Address::Parse(root, {}).value().Root(), "s3://frames/a b/c");
  }
  EXPECT_EQ(S3Address::Parse("s3://frames/", {}).value().Root(), "s3://frames");
}

TEST(S3Address, APasswordInItIsNotShown) {
  const auto address = S3Address::Parse("s3://key:secret@frames", {});
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().message,
              testing::Not(testing::HasSubstr("secret")));
}

TEST(S3Address, WhatCannotBeOneIsRefused) {
  for (const char* root :
       {"s3://", "s3://ab", "s3:///key", "s3://a b c", "s3://user@host",
        "s3://-bucket", "s3://frames//x", "s3://frames/../x", "dir:/x"}) {
    const auto address = S3Address::Parse(root, {});
    ASSERT_FALSE(address) << root;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument) << root;
  }
  EXPECT_FALSE(S3Address::Parse("s3://frames", {"eu/west", "", {}}));
  for (const char* endpoint :
       {"localhost:9000", "ftp://x", "http://user:secret@x", "http://x/?a=b"}) {
    const auto address = S3Address::Parse("s3://frames", {"", endpoint, {}});
    ASSERT_FALSE(address) << endpoint;
    EXPECT_THAT(address.error().message,
                testing::Not(testing::HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace ocelli
