#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/test_access.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

constexpr Caller (*kOwner)() = Caller::Owner;
constexpr const char* kPassword = "correct horse";
constexpr const char* kHome = "10.0.0.1";

class AccessUsersTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store().AddUser(kOwner(), "Ada", kPassword,
                                Scope::kRead | Scope::kWrite));
    access_.hashes->runs = 0;
  }

  AccessStore& store() { return *access_.store; }
  NewSession LogIn() { return store().LogIn("Ada", kPassword, kHome).value(); }
  void ExpectEnded(const NewSession& session) {
    const auto found = store().SessionOf(session.token);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kUnauthenticated);
    EXPECT_THAT(found.error().message, HasSubstr("log in again"));
    EXPECT_FALSE(store().StillValid(session.session.caller));
  }

  TestAccess access_;
};

TEST_F(AccessUsersTest, WhoLogsInHasASession) {
  const NewSession made = LogIn();
  access_.Reopen();
  const auto session = store().SessionOf(made.token);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->caller.kind, CallerKind::kUser);
  EXPECT_EQ(session->caller.name, "Ada");
  EXPECT_EQ(session->caller.scopes, Scope::kRead | Scope::kWrite);
  EXPECT_TRUE(store().StillValid(session->caller));
  const auto users = store().Users(kOwner()).value();
  ASSERT_EQ(users.size(), 1u);
  EXPECT_EQ(users[0].sessions, 1);
  EXPECT_EQ(users[0].last_login, access_.clock.WallTime());
}

TEST_F(AccessUsersTest, NamesAreTheSameInEitherCase) {
  EXPECT_TRUE(store().LogIn("ADA", kPassword, kHome));
  EXPECT_EQ(
      store().AddUser(kOwner(), "aDA", kPassword, Scope::kRead).error().code,
      ErrorCode::kAlreadyExists);
}

TEST_F(AccessUsersTest, AnUnknownUserLooksAndCostsLikeAWrongPassword) {
  std::vector<std::string> messages;
  for (const std::string& name :
       {std::string("Ada"), std::string("Eva"), std::string(),
        std::string("Ada\xff"), std::string(100000, 'x')}) {
    access_.hashes->runs = 0;
    const auto session = store().LogIn(name, "wrong horse", kHome);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(session.error().message, "wrong user name or password");
    EXPECT_EQ(access_.hashes->runs, 1) << name.substr(0, 9);
  }
}

TEST_F(AccessUsersTest, AHugePasswordIsWrongAndNotHashedWhole) {
  EXPECT_EQ(
      store().LogIn("Ada", std::string(1 << 20, 'x'), kHome).error().message,
      "wrong user name or password");
}

TEST_F(AccessUsersTest, TooManyFailuresHaveToWaitAlsoWithTheRightPassword) {
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(store().LogIn("Ada", "wrong horse", kHome).error().code,
              ErrorCode::kUnauthenticated);
  }
  access_.hashes->runs = 0;
  const auto refused = store().LogIn("ada", kPassword, kHome);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("try again in 1 s"));
  EXPECT_EQ(access_.hashes->runs, 0);
  EXPECT_EQ(store().LoginWait("Ada", kHome), seconds(1));
  access_.clock.Advance(seconds(1));
  EXPECT_TRUE(store().LogIn("Ada", kPassword, kHome));
}

TEST_F(AccessUsersTest, WhatCouldNotBeHashedIsNoFailedLogIn) {
  access_.hashes->fails = true;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(store().LogIn("Ada", kPassword, kHome).error().message, "full");
  }
  access_.hashes->fails = false;
  EXPECT_TRUE(store().LogIn("Ada", kPassword, kHome));
}

TEST_F(AccessUsersTest, ANewPasswordEndsAllSessionsOfTheUserAndNoOthers) {
  ASSERT_TRUE(store().AddUser(kOwner(), "Eva", "battery staple", Scope::kRead));
  const NewSession first = LogIn();
  const NewSession second = LogIn();
  const auto other = store().LogIn("Eva", "battery staple", kHome).value();
  ASSERT_TRUE(store().SetPassword(kOwner(), "Ada", "another horse"));
  ExpectEnded(first);
  ExpectEnded(second);
  EXPECT_TRUE(store().SessionOf(other.token));
  EXPECT_FALSE(store().LogIn("Ada", kPassword, kHome));
  EXPECT_TRUE(store().LogIn("Ada", "another horse", kHome));
}

