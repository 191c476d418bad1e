#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>
#include <thread>

#include "access/test_access.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

constexpr Caller (*kOwner)() = Caller::Owner;

class AccessKeysTest : public testing::Test {
 protected:
  AccessStore& store() { return *access_.store; }

  void ExpectRefused(const std::string& text, const std::string& message) {
    const auto caller = store().CallerOfKey(text);
    ASSERT_FALSE(caller);
    EXPECT_EQ(caller.error().code, ErrorCode::kUnauthenticated);
    EXPECT_THAT(caller.error().message, HasSubstr(message));
  }

  // As another program would.
  std::unique_ptr<Database> OpenFile() {
    static const char* const kOne[] = {""};
    DatabaseOptions options;
    options.application_id = 0x4f634163;
    options.migrations = kOne;
    return Database::Open(access_.folder / "access.sqlite", options).value();
  }

  TestAccess access_;
};

TEST_F(AccessKeysTest, AKeyIsKnownWithItsNameAndScopes) {
  const auto key =
      store().CreateKey(kOwner(), {"ci", Scope::kRead | Scope::kWrite, {}});
  ASSERT_TRUE(key);
  access_.Reopen();
  const auto caller = store().CallerOfKey(key->text);
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->kind, CallerKind::kKey);
  EXPECT_EQ(caller->name, "ci");
  EXPECT_EQ(caller->id, key->key.id);
  EXPECT_EQ(caller->scopes, Scope::kRead | Scope::kWrite);
  EXPECT_FALSE(caller->expires);
}

TEST_F(AccessKeysTest, AWrongKeyIsNobodys) {
  const std::string text = access_.Key("ci", Scope::kRead);
  ExpectRefused("", "not an ocelli API key");
  ExpectRefused(text.substr(0, 70), "not an ocelli API key");
  std::string mistyped = text;
  mistyped[30] = mistyped[30] == 'a' ? 'b' : 'a';
  ExpectRefused(mistyped, "checksum");
  ExpectRefused(MakeSecret(SecretKind::kKey, TestRandom(77)).text,
                "an unknown API key");
}

// The id is public: it alone must open nothing.
TEST_F(AccessKeysTest, TheIdOfAKeyWithAnotherSecretIsUnknown) {
  int calls = 0;
  const auto same_id = [&](std::span<std::byte> bytes) {
    ++calls;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(i < 5 ? i : i + 100 * calls);
    }
  };
  const auto first = MakeSecret(SecretKind::kKey, same_id);
  const auto second = MakeSecret(SecretKind::kKey, same_id);
  ASSERT_EQ(first.reference.id, second.reference.id);
  calls = 0;
  auto store = AccessStore::Open(access_.folder / "other.sqlite", {},
                                 access_.clock, same_id)
                   .value();
  ASSERT_EQ(store->CreateKey(kOwner(), {"ci", Scope::kRead, {}})->text,
            first.text);
  EXPECT_TRUE(store->CallerOfKey(first.text));
  EXPECT_EQ(store->CallerOfKey(second.text).error().message,
            "an unknown API key");
}

TEST_F(AccessKeysTest, AnExpiredKeyIsRefusedFromThatMoment) {
  const std::string text = access_.Key("ci", Scope::kRead, seconds(60));
  access_.clock.Advance(seconds(60) - std::chrono::milliseconds(1));
  EXPECT_TRUE(store().CallerOfKey(text));
  access_.clock.Advance(std::chrono::milliseconds(1));
  ExpectRefused(text, "the API key \"ci\" has expired");
}

TEST_F(AccessKeysTest, ARevokedKeyIsRefusedAndItsNameFree) {
  const std::string text = access_.Key("ci", Scope::kRead);
  const auto caller = store().CallerOfKey(text).value();
  ASSERT_TRUE(store().StillValid(caller));
  ASSERT_TRUE(store().RevokeKey(kOwner(), "CI"));
  ExpectRefused(text, "the API key \"ci\" has been revoked");
  EXPECT_EQ(store().StillValid(caller).error().code,
            ErrorCode::kUnauthenticated);
  EXPECT_EQ(store().RevokeKey(kOwner(), "ci").error().code,
            ErrorCode::kNotFound);
  const std::string again = access_.Key("ci", Scope::kWrite);
  EXPECT_EQ(store().CallerOfKey(again)->scopes, Scope::kWrite);
  ExpectRefused(text, "revoked");
  EXPECT_EQ(store().Keys(kOwner())->size(), 2u);
}

