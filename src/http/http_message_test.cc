#include "http/http_message.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

TEST(HttpMessageTest, FieldsAreFoundWithoutRegardToCase) {
  HttpHead head;
  head.fields = {{"Content-Type", "image/jpeg"}, {"X-A", "1"}, {"x-a", "2"}};
  EXPECT_EQ(head.Field("content-type"), "image/jpeg");
  EXPECT_EQ(head.Field("X-a"), "1");
  EXPECT_EQ(head.Field("Host"), "");
}

TEST(HttpMessageTest, QueryNamesAreExact) {
  HttpHead head;
  head.query = {{"mesh", "true"}, {"mesh", "false"}};
  EXPECT_EQ(head.Query("mesh"), "true");
  EXPECT_EQ(head.Query("Mesh"), "");
}

TEST(HttpMessageTest, CookiesAreTakenApart) {
  HttpHead head;
  head.fields = {{"Cookie", "a=1; session=x=y ;xsession=2;; b"}};
  EXPECT_EQ(head.Cookie("a"), "1");
  EXPECT_EQ(head.Cookie("session"), "x=y");
  EXPECT_EQ(head.Cookie("b"), "");
  EXPECT_EQ(head.Cookie("c"), "");
}

}  // namespace
}  // namespace ocelli
