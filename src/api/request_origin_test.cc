#include "api/request_origin.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

bool Taken(HttpFields fields, bool is_page = false, bool secure = false) {
  HttpHead head;
  head.fields = std::move(fields);
  head.secure = secure;
  const auto checked = CheckOrigin(head, {"Cam.example"}, is_page);
  EXPECT_TRUE(checked || checked.error().code == ErrorCode::kPermissionDenied);
  return checked.has_value();
}

TEST(RequestOriginTest, AnswersForLoopbackAndItsOwnNames) {
  for (const char* host :
       {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.1.2.3:1", "[::1]",
        "[::1]:8080", "app.localhost:8080", "cam.example", "CAM.example:443"}) {
    EXPECT_TRUE(Taken({{"Host", host}})) << host;
  }
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1:", "127.0.0.1:x", "127.0.0.256", "127.1", "[::2]", "::1",
        "[::1", "", "10.0.0.1", "xcam.example", "cam.example.", "localhost@x",
        "127.0.0.1:80:80", "[localhost]", " localhost"}) {
    EXPECT_FALSE(Taken({{"Host", host}})) << host;
  }
  EXPECT_FALSE(Taken({}));
  EXPECT_FALSE(Taken({{"Host", "localhost"}, {"host", "localhost"}}));
}

TEST(RequestOriginTest, TheOwnOriginIsTaken) {
  EXPECT_TRUE(Taken({{"Host", "localhost:8080"},
                     {"Origin", "http://localhost:8080"},
                     {"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(
      Taken({{"Host", "cam.example"}, {"Origin", "https://cam.example"}}, false,
            true));
  EXPECT_TRUE(Taken({{"Host", "localhost"}, {"Sec-Fetch-Site", "none"}}));
}

TEST(RequestOriginTest, AnotherOneIsNot) {
  for (const char* origin :
       {"http://localhost:3000", "http://127.0.0.1:8080", "null", "",
        "https://evil.example", "localhost:8080", "file://localhost:8080",
        "http://localhost:8080/", "http://localhost:8080@evil.example"}) {
    EXPECT_FALSE(Taken({{"Host", "localhost:8080"}, {"Origin", origin}}))
        << origin;
  }
  EXPECT_FALSE(Taken({{"Host", "localhost"}, {"Origin", "http://localhost"}},
                     false, true));
  EXPECT_FALSE(Taken({{"Host", "localhost"},
                      {"Origin", "http://localhost"},
                      {"Origin", "http://localhost"}}));
}

TEST(RequestOriginTest, LinksFromElsewhereLeadToThePageOnly) {
  const HttpFields link = {{"Host", "localhost"},
                           {"Sec-Fetch-Site", "cross-site"},
                           {"Sec-Fetch-Mode", "navigate"},
                           {"Sec-Fetch-Dest", "document"}};
  EXPECT_TRUE(Taken(link, true));
  EXPECT_FALSE(Taken(link, false));
  HttpFields frame = link;
  frame[3].second = "iframe";
  EXPECT_FALSE(Taken(frame, true));
}

}  // namespace
}  // namespace ocelli
