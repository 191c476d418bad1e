#include "store/s3_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/utc_time.h"

namespace ocelli {
namespace {

using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;

// The examples of "Authenticating Requests (AWS Signature Version 4)" in the
// Amazon S3 API reference.
const AwsCredentials kExampleKeys{
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", ""};
constexpr char kExampleHost[] = "examplebucket.s3.amazonaws.com";

std::chrono::system_clock::time_point ExampleTime() {
  return ParseUtc("2013-05-24T00:00:00Z").value();
}

std::string AuthorizationOf(const S3SignedRequest& request,
                            const std::string& body = "",
                            const AwsCredentials& keys = kExampleKeys) {
  return S3Signer(keys, "us-east-1")
      .SignedHeaders(request, Sha256(body), ExampleTime())
      .back();
}

TEST(S3Signer, SignsTheExampleOfGettingAnObject) {
  EXPECT_EQ(
      AuthorizationOf(
          {"GET", kExampleHost, "/test.txt", {}, {{"range", "bytes=0-9"}}}),
      "Authorization: AWS4-HMAC-SHA256 "
      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
      "Signature="
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signer, SignsTheExampleOfPuttingAnObject) {
  EXPECT_THAT(
      AuthorizationOf({"PUT",
                       kExampleHost,
                       "/" + S3Encode("test$file.text", true),
                       {},
                       {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                        {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                      "Welcome to Amazon S3."),
      EndsWith(
          "Signature="
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(S3Signer, SignsTheExampleOfAQueryWithoutAValue) {
  EXPECT_THAT(
      AuthorizationOf({"GET", kExampleHost, "/", {{"lifecycle", ""}}, {}}),
      EndsWith(
          "Signature="
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(S3Signer, SignsTheExampleOfListingInWhateverOrderTheQueryIs) {
  EXPECT_THAT(
      AuthorizationOf(
          {"GET", kExampleHost, "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}}),
      EndsWith(
          "Signature="
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signer, PresignsTheExample) {
  const S3Signer signer(kExampleKeys, "us-east-1");
  EXPECT_EQ(
      signer.PresignedQuery({"GET", kExampleHost, "/test.txt", {}, {}},
                            std::chrono::seconds(86'400), ExampleTime()),
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&"
      "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="
      "host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(S3Signer, ASessionTokenIsSentAndSigned) {
  AwsCredentials keys = kExampleKeys;
  keys.session_token = "token/1=";
  const S3Signer signer(keys, "us-east-1");
  const S3SignedRequest request{"GET", kExampleHost, "/test.txt", {}, {}};
  const auto lines =
      signer.SignedHeaders(request, Sha256(std::string_view()), ExampleTime());
  EXPECT_THAT(lines, Contains("x-amz-security-token: token/1="));
  EXPECT_THAT(lines.back(), HasSubstr("x-amz-date;x-amz-security-token,"));
  EXPECT_THAT(
      signer.PresignedQuery(request, std::chrono::seconds(60), ExampleTime()),
      HasSubstr("&X-Amz-Security-Token=token%2F1%3D&"));
}

TEST(S3Signer, AnotherDayHasAnotherKey) {
  const S3Signer signer(kExampleKeys, "us-east-1");
  const S3SignedRequest request{"GET", kExampleHost, "/test.txt", {}, {}};
  const Digest body = Sha256(std::string_view());
  const auto first = signer.SignedHeaders(request, body, ExampleTime()).back();
  const auto next = ExampleTime() + std::chrono::hours(24);
  EXPECT_EQ(signer.SignedHeaders(request, body, next).back(),
            S3Signer(kExampleKeys, "us-east-1")
                .SignedHeaders(request, body, next)
                .back());
  EXPECT_EQ(signer.SignedHeaders(request, body, ExampleTime()).back(), first);
}

TEST(S3Encode, KeepsWhatTheSignatureKeeps) {
  EXPECT_EQ(S3Encode("aZ09-._~", false), "aZ09-._~");
  EXPECT_EQ(S3Encode("a/b c+ü%", true), "a/b%20c%2B%C3%BC%25");
  EXPECT_EQ(S3Encode("a/b", false), "a%2Fb");
}

}  // namespace
}  // namespace ocelli
