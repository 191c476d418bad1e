#include "api/session_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_rest.h"

namespace ocelli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kJson[] = "application/json";
constexpr char kPassword[] = "a long password";

class SessionRoutesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(rest_.access.store->AddUser(Caller::Owner(), "Ada", kPassword,
                                            Scope::kRead | Scope::kWrite));
  }

  HttpResponse LogIn(const std::string& password, bool secure = false) {
    HttpHead head =
        TestRest::Head("POST", "/v1/session", {}, {{"Content-Type", kJson}});
    head.secure = secure;
    return rest_.Ask(head,
                     json{{"name", "Ada"}, {"password", password}}.dump());
  }
  // What a browser would send back.
  static std::string CookieOf(const HttpResponse& response) {
    const std::string set = FieldOf(response, "Set-Cookie");
    return set.substr(0, set.find(';'));
  }

  TestRest rest_;
};

TEST_F(SessionRoutesTest, ALogInGivesACookieThatNoScriptReads) {
  const auto response = LogIn(kPassword);
  ASSERT_EQ(response.status, 200) << response.body;
  const json body = json::parse(response.body);
  EXPECT_EQ(body["user"], "Ada");
  EXPECT_EQ(body["scopes"], json({"read", "write"}));
  EXPECT_EQ(body["csrfToken"].get<std::string>().size(), 64u);
  EXPECT_THAT(body["expires"].get<std::string>(), HasSubstr("2027-"));
  const std::string cookie = FieldOf(response, "Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("; Path=/; HttpOnly; SameSite=Strict; "
                                "Max-Age=28800"));
  EXPECT_THAT(cookie, Not(HasSubstr("Secure")));
  EXPECT_THAT(response.body, Not(HasSubstr("ocelli_session_")));
  EXPECT_THAT(FieldOf(LogIn(kPassword, true), "Set-Cookie"),
              HasSubstr("; Secure"));
}

TEST_F(SessionRoutesTest, TheCookieSaysWhoItIs) {
  EXPECT_EQ(json::parse(rest_.Get("/v1/session").body),
            json({{"kind", "nobody"},
                  {"name", ""},
                  {"scopes", json::array()},
                  {"locked", true}}));
  const auto login = LogIn(kPassword);
  const auto who = rest_.Get("/v1/session", {}, {{"Cookie", CookieOf(login)}});
  const json body = json::parse(who.body);
  EXPECT_EQ(body["kind"], "user");
  EXPECT_EQ(body["name"], "Ada");
  EXPECT_EQ(body["csrfToken"], json::parse(login.body)["csrfToken"]);
}

TEST_F(SessionRoutesTest, LoggingOutEndsIt) {
  const auto login = LogIn(kPassword);
  const std::string cookie = CookieOf(login);
  const std::string token = json::parse(login.body)["csrfToken"];
  const auto out =
      rest_.Ask(TestRest::Head("DELETE", "/v1/session", {},
                               {{"Cookie", cookie}, {"X-CSRF-Token", token}}));
  EXPECT_EQ(out.status, 204);
  EXPECT_THAT(FieldOf(out, "Set-Cookie"),
              HasSubstr("ocelli_session=; Path=/; HttpOnly; SameSite=Strict; "
                        "Max-Age=0"));
  EXPECT_EQ(rest_.Get("/v1/people", {}, {{"Cookie", cookie}}).status, 401);
}

TEST_F(SessionRoutesTest, AnotherLogInEndsTheFirst) {
  const std::string first = CookieOf(LogIn(kPassword));
  rest_.Ask(TestRest::Head("POST", "/v1/session", {},
                           {{"Content-Type", kJson}, {"Cookie", first}}),
            json{{"name", "Ada"}, {"password", kPassword}}.dump());
  EXPECT_EQ(rest_.Get("/v1/people", {}, {{"Cookie", first}}).status, 401);
}

TEST_F(SessionRoutesTest, WrongPasswordsAreSlowedDown) {
  for (int i = 0; i < 5; ++i) {
    const auto wrong = LogIn("a wrong password");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_THAT(wrong.body, Not(HasSubstr("a wrong password")));
    EXPECT_EQ(FieldOf(wrong, "Set-Cookie"), "");
  }
  EXPECT_EQ(LogIn("a wrong password").status, 401);
  const auto refused = LogIn(kPassword);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(FieldOf(refused, "Retry-After"), "1");
  rest_.access.clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(LogIn(kPassword).status, 200);
}

TEST_F(SessionRoutesTest, ANewPasswordEndsAllSessions) {
  const auto login = LogIn(kPassword);
  const std::string cookie = CookieOf(login);
  const auto change = [&](const std::string& old_password) {
    return rest_.Ask(
        TestRest::Head(
            "POST", "/v1/session/password", {},
            {{"Content-Type", kJson},
             {"Cookie", cookie},
             {"X-CSRF-Token", json::parse(login.body)["csrfToken"]}}),
        json{{"oldPassword", old_password}, {"newPassword", "another one !"}}
            .dump());
  };
  EXPECT_EQ(change("not the password").status, 403);
  EXPECT_EQ(change(kPassword).status, 204);
  EXPECT_EQ(rest_.Get("/v1/people", {}, {{"Cookie", cookie}}).status, 401);
  EXPECT_EQ(LogIn(kPassword).status, 401);
  EXPECT_EQ(LogIn("another one !").status, 200);
}

TEST_F(SessionRoutesTest, BodiesThatAreNoLogInAreRefused) {
  for (const std::string& body :
       {std::string("{}"), std::string("[]"), std::string("{\"name\":1}"),
        std::string("{\"name\":\"Ada\",\"password\":[\"x\"]}"),
        std::string("{\"name\":\"Ada\",\"password\":\"x\",\"more\":1}"),
        std::string(10'000, '['), std::string("\xff"),
        std::string("{\"name")}) {
    EXPECT_EQ(rest_.Send("POST", "/v1/session", kJson, body).status, 400)
        << body.substr(0, 40);
  }
  // As a form of another site would send it.
  EXPECT_EQ(rest_
                .Send("POST", "/v1/session", "text/plain",
                      "{\"name\":\"Ada\",\"password\":\"x\"}")
                .status,
            415);
}

}  // namespace
}  // namespace ocelli
