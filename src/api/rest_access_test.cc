// Knocks at every door with everything that somebody could bring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/rest_routes.h"
#include "api/test_rest.h"

namespace ocelli {
namespace {

using ::testing::IsEmpty;

struct Guest {
  const char* what;
  // Of whom the requests are, once they are let in.
  Caller caller;
  HttpFields fields;
  bool has_session = false;
};

// What Authorize() says, as a status; 0: nothing against it.
int Objection(const RestRoute& route, const Guest& guest) {
  const bool changes = route.verb != "GET";
  if (guest.has_session && changes && route.checks_csrf) return 403;
  if (!route.need) return 0;
  const auto allowed = Authorize(guest.caller, *route.need);
  if (allowed) return 0;
  return allowed.error().code == ErrorCode::kUnauthenticated ? 401 : 403;
}

HttpHead Knock(const RestRoute& route, const HttpFields& fields) {
  std::string path = route.path;
  for (std::size_t open; (open = path.find('{')) != path.npos;) {
    const bool is_video = path.starts_with("/v1/live");
    path.replace(open, path.find('}') - open + 1, is_video ? "cam" : "1");
  }
  HttpHead head = TestRest::Head(route.verb, path, {}, fields);
  if (route.extra == ExtraRoute::kLiveEvents) {
    head.fields.emplace_back("Upgrade", "websocket");
  }
  const bool takes_json = route.extra == ExtraRoute::kLogIn ||
                          route.extra == ExtraRoute::kChangePassword;
  if (takes_json) head.fields.emplace_back("Content-Type", "application/json");
  return head;
}

// The refusal for want of rights; 0: none.
int Answer(TestRest& rest, const RestRoute& route, const HttpFields& fields) {
  const auto verdict = rest.handler->Admit(Knock(route, fields));
  return verdict.refusal ? verdict.refusal->status : 0;
}

std::vector<std::string> Differences(TestRest& rest,
                                     const std::vector<Guest>& guests) {
  std::vector<std::string> differences;
  const auto routes = MakeRestRoutes(rest.service.operations());
  EXPECT_GT(routes.size(), 40u);
  for (const RestRoute& route : routes) {
    for (const Guest& guest : guests) {
      const int wanted = Objection(route, guest);
      const int got = Answer(rest, route, guest.fields);
      if (wanted == got) continue;
      differences.push_back(route.verb + " " + route.path + ", " + guest.what +
                            ": " + std::to_string(got) + " instead of " +
                            std::to_string(wanted));
    }
  }
  return differences;
}

Guest WithKey(TestRest& rest, const char* what, const std::string& text) {
  Guest guest{what, Caller(), {{"Authorization", "Bearer " + text}}};
  if (auto caller = rest.access.store->CallerOfKey(text)) {
    guest.caller = *caller;
  }
  return guest;
}

TEST(RestAccessTest, AnUnlockedServiceIsOpenButForWhatNeedsAKey) {
  TestRest rest;
  EXPECT_THAT(
      Differences(
          rest,
          {{"nothing", Caller::Open(), {}},
           {"a key that is none",
            Caller(),
            {{"Authorization", "Bearer ocelli_nonsense"}}},
           {"another scheme", Caller(), {{"Authorization", "Basic YTpi"}}},
           {"an old cookie",
            Caller::Open(),
            {{"Cookie", "ocelli_session=ocelli_session_x"}}}}),
      IsEmpty());
}

TEST(RestAccessTest, ALockedServiceAsksAtEveryDoor) {
  TestRest rest;
  TestAccess& access = rest.access;
  std::vector<Guest> guests = {
      {"nothing", Caller(), {}},
      {"an old cookie",
       Caller(),
       {{"Cookie", "ocelli_session=ocelli_session_x"}}}};
  const std::string expired =
      access.Key("expired", Scope::kAdmin, std::chrono::seconds(60));
  const std::string revoked = access.Key("revoked", Scope::kAdmin);
  access.clock.Advance(std::chrono::minutes(2));
  ASSERT_TRUE(access.store->RevokeKey(Caller::Owner(), "revoked"));
  const std::pair<const char*, Scopes> kKeys[] = {
      {"read", Scope::kRead},
      {"write", Scope::kWrite},
      {"read and write", Scope::kRead | Scope::kWrite},
      {"admin", Scope::kAdmin}};
  for (const auto& [name, scopes] : kKeys) {
    guests.push_back(WithKey(rest, name, access.Key(name, scopes)));
    ASSERT_EQ(guests.back().caller.kind, CallerKind::kKey);
  }
  guests.push_back(WithKey(rest, "expired", expired));
  guests.push_back(WithKey(rest, "revoked", revoked));
  EXPECT_EQ(guests.back().caller.kind, CallerKind::kNobody);

  ASSERT_TRUE(access.store->AddUser(Caller::Owner(), "Ada", "a long password",
                                    Scope::kRead | Scope::kWrite));
  const auto login = access.store->LogIn("Ada", "a long password", "::1");
  ASSERT_TRUE(login);
  const std::string cookie = "a=b; ocelli_session=" + login->token;
  const Caller& ada = login->session.caller;
  const std::string token = login->session.csrf_token.ToHex();
  guests.push_back({"a session", ada, {{"Cookie", cookie}}, true});
  guests.push_back(
      {"a session with another's token",
       ada,
       {{"Cookie", cookie}, {"X-CSRF-Token", std::string(64, 'a')}},
       true});
  guests.push_back({"a session with its token",
                    ada,
                    {{"Cookie", cookie}, {"X-CSRF-Token", token}}});
  EXPECT_THAT(Differences(rest, guests), IsEmpty());
}

TEST(RestAccessTest, OtherSitesGetNothingWhateverTheyBring) {
  for (const bool locked : {false, true}) {
    TestRest rest;
    HttpFields fields;
    if (locked) {
      fields = {{"Authorization",
                 "Bearer " + rest.access.Key("admin", Scope::kAdmin)}};
    }
    const HttpFields kForeign = {{"Origin", "https://evil.example"},
                                 {"Origin", "null"},
                                 {"Origin", "http://127.0.0.1:3000"},
                                 {"Origin", "http://localhost:8080"},
                                 {"Sec-Fetch-Site", "cross-site"},
                                 {"Sec-Fetch-Site", "same-site"}};
    for (const RestRoute& route : MakeRestRoutes(rest.service.operations())) {
      for (const auto& foreign : kForeign) {
        HttpFields sent = fields;
        sent.push_back(foreign);
        EXPECT_EQ(Answer(rest, route, sent), 403)
            << route.verb << " " << route.path << " " << foreign.second;
      }
      HttpHead rebound = Knock(route, fields);
      for (auto& [name, value] : rebound.fields) {
        if (name == "Host") value = "evil.example:8080";
      }
      const auto verdict = rest.handler->Admit(rebound);
      ASSERT_TRUE(verdict.refusal);
      EXPECT_EQ(verdict.refusal->status, 403);
    }
  }
}

TEST(RestAccessTest, ThePageItselfNeedsNoKey) {
  TestRest rest;
  rest.access.Key("one", Scope::kRead);
  EXPECT_EQ(rest.Get("/").status, 200);
  EXPECT_EQ(rest.Get("/people/Ada").status, 200);
}

TEST(RestAccessTest, WhoIsRefusedIsToldWhy) {
  TestRest rest;
  rest.access.Key("one", Scope::kRead);
  const auto response = rest.Get("/v1/people");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(FieldOf(response, "WWW-Authenticate"), "Bearer realm=\"ocelli\"");
  EXPECT_THAT(response.body, ::testing::HasSubstr("an API key or a log-in"));
}

}  // namespace
}  // namespace ocelli
