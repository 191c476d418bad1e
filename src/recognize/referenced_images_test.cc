#include "recognize/referenced_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "net/test_http_server.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

std::string TextOf(const Result<std::vector<std::byte>>& read) {
  if (!read) return "failed: " + read.error().message;
  return {reinterpret_cast<const char*>(read->data()), read->size()};
}

class ReferencedImagesTest : public testing::Test {
 protected:
  ReferencedImagesTest() {
    setenv("AWS_ACCESS_KEY_ID", "key", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "swordfish", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    options_.allow_private = true;
    options_.store.endpoint = server_.Address("");
  }

  TestHttpServer server_{
      [this](const std::string&) { return TestHttpServer::Reply{answer_}; }};
  std::string answer_ = TestHttpServer::Ok("a picture");
  ReferencedImagesOptions options_;
};

TEST_F(ReferencedImagesTest, ReadsObjectsAndAddresses) {
  ReferencedImages images(options_);
  EXPECT_EQ(TextOf(images.Get(server_.Address("/a.jpg"))), "a picture");
  EXPECT_EQ(TextOf(images.Get("s3://bucket/cam 1/a.jpg")), "a picture");
  EXPECT_THAT(server_.requests()[1], HasSubstr("GET /bucket/cam%201/a.jpg "));
}

TEST_F(ReferencedImagesTest, ManyBucketsAreRead) {
  ReferencedImages images(options_);
  for (int i = 0; i < 40; ++i) {
    const std::string bucket = "s3://bucket" + std::to_string(i % 20);
    EXPECT_EQ(TextOf(images.Get(bucket + "/a.jpg")), "a picture");
  }
}

TEST_F(ReferencedImagesTest, PrivateAddressesAreRefusedUnlessAllowed) {
  options_.allow_private = false;
  ReferencedImages images(options_);
  const auto read = images.Get(server_.Address("/a.jpg"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(read.error().message, HasSubstr("127.0.0.1"));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(ReferencedImagesTest, WhatIsTooLargeIsNotTriedAgain) {
  options_.max_bytes = 8;
  ReferencedImages images(options_);
  for (const std::string& reference :
       {server_.Address("/a.jpg"), std::string("s3://bucket/a.jpg")}) {
    const auto read = images.Get(reference);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument) << reference;
    EXPECT_FALSE(MayTryAgain(read.error()));
  }
}

TEST_F(ReferencedImagesTest, WhatIsGoneIsNotFoundAndABusyServerTriedAgain) {
  ReferencedImages images(options_);
  answer_ = TestHttpServer::Status("404 Not Found", "");
  for (const std::string& reference :
       {server_.Address("/a.jpg"), std::string("s3://bucket/a.jpg")}) {
    EXPECT_EQ(images.Get(reference).error().code, ErrorCode::kNotFound);
  }
  answer_ = TestHttpServer::Status("503 Slow Down", "");
  EXPECT_EQ(images.Get(server_.Address("/a.jpg")).error().code,
            ErrorCode::kUnavailable);
}

TEST_F(ReferencedImagesTest, NothingElseIsRead) {
  ReferencedImages images(options_);
  for (const std::string reference :
       {"", "/etc/passwd", "file:///etc/passwd", "dir:/etc", "ftp://host/a",
        "s3://bucket", "s3://bucket/", "s3:///a", "s3://a@b/c", "s3://b/../c",
        "https://", "https://user@host/a", "gopher://x"}) {
    const auto read = images.Get(reference);
    ASSERT_FALSE(read) << reference;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument) << reference;
  }
  EXPECT_TRUE(server_.requests().empty());
}

}  // namespace
}  // namespace ocelli
