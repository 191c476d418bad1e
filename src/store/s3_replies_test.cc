#include "store/s3_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/utc_time.h"
#include "store/test_requests.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const S3Address& Address() {
  static const S3Address address =
      S3Address::Parse("s3://frames", {"us-east-1", "https://host", {}})
          .value();
  return address;
}

std::chrono::system_clock::time_point Now() {
  return ParseUtc("2026-11-25T14:00:00Z").value();
}

std::optional<S3Failure> FailureOf(
    int status, const std::string& body = "",
    const std::map<std::string, std::string>& headers = {},
    bool may_fail_late = false) {
  return ocelli::FailureOf({status, headers, Bytes(body)},
                           {Address(), "profile robot", Now(), may_fail_late});
}

std::string ErrorBody(const std::string& code, const std::string& more = "") {
  return "<?xml version=\"1.0\"?><Error><Code>" + code +
         "</Code><Message>so it is</Message>" + more + "</Error>";
}

TEST(S3Failure, ASuccessIsNone) {
  EXPECT_FALSE(FailureOf(200));
  EXPECT_FALSE(FailureOf(204));
  // An object may look like an error.
  EXPECT_FALSE(FailureOf(200, ErrorBody("InternalError")));
  EXPECT_FALSE(FailureOf(200, "<Fine/>", {}, true));
}

TEST(S3Failure, AnErrorAfterTheStatusIsOneWhereItMayBe) {
  const auto failure = FailureOf(200, ErrorBody("InternalError"), {}, true);
  ASSERT_TRUE(failure);
  EXPECT_TRUE(MayTryAgain(failure->error));
}

TEST(S3Failure, WhatMayPassIsToBeTriedAgain) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    EXPECT_TRUE(MayTryAgain(FailureOf(status)->error)) << status;
  }
  for (const char* code : {"RequestTimeout", "SlowDown", "IncompleteBody"}) {
    EXPECT_TRUE(MayTryAgain(FailureOf(400, ErrorBody(code))->error)) << code;
  }
}

TEST(S3Failure, WhatStaysIsNot) {
  for (const int status : {301, 400, 401, 403, 404, 405, 411, 412, 501}) {
    EXPECT_FALSE(MayTryAgain(FailureOf(status)->error)) << status;
  }
  const auto code = [](int status, const char* name) {
    return FailureOf(status, ErrorBody(name))->error.code;
  };
  EXPECT_EQ(code(403, "AccessDenied"), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(400, "ExpiredToken"), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(404, "NoSuchBucket"), ErrorCode::kNotFound);
  EXPECT_EQ(code(400, "KeyTooLongError"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(400, "XAmzContentSHA256Mismatch"), ErrorCode::kDataLoss);
  EXPECT_EQ(code(403, "QuotaExceeded"), ErrorCode::kResourceExhausted);
}

TEST(S3Failure, SlowDownIsHeard) {
  EXPECT_TRUE(FailureOf(503)->slow_down);
  EXPECT_TRUE(FailureOf(429)->slow_down);
  EXPECT_TRUE(FailureOf(400, ErrorBody("SlowDown"))->slow_down);
  EXPECT_FALSE(FailureOf(500)->slow_down);
  EXPECT_EQ(FailureOf(503, "", {{"retry-after", "7"}})->retry_after,
            milliseconds(7000));
}

TEST(S3Failure, TheMessageHasTheServersCodeAndWords) {
  EXPECT_EQ(FailureOf(403, ErrorBody("AccessDenied"))->error.message,
            "AccessDenied: so it is (403)");
  EXPECT_EQ(FailureOf(500, "<html>oh</html>")->error.message,
            "the server answers 500");
}

TEST(S3Failure, TheMessageSaysWhatToDo) {
  const auto message =
      [](int status, const std::string& body,
         const std::map<std::string, std::string>& headers = {}) {
        return FailureOf(status, body, headers)->error.message;
      };
  EXPECT_THAT(message(404, ErrorBody("NoSuchBucket")),
              HasSubstr("there is no bucket frames at https://host"));
  EXPECT_THAT(message(301, ErrorBody("PermanentRedirect"),
                      {{"x-amz-bucket-region", "eu-west-1"}}),
              HasSubstr("set AWS_REGION=eu-west-1"));
  EXPECT_THAT(message(400, ErrorBody("AuthorizationHeaderMalformed",
                                     "<Region>eu-west-2</Region>")),
              HasSubstr("set AWS_REGION=eu-west-2"));
  EXPECT_THAT(message(403, ErrorBody("RequestTimeTooSkewed"),
                      {{"date", "Wed, 25 Nov 2026 17:00:00 GMT"}}),
              AllOf(HasSubstr("clock is wrong"),
                    HasSubstr("2026-11-25T14:00:00"), HasSubstr("17:00:00")));
  EXPECT_THAT(message(403, ErrorBody("SignatureDoesNotMatch")),
              HasSubstr("profile robot"));
}

TEST(S3Failure, WhatAStrangerSaysIsCutAndPrintable) {
  const std::string message =
      FailureOf(403, "<Error><Code>\x1b[31m\xff</Code><Message>" +
                         std::string(100'000, 'x') + "</Message></Error>")
          ->error.message;
  EXPECT_LT(message.size(), 400u);
  EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) {
    return c >= ' ' && c <= '~';
  })) << message;
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_EQ(FailureOf(403, deep)->error.message, "the server answers 403");
}

TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(RetryAfterFrom("120", Now()), milliseconds(120'000));
  EXPECT_EQ(RetryAfterFrom("Wed, 25 Nov 2026 14:00:30 GMT", Now()),
            milliseconds(30'000));
  EXPECT_EQ(RetryAfterFrom("Wed, 25 Nov 2026 13:00:00 GMT", Now()),
            milliseconds(0));
  EXPECT_EQ(RetryAfterFrom("4000000000", Now()), std::chrono::hours(24));
  for (const char* bad :
       {"", "soon", "-1", "1.5", "99999999999999",
        "Wed, 99 Nov 2026 14:00:30 GMT", "Wed, 25 Foo 2026 14:00:30 GMT",
        "Wed, 25 Nov 2026 14:0x:30 GMT"}) {
    EXPECT_EQ(RetryAfterFrom(bad, Now()), milliseconds(0)) << bad;
  }
}

TEST(S3Page, HasWhatIsListed) {
  const auto page = ParseS3Page(
      Bytes("<?xml version='1.0' encoding='UTF-8'?><ListBucketResult "
            "xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
            "<Contents><Key>a+b%2Bc%25/%C3%BC%</Key><Size>7</Size>"
            "<LastModified>2026-11-25T14:00:00.000Z</LastModified></Contents>"
            "<NextContinuationToken>a/b=</NextContinuationToken>"
            "</ListBucketResult>"));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "a b+c%/ü%");
  EXPECT_EQ(page->objects[0].bytes, 7u);
  EXPECT_EQ(page->objects[0].modified, Now());
  EXPECT_EQ(page->next, "a/b=");
}

TEST(S3Page, NamesThatAreNotEncodedStayAsTheyAre) {
  const auto page = ParseS3Page(
      Bytes("<ListBucketResult><Contents><Key>a+%41&amp;</Key><Size>0</Size>"
            "</Contents></ListBucketResult>"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects.at(0).key, "a+%41&");
  EXPECT_EQ(page->next, "");
}

TEST(S3Page, WhatIsNoneIsRefused) {
  for (const char* body :
       {"", "<html></html>", "{}",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents>"
        "</ListBucketResult>"}) {
    const auto page = ParseS3Page(Bytes(body));
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().code, ErrorCode::kDataLoss);
  }
}

TEST(S3Parts, ACompletionListsTheParts) {
  EXPECT_EQ(CompletionOf({"\"one\"", "a&b"}),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
            "\"one\"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>a&amp;b"
            "</ETag></Part></CompleteMultipartUpload>");
  EXPECT_FALSE(ParseUploadId(Bytes("<X/>")));
}

}  // namespace
}  // namespace ocelli