TEST_F(AccessUsersTest, ChangingOnesOwnPasswordNeedsTheOldOne) {
  const NewSession session = LogIn();
  const Caller ada = session.session.caller;
  EXPECT_EQ(store()
                .ChangeOwnPassword(ada, "wrong horse", "another horse", kHome)
                .error()
                .message,
            "wrong password");
  EXPECT_EQ(
      store().ChangeOwnPassword(ada, kPassword, "short", kHome).error().code,
      ErrorCode::kInvalidArgument);
  ASSERT_TRUE(store().SessionOf(session.token));
  ASSERT_TRUE(
      store().ChangeOwnPassword(ada, kPassword, "another horse", kHome));
  ExpectEnded(session);
  EXPECT_TRUE(store().LogIn("Ada", "another horse", kHome));
}

TEST_F(AccessUsersTest, WhoMayNotSetsNobodysPassword) {
  const Caller ada = LogIn().session.caller;
  EXPECT_EQ(store().SetPassword(ada, "Ada", "another horse").error().code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(store().AddUser(ada, "Eva", kPassword, Scope::kRead).error().code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(store().RemoveUser(ada, "Ada").error().code,
            ErrorCode::kPermissionDenied);
  EXPECT_TRUE(store().LogIn("Ada", kPassword, kHome));
}

TEST_F(AccessUsersTest, ARemovedUsersSessionsEndAndTheNextOfTheNameHasNone) {
  const NewSession session = LogIn();
  ASSERT_TRUE(store().RemoveUser(kOwner(), "ada"));
  ExpectEnded(session);
  EXPECT_FALSE(store().LogIn("Ada", kPassword, kHome));
  ASSERT_TRUE(store().AddUser(kOwner(), "Ada", kPassword, Scope::kAdmin));
  ExpectEnded(session);
  EXPECT_EQ(store().RemoveUser(kOwner(), "Eva").error().code,
            ErrorCode::kNotFound);
}

// The old password is found right, changed, and then the session is made.
TEST_F(AccessUsersTest, APasswordChangedDuringALogInLetsNobodyIn) {
  const auto other = access_.Another();
  access_.hashes->during = [&] {
    ASSERT_TRUE(other->SetPassword(kOwner(), "Ada", "another horse"));
  };
  EXPECT_EQ(store().LogIn("Ada", kPassword, kHome).error().message,
            "wrong user name or password");
  EXPECT_EQ(store().Users(kOwner())->front().sessions, 0);
}

TEST_F(AccessUsersTest, AUserRemovedDuringALogInIsNotLetIn) {
  const auto other = access_.Another();
  access_.hashes->during = [&] {
    ASSERT_TRUE(other->RemoveUser(kOwner(), "Ada"));
  };
  EXPECT_EQ(store().LogIn("Ada", kPassword, kHome).error().code,
            ErrorCode::kUnauthenticated);
}

TEST_F(AccessUsersTest, APasswordSetMeanwhileIsNotUndoneByItsOwner) {
  const Caller ada = LogIn().session.caller;
  const auto other = access_.Another();
  access_.hashes->during = [&] {
    ASSERT_TRUE(other->SetPassword(kOwner(), "Ada", "third horse!"));
  };
  EXPECT_EQ(store()
                .ChangeOwnPassword(ada, kPassword, "another horse", kHome)
                .error()
                .code,
            ErrorCode::kPermissionDenied);
  EXPECT_TRUE(store().LogIn("Ada", "third horse!", kHome));
}

TEST_F(AccessUsersTest, AnIdleSessionEndsAndAUsedOneGoesOn) {
  const NewSession idle = LogIn();
  const NewSession used = LogIn();
  for (int i = 0; i < 15; ++i) {
    access_.clock.Advance(minutes(30));
    EXPECT_TRUE(store().SessionOf(used.token)) << i;
  }
  EXPECT_TRUE(store().StillValid(idle.session.caller));
  access_.clock.Advance(minutes(30));
  ExpectEnded(idle);
  EXPECT_TRUE(store().SessionOf(used.token));
  EXPECT_EQ(store().Users(kOwner())->front().sessions, 1);
}

TEST_F(AccessUsersTest, EverySessionEndsAfterAWeek) {
  const NewSession session = LogIn();
  const auto end = session.session.expires;
  EXPECT_EQ(end, access_.clock.WallTime() + hours(8));
  for (int i = 0; i < 7 * 24 - 1; ++i) {
    access_.clock.Advance(hours(1));
    ASSERT_TRUE(store().SessionOf(session.token)) << i;
  }
  EXPECT_EQ(store().SessionOf(session.token)->expires,
            access_.clock.WallTime() + hours(1));
  access_.clock.Advance(hours(1));
  ExpectEnded(session);
}

TEST_F(AccessUsersTest, AUserHasSoManySessionsThenTheOldestEnds) {
  const NewSession first = LogIn();
  access_.clock.Advance(seconds(1));
  const NewSession second = LogIn();
  for (int i = 0; i < 31; ++i) {
    access_.clock.Advance(seconds(1));
    LogIn();
  }
  ExpectEnded(first);
  EXPECT_TRUE(store().SessionOf(second.token));
  EXPECT_EQ(store().Users(kOwner())->front().sessions, 32);
}

TEST_F(AccessUsersTest, LoggingOutEndsThatSessionAlone) {
  const NewSession first = LogIn();
  const NewSession second = LogIn();
  ASSERT_TRUE(store().LogOut(first.token));
  ExpectEnded(first);
  EXPECT_TRUE(store().SessionOf(second.token));
  EXPECT_TRUE(store().LogOut(first.token));
  EXPECT_TRUE(store().LogOut("nonsense"));
}

TEST_F(AccessUsersTest, TheCsrfTokenIsOfOneSessionAndNotTheCookie) {
  const NewSession first = LogIn();
  const NewSession second = LogIn();
  const std::string token = first.session.csrf_token.ToHex();
  const auto session = store().SessionOf(first.token).value();
  EXPECT_TRUE(CsrfTokenMatches(session, token));
  EXPECT_FALSE(CsrfTokenMatches(second.session, token));
  for (const std::string& wrong : {std::string(), token.substr(1), token + "0",
                                   first.token, std::string(64, '0')}) {
    EXPECT_FALSE(CsrfTokenMatches(session, wrong));
  }
}

TEST_F(AccessUsersTest, TheFileHoldsNoTokenAndNoPassword) {
  const NewSession session = LogIn();
  access_.store.reset();
  const std::string bytes = ReadTestFile(access_.folder / "access.sqlite");
  EXPECT_THAT(bytes, Not(HasSubstr(session.token.substr(23, 20))));
  EXPECT_THAT(bytes, HasSubstr(std::string("test1$") + kPassword));
}

TEST_F(AccessUsersTest, AHashOfOtherLimitsIsRenewedAtTheNextLogIn) {
  const NewSession before = LogIn();
  access_.Reopen(2);
  const auto session = store().LogIn("Ada", kPassword, kHome);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_TRUE(store().SessionOf(session->token));
  EXPECT_TRUE(store().SessionOf(before.token));
  access_.hashes->runs = 0;
  EXPECT_TRUE(store().LogIn("Ada", kPassword, kHome));
  EXPECT_EQ(access_.hashes->runs, 1);  // Not renewed again.
}

TEST_F(AccessUsersTest, BadNamesPasswordsAndScopesAreRefused) {
  const auto code = [&](const std::string& name, const std::string& password,
                        Scopes scopes) {
    return store().AddUser(kOwner(), name, password, scopes).error().code;
  };
  EXPECT_EQ(code(" Eva", kPassword, Scope::kRead), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("Eva", "short", Scope::kRead), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("Eva", kPassword, {}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store().SetPassword(kOwner(), "Eva", kPassword).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(store().SetPassword(kOwner(), "Ada", "short").error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(AccessUsersTest, TheLogSaysWhoDidWhatWhenToWhom) {
  const std::string text = access_.Key("ci", Scope::kAdmin);
  const Caller key = store().CallerOfKey(text).value();
  access_.clock.Advance(seconds(5));
  ASSERT_TRUE(store().SetPassword(key, "Ada", "another horse"));
  ASSERT_TRUE(store().Record(key, "rename", "person", "Jesper"));
  const auto log = store().Audit(kOwner(), 0, 100).value();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[0].action, "rename");
  EXPECT_EQ(log[0].subject_kind, "person");
  EXPECT_EQ(log[0].subject, "Jesper");
  EXPECT_EQ(log[0].by_kind, CallerKind::kKey);
  EXPECT_EQ(log[0].by_name, "ci");
  EXPECT_EQ(log[0].by_id, key.id);
  EXPECT_EQ(log[0].time, access_.clock.WallTime());
  EXPECT_EQ(log[1].action, "set password");
  EXPECT_EQ(log[1].subject, "Ada");
  EXPECT_EQ(log[2].action, "create");
  EXPECT_EQ(log[2].by_kind, CallerKind::kOwner);
  EXPECT_EQ(log[2].time, access_.clock.WallTime() - seconds(5));
  EXPECT_EQ(log[3].action, "add");
  // In pages.
  EXPECT_THAT(store().Audit(kOwner(), log[1].id, 1).value(),
              ElementsAre(Field(&AuditEntry::id, log[2].id)));
}

TEST_F(AccessUsersTest, WhatWasNotDoneIsNotInTheLog) {
  const auto before = store().Audit(kOwner(), 0, 100)->size();
  EXPECT_FALSE(store().RemoveUser(kOwner(), "Eva"));
  EXPECT_FALSE(store().RevokeKey(kOwner(), "ci"));
  EXPECT_FALSE(store().AddUser(kOwner(), "Ada", kPassword, Scope::kRead));
  EXPECT_FALSE(store().SetPassword(Caller::Open(), "Ada", "another horse"));
  EXPECT_EQ(store().Audit(kOwner(), 0, 100)->size(), before);
}

TEST_F(AccessUsersTest, TheLogIsBoundedByAgeAndItsTextsByLength) {
  ASSERT_TRUE(
      store().Record(kOwner(), "add", "person",
                     std::string(399, 'x') + "ä" + std::string(1 << 20, 'y')));
  EXPECT_EQ(store().Audit(kOwner(), 0, 1)->front().subject,
            std::string(399, 'x'));
  const std::string revoked = access_.Key("old", Scope::kRead);
  ASSERT_TRUE(store().RevokeKey(kOwner(), "old"));
  access_.clock.Advance(hours(365 * 24) + seconds(1));
  ASSERT_TRUE(store().Record(kOwner(), "add", "person", "Eva"));
  EXPECT_EQ(store().Audit(kOwner(), 0, 100)->size(), 1u);
  EXPECT_TRUE(store().Keys(kOwner())->empty());
  EXPECT_EQ(store().CallerOfKey(revoked).error().message, "an unknown API key");
}

// The whole with the real hash, as cheap as it goes.
TEST(AccessTest, ARealPasswordLogsIn) {
  const TestFolder folder;
  const auto open = [&](PasswordLimits limits) {
    return AccessStore::Open(
               folder / "access.sqlite", {}, SystemClock(), SystemRandom(),
               MakePasswordHasher({limits, 2, std::chrono::seconds(60)}))
        .value();
  };
  auto store = open({1, 8192});
  ASSERT_TRUE(store->AddUser(kOwner(), "Ada", kPassword, Scope::kRead));
  EXPECT_TRUE(store->LogIn("Ada", kPassword, kHome));
  EXPECT_FALSE(store->LogIn("Ada", "wrong horse", kHome));
  store = open({1, 16384});
  EXPECT_TRUE(store->LogIn("Ada", kPassword, kHome));
  store.reset();
  const std::string bytes = ReadTestFile(folder / "access.sqlite");
  EXPECT_THAT(bytes, HasSubstr("$argon2id$v=19$m=16,t=1,p=1$"));
  // The old one is overwritten.
  EXPECT_THAT(bytes, Not(HasSubstr("m=8,")));
  EXPECT_THAT(bytes, Not(HasSubstr(kPassword)));
}

}  // namespace
}  // namespace ocelli
