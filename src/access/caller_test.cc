#include "access/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace ocelli {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;
using testing::HasSubstr;

constexpr CallerKind kKinds[] = {CallerKind::kNobody, CallerKind::kOpen,
                                 CallerKind::kOwner, CallerKind::kKey,
                                 CallerKind::kUser};
constexpr Action kActions[] = {Action::kRead,
                               Action::kWrite,
                               Action::kAdminister,
                               Action::kSeeAccess,
                               Action::kManageKeys,
                               Action::kManageUsers,
                               Action::kChangeOwnPassword};

// The rules once more, in other words than caller.cc has them.
bool Expected(CallerKind kind, int bits, bool expires, Action action) {
  const bool admin = bits & 4;
  const bool known = kind == CallerKind::kOwner || kind == CallerKind::kKey ||
                     kind == CallerKind::kUser;
  switch (action) {
    case Action::kRead:
      return kind != CallerKind::kNobody && (admin || (bits & 1));
    case Action::kWrite:
      return kind != CallerKind::kNobody && (admin || (bits & 2));
    case Action::kAdminister:
    case Action::kSeeAccess:
    case Action::kManageKeys:
      return known && admin;
    case Action::kManageUsers:
      return known && admin && !expires;
    case Action::kChangeOwnPassword:
      return kind == CallerKind::kUser;
  }
  return false;
}

TEST(CallerTest, EveryCallerMayWhatTheRulesSayAndNothingElse) {
  int allowed = 0;
  for (const CallerKind kind : kKinds) {
    for (int bits = 0; bits < 8; ++bits) {
      for (const bool expires : {false, true}) {
        for (const Action action : kActions) {
          Caller caller{kind, "x", "", Scopes::FromBits(bits), {}};
          if (expires) caller.expires = system_clock::time_point(seconds(9));
          const auto done = Authorize(caller, action);
          EXPECT_EQ(done.has_value(), Expected(kind, bits, expires, action))
              << static_cast<int>(kind) << " " << bits << " " << expires << " "
              << static_cast<int>(action);
          if (done) {
            ++allowed;
          } else {
            EXPECT_EQ(done.error().code, kind == CallerKind::kNobody
                                             ? ErrorCode::kUnauthenticated
                                             : ErrorCode::kPermissionDenied);
          }
        }
      }
    }
  }
  EXPECT_GT(allowed, 0);
}

TEST(CallerTest, NobodyGivesMoreThanTheyHave) {
  for (int have = 0; have < 8; ++have) {
    for (int wanted = 0; wanted < 8; ++wanted) {
      const Caller caller{
          CallerKind::kKey, "x", "", Scopes::FromBits(have), {}};
      const bool expected = (have & 4) || (have & wanted) == wanted;
      EXPECT_EQ(
          AuthorizeGrant(caller, Scopes::FromBits(wanted), {}).has_value(),
          expected)
          << have << " " << wanted;
    }
  }
}

TEST(CallerTest, WhatExpiresMakesNothingThatLastsLonger) {
  const system_clock::time_point end(seconds(100));
  const Caller caller{CallerKind::kKey, "x", "", Scope::kAdmin, end};
  EXPECT_TRUE(AuthorizeGrant(caller, Scope::kRead, end));
  EXPECT_TRUE(AuthorizeGrant(caller, Scope::kRead, end - seconds(1)));
  EXPECT_FALSE(AuthorizeGrant(caller, Scope::kRead, end + seconds(1)));
  EXPECT_FALSE(AuthorizeGrant(caller, Scope::kRead, std::nullopt));
}

TEST(CallerTest, TheCommandLineMayAllButChangeAPasswordOfItsOwn) {
  for (const Action action : kActions) {
    EXPECT_EQ(Authorize(Caller::Owner(), action).has_value(),
              action != Action::kChangeOwnPassword);
  }
}

TEST(CallerTest, AnOpenServiceReadsAndWritesButMakesNoKeys) {
  EXPECT_TRUE(Authorize(Caller::Open(), Action::kRead));
  EXPECT_TRUE(Authorize(Caller::Open(), Action::kWrite));
  EXPECT_FALSE(Authorize(Caller::Open(), Action::kManageKeys));
  EXPECT_FALSE(Authorize(Caller::Open(), Action::kSeeAccess));
}

TEST(CallerTest, ARefusalSaysWhoAndWhatIsMissing) {
  const Caller key{CallerKind::kKey, "ci", "", Scope::kRead, {}};
  EXPECT_EQ(Authorize(key, Action::kWrite).error().message,
            "key \"ci\" may not change anything: that needs the scope write, "
            "not only read");
  EXPECT_THAT(Authorize(Caller(), Action::kRead).error().message,
              HasSubstr("an API key or a log-in is needed"));
}

}  // namespace
}  // namespace ocelli