TEST_F(AccessKeysTest, TheFileHoldsNoKeyAndIsItsOwnersAlone) {
  const std::string text = access_.Key("ci", Scope::kRead);
  access_.store.reset();
  const auto file = access_.folder / "access.sqlite";
  const std::string bytes = ReadTestFile(file);
  EXPECT_THAT(bytes, HasSubstr(text.substr(7, 8)));  // The id.
  EXPECT_THAT(bytes, Not(HasSubstr(text.substr(15, 20))));
  EXPECT_THAT(bytes, Not(HasSubstr(text.substr(30, 20))));
  struct stat status = {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AccessKeysTest, LastUseIsNotedAtMostOnceAMinute) {
  const std::string text = access_.Key("ci", Scope::kRead);
  const auto last = [&] { return store().Keys(kOwner())->front().last_used; };
  EXPECT_FALSE(last());
  const AccessTime first = access_.clock.WallTime();
  ASSERT_TRUE(store().CallerOfKey(text));
  EXPECT_EQ(last(), first);
  access_.clock.Advance(seconds(59));
  ASSERT_TRUE(store().CallerOfKey(text));
  EXPECT_EQ(last(), first);
  access_.clock.Advance(seconds(1));
  ASSERT_TRUE(store().CallerOfKey(text));
  EXPECT_EQ(last(), first + seconds(60));
}

TEST_F(AccessKeysTest, AKeyIsTakenWhileSomebodyElseWrites) {
  const std::string text = access_.Key("ci", Scope::kRead);
  const auto other = OpenFile();
  {
    const auto writing = Transaction::Begin(*other).value();
    EXPECT_TRUE(store().CallerOfKey(text));
    EXPECT_FALSE(store().Keys(kOwner())->front().last_used);
  }
  EXPECT_TRUE(store().CallerOfKey(text));
  EXPECT_TRUE(store().Keys(kOwner())->front().last_used);
}

TEST_F(AccessKeysTest, NamesAreCheckedAndDifferInMoreThanCase) {
  const auto error = [&](const std::string& name) {
    return store().CreateKey(kOwner(), {name, Scope::kRead, {}}).error();
  };
  access_.Key("Küche", Scope::kRead);
  EXPECT_EQ(error("KÜCHE").code, ErrorCode::kAlreadyExists);
  for (const std::string& bad :
       {std::string(), std::string(" a"), std::string("a\nb"),
        std::string("\xff"), std::string(201, 'a')}) {
    EXPECT_EQ(error(bad).code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(error(bad).message, HasSubstr("name of the key: "));
  }
  // Cut where it is no text, this would be "Küche".
  EXPECT_EQ(store().RevokeKey(kOwner(), "Küche\xff").error().code,
            ErrorCode::kNotFound);
}

TEST_F(AccessKeysTest, AKeyNeedsAScopeAndAFuture) {
  EXPECT_EQ(store().CreateKey(kOwner(), {"a", {}, {}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      store()
          .CreateKey(kOwner(), {"a", Scope::kRead, access_.clock.WallTime()})
          .error()
          .code,
      ErrorCode::kInvalidArgument);
}

TEST_F(AccessKeysTest, NoKeyGetsMoreThanItHas) {
  for (int bits = 1; bits < 8; ++bits) {
    const Scopes scopes = Scopes::FromBits(bits);
    const std::string text = access_.Key("k" + std::to_string(bits), scopes);
    const Caller caller = store().CallerOfKey(text).value();
    const auto made = store().CreateKey(
        caller, {"made" + std::to_string(bits), Scope::kAdmin, {}});
    EXPECT_EQ(made.has_value(), (bits & 4) != 0) << bits;
    EXPECT_EQ(store().Keys(caller).has_value(), (bits & 4) != 0);
    EXPECT_EQ(store().Users(caller).has_value(), (bits & 4) != 0);
    EXPECT_EQ(store().Audit(caller, 0, 1).has_value(), (bits & 4) != 0);
    EXPECT_EQ(store()
                  .AddUser(caller, "u" + std::to_string(bits), "correct horse",
                           Scope::kRead)
                  .has_value(),
              (bits & 4) != 0);
  }
}

TEST_F(AccessKeysTest, AKeyThatExpiresMakesNothingThatLastsLonger) {
  const std::string text = access_.Key("tmp", Scope::kAdmin, hours(1));
  const Caller caller = store().CallerOfKey(text).value();
  const AccessTime now = access_.clock.WallTime();
  EXPECT_TRUE(store().CreateKey(caller, {"a", Scope::kAdmin, now + hours(1)}));
  EXPECT_FALSE(store().CreateKey(caller, {"b", Scope::kRead, {}}));
  EXPECT_FALSE(store().CreateKey(caller, {"c", Scope::kRead, now + hours(2)}));
  EXPECT_FALSE(store().AddUser(caller, "ada", "correct horse", Scope::kRead));
}

TEST_F(AccessKeysTest, OnceLockedItStaysLocked) {
  EXPECT_FALSE(store().Locked().value());
  EXPECT_TRUE(store().StillValid(Caller::Open()));
  access_.Key("ci", Scope::kRead);
  EXPECT_TRUE(store().Locked().value());
  EXPECT_FALSE(store().StillValid(Caller::Open()));
  ASSERT_TRUE(store().RevokeKey(kOwner(), "ci"));
  EXPECT_TRUE(store().Locked().value());
}

TEST_F(AccessKeysTest, ADamagedFileIsAnErrorAndLeftAsItIs) {
  const auto file = access_.folder / "damaged.sqlite";
  WriteTestFile(file, "damaged");
  const auto opened = AccessStore::Open(file);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(opened.error().message,
              HasSubstr("opening keys and users: " + file.string()));
  EXPECT_EQ(ReadTestFile(file), "damaged");
}

TEST_F(AccessKeysTest, DamageWithinTheFileLetsNobodyIn) {
  const std::string text = access_.Key("ci", Scope::kRead);
  access_.store.reset();
  const auto file = access_.folder / "access.sqlite";
  std::string bytes = ReadTestFile(file);
  ASSERT_GT(bytes.size(), 8192u);
  std::fill(bytes.begin() + 4096, bytes.end(), '\xa5');
  WriteTestFile(file, bytes);
  access_.Reopen();
  const auto caller = store().CallerOfKey(text);
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(store().Locked().error().code, ErrorCode::kDataLoss);
}

TEST_F(AccessKeysTest, NonsenseInTheFileGivesNoRights) {
  const std::string text = access_.Key("ci", Scope::kRead);
  for (const char* change :
       {"UPDATE keys SET created = ?1, expires = ?1, last_used = ?1",
        "UPDATE keys SET scopes = 8 * ?1"}) {
    for (const std::int64_t value :
         {std::numeric_limits<std::int64_t>::max() / 8,
          std::numeric_limits<std::int64_t>::min() / 8}) {
      ASSERT_TRUE(OpenFile()->Run(change, {value}));
      EXPECT_TRUE(store().Keys(kOwner()));
      const auto caller = store().CallerOfKey(text);
      if (caller) {
        EXPECT_FALSE(caller->scopes.Include(Scope::kWrite));
      }
    }
  }
  ASSERT_TRUE(OpenFile()->Run("UPDATE keys SET expires = NULL, hash = x'00'"));
  ExpectRefused(text, "an unknown API key");
}

// Another process with a store of its own; `work` says whether it went well.
pid_t InAnotherProcess(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  return child;
}

bool Succeeded(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

TEST_F(AccessKeysTest, WhatAnotherProcessChangesIsSeenAtOnce) {
  const std::string text = access_.Key("ci", Scope::kRead);
  ASSERT_TRUE(store().CallerOfKey(text));
  ASSERT_TRUE(Succeeded(InAnotherProcess([&] {
    const auto other = access_.Another(1, 9);
    return other->RevokeKey(kOwner(), "ci") &&
           other->CreateKey(kOwner(), {"new", Scope::kWrite, {}});
  })));
  ExpectRefused(text, "revoked");
  EXPECT_THAT(
      store().Keys(kOwner()).value(),
      ElementsAre(Field(&ApiKey::name, "ci"), Field(&ApiKey::name, "new")));
}

TEST_F(AccessKeysTest, ProcessesThatWriteAtOnceLoseNothing) {
  std::vector<pid_t> children;
  for (std::uint32_t n = 0; n < 3; ++n) {
    children.push_back(InAnotherProcess([&, n] {
      const auto other = access_.Another(1, 50 + n);
      for (int i = 0; i < 10; ++i) {
        const std::string name = std::to_string(n) + "-" + std::to_string(i);
        const auto key = other->CreateKey(kOwner(), {name, Scope::kRead, {}});
        if (!key || !other->CallerOfKey(key->text)) return false;
      }
      return true;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(Succeeded(child));
  EXPECT_EQ(store().Keys(kOwner())->size(), 30u);
  EXPECT_EQ(store().Audit(kOwner(), 0, 100)->size(), 30u);
}

TEST_F(AccessKeysTest, ThreadsMayShareIt) {
  const std::string text = access_.Key("ci", Scope::kRead);
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; i < 20; ++i) {
        good += store().CallerOfKey(text).has_value();
        if (i % 5 > 0) continue;
        const std::string name = std::to_string(n) + "-" + std::to_string(i);
        good +=
            store().CreateKey(kOwner(), {name, Scope::kRead, {}}).has_value();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 4 * 24);
}

}  // namespace
}  // namespace ocelli
