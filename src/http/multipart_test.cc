#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ocelli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kType = "multipart/form-data; boundary=X";

std::string Part(const std::string& head, const std::string& content) {
  return "--X\r\n" + head + "\r\n\r\n" + content + "\r\n";
}
std::string Named(const std::string& name, const std::string& content) {
  return Part("Content-Disposition: form-data; name=\"" + name + "\"", content);
}
const std::string kEnd = "--X--\r\n";

ErrorCode CodeOf(const std::string& body, const std::string& type = kType) {
  const auto parts = ParseMultipart(type, body);
  return parts ? ErrorCode::kInternal : parts.error().code;
}

TEST(MultipartTest, PartsAreTakenApart) {
  const std::string picture("\xff\xd8\r\n--\r\n--Y\0\r", 12);
  const std::string body =
      Named("title", "a b") +
      Part(
          "content-disposition: FORM-DATA; filename=\"a \\\"b\\\".jpg\"; "
          "name=image\r\nContent-Type: image/jpeg\r\nX-Other: 1",
          picture) +
      Named("empty", "") + kEnd;
  const auto parts = ParseMultipart(kType, body);
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ((*parts)[0].name, "title");
  EXPECT_EQ((*parts)[0].content, "a b");
  EXPECT_EQ((*parts)[0].file_name, "");
  EXPECT_EQ((*parts)[1].name, "image");
  EXPECT_EQ((*parts)[1].file_name, "a \"b\".jpg");
  EXPECT_EQ((*parts)[1].content_type, "image/jpeg");
  EXPECT_EQ((*parts)[1].content, picture);
  EXPECT_EQ((*parts)[2].name, "empty");
  EXPECT_EQ((*parts)[2].content, "");
}

TEST(MultipartTest, BoundariesMayBeQuoted) {
  const auto parts = ParseMultipart(
      "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b:c\"",
      "--a b:c\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n"
      "--a b:c--");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ((*parts)[0].content, "v");
}

TEST(MultipartTest, NoPartsAreParts) {
  EXPECT_EQ(ParseMultipart(kType, kEnd)->size(), 0u);
}

TEST(MultipartTest, AContentMayBeLeftOut) {
  const auto parts = ParseMultipart(
      kType, "--X\r\nContent-Disposition: form-data; name=n\r\n\r\n--X--");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ((*parts)[0].content, "");
}

TEST(MultipartTest, FileNamesLeadNowhere) {
  for (const std::string name : {"../../etc/passwd", "/etc/passwd",
                                 "C:\\\\x\\\\passwd", "C:\\x\\passwd"}) {
    const auto parts = ParseMultipart(
        kType, Part("Content-Disposition: form-data; name=n; filename=\"" +
                        name + "\"",
                    "") +
                   kEnd);
    ASSERT_TRUE(parts) << parts.error().message;
    EXPECT_EQ((*parts)[0].file_name, "passwd") << name;
  }
}

TEST(MultipartTest, TypesWithoutAGoodBoundaryAreRefused) {
  const std::string body = Named("n", "v") + kEnd;
  for (const std::string type :
       {"", "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"X", "multipart/mixed; boundary=X",
        "text/plain; boundary=X", "multipart/form-data; boundary=X; boundary=Y",
        "multipart/form-data; boundary=\"X \"",
        "multipart/form-data boundary=X",
        "multipart/form-data; boundary=\"X\r\nY\"",
        "multipart/form-data; boundary=\"\xc3\xa4\"",
        "multipart/form-data; =X; boundary=X"}) {
    EXPECT_EQ(CodeOf(body, type), ErrorCode::kInvalidArgument) << type;
  }
  EXPECT_EQ(
      CodeOf(body, "multipart/form-data; boundary=" + std::string(71, 'X')),
      ErrorCode::kInvalidArgument);
}

TEST(MultipartTest, MalformedBodiesAreRefused) {
  const std::string disposition = "Content-Disposition: form-data; name=n";
  for (const std::string& body : {
           std::string(),
           std::string("--"),
           std::string("--X"),
           std::string("--X\r\n"),
           std::string("preamble\r\n") + Named("n", "v") + kEnd,
           Named("n", "v"),                  // No end.
           Named("n", "v") + "--X",          // Half an end.
           Named("n", "v") + "--Y--\r\n",    // Another's end.
           Named("n", "v") + kEnd + "more",  // After the end.
           "--Xtra\r\n" + disposition + "\r\n\r\nv\r\n" + kEnd,
           "--X\n" + disposition + "\n\nv\n--X--\n",      // Bare lines.
           "--X\r\n\r\nv\r\n" + kEnd,                     // No head.
           Part("Content-Type: text/plain", "v") + kEnd,  // No name.
           Part("Content-Disposition: form-data", "v") + kEnd,
           Part("Content-Disposition: form-data; name=\"\"", "v") + kEnd,
           Part("Content-Disposition: attachment; name=n", "v") + kEnd,
           Part(disposition + "; name=m", "v") + kEnd,
           Part(disposition + "; filename=a; filename=b", "v") + kEnd,
           Part(disposition + "\r\n" + disposition, "v") + kEnd,
           Part(disposition + "\r\nContent-Type: a/b\r\nContent-Type: c/d",
                "v") +
               kEnd,
           Part(disposition + "\r\nContent-Type: multipart/mixed; boundary=Z",
                "--Z\r\n\r\nv\r\n--Z--") +
               kEnd,  // Nested.
           Part(disposition + "\r\nContent-Transfer-Encoding: base64", "dg==") +
               kEnd,
           Part(disposition + "\r\n folded: 1", "v") + kEnd,
           Part(disposition + "\r\nno colon", "v") + kEnd,
           Part(disposition + "\r\n: no name", "v") + kEnd,
           Part(disposition + "\r\nX-A: 1\rX-B: 2", "v") + kEnd,  // Injection.
           Part(disposition + "\r\nX-A: 1\nX-B: 2", "v") + kEnd,
           Part("Content-Disposition: form-data; name=\"a\nb\"", "v") + kEnd,
           Part("Content-Disposition: form-data; name=\"a", "v") + kEnd,
           Part("Content-Disposition: form-data; name=\"\xff\"", "v") + kEnd,
           Part(disposition + "; filename=\"\xc0\xaf\"", "v") + kEnd,
       }) {
    EXPECT_EQ(CodeOf(body), ErrorCode::kInvalidArgument) << body;
  }
}

TEST(MultipartTest, LimitsHold) {
  std::string body;
  for (int i = 0; i < 65; ++i) body += Named("n", "v");
  EXPECT_EQ(CodeOf(body + kEnd), ErrorCode::kResourceExhausted);
  const std::string big = Part(
      "Content-Disposition: form-data; name=n\r\nX: " + std::string(9000, 'x'),
      "v");
  EXPECT_EQ(CodeOf(big + kEnd), ErrorCode::kResourceExhausted);
  EXPECT_EQ(CodeOf("--X\r\n" + std::string(1 << 20, 'x')),
            ErrorCode::kResourceExhausted);
}

TEST(MultipartTest, EveryPrefixIsRefused) {
  const std::string body = Named("a", "1") + Named("b", "2") + "--X--";
  ASSERT_TRUE(ParseMultipart(kType, body));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(CodeOf(body.substr(0, size)), ErrorCode::kInvalidArgument)
        << size;
  }
}

TEST(MultipartTest, MessagesHoldNothingOfTheContent) {
  const auto parts = ParseMultipart(kType, Named("n", "secret"));
  EXPECT_THAT(parts.error().message, HasSubstr("last boundary"));
  EXPECT_THAT(parts.error().message, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ocelli
