#include "live/session_store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <thread>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// One for all cases, with nothing in it.
RedisServer& Server() {
  static RedisServer server;
  return server;
}

struct Backend {
  std::unique_ptr<RedisClient> redis;  // Null: none.
  std::unique_ptr<SessionStore> store;
};

using MakeBackend = std::function<Backend(const SessionStoreOptions&)>;

Backend MakeMemory(const SessionStoreOptions& options) {
  return {nullptr, MakeMemorySessionStore(options)};
}

Backend MakeRedis(const SessionStoreOptions& options) {
  EXPECT_TRUE(Server().Run({"FLUSHALL"}));
  Backend backend{OpenTestRedis(Server().url()), nullptr};
  backend.store = MakeRedisSessionStore(*backend.redis, options);
  return backend;
}

Backend MakeCluster(const SessionStoreOptions& options) {
  static RedisCluster cluster;
  Backend backend{OpenTestRedis(cluster.url()), nullptr};
  EXPECT_TRUE(backend.redis->ForEachKey("*", [&](const std::string& key) {
    const auto gone = backend.redis->Run({{"DEL", key}});
    return gone ? Result<>() : Result<>(gone.Failure());
  }));
  backend.store = MakeRedisSessionStore(*backend.redis, options);
  return backend;
}

constexpr SessionStoreOptions kLong{minutes(10), hours(1)};
// Ends soon, but not before a process had time to renew it.
constexpr SessionStoreOptions kShort{milliseconds(60), hours(1)};

class SessionStoreContract : public testing::TestWithParam<MakeBackend> {
 protected:
  void Open(const SessionStoreOptions& options) {
    store_ = nullptr;
    backend_ = GetParam()(options);
    store_ = backend_.store.get();
  }

  std::unique_ptr<OwnedSession> Take(const std::string& owner,
                                     TakeSessionOptions options = {}) {
    options.owner = owner;
    auto taken = store_->Take("mall-12", options);
    if (!taken) {
      ADD_FAILURE() << taken.error().message;
      return nullptr;
    }
    return std::move(*taken);
  }
  ErrorCode Refused(const std::string& owner) {
    TakeSessionOptions options;
    options.owner = owner;
    const auto taken = store_->Take("mall-12", options);
    return taken ? ErrorCode::kInternal : taken.error().code;
  }
  std::unique_ptr<OwnedSession> TakeOnceItIsFree(const std::string& owner) {
    TakeSessionOptions options;
    options.owner = owner;
    std::unique_ptr<OwnedSession> session;
    EXPECT_TRUE(EventuallyTrue([&] {
      auto taken = store_->Take("mall-12", options);
      if (taken) session = std::move(*taken);
      return session != nullptr;
    }));
    return session;
  }
  static void ExpectLost(const Result<>& done, const std::string& to) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(done.error().message, HasSubstr("mall-12 was taken over by"));
    EXPECT_THAT(done.error().message, HasSubstr(to));
  }
  std::string Peeked() {
    const auto kept = store_->Peek("mall-12");
    EXPECT_TRUE(kept) << kept.error().message;
    return kept && *kept ? (*kept)->state : "nothing";
  }

  Backend backend_;
  SessionStore* store_ = nullptr;
};

TEST_P(SessionStoreContract, ANewSessionHasNoState) {
  Open(kLong);
  EXPECT_EQ(Peeked(), "nothing");
  const auto session = Take("cam1, process 1");
  ASSERT_TRUE(session);
  EXPECT_FALSE(session->kept());
  EXPECT_GT(session->token(), 0u);
  ASSERT_TRUE(session->Renew());
  EXPECT_EQ(Peeked(), "nothing");
}

TEST_P(SessionStoreContract, TheNextGoesOnWithWhatWasSavedLast) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Save("one"));
  ASSERT_TRUE(first->Save(std::string("two\0!", 5)));
  ASSERT_TRUE(first->Renew());
  EXPECT_EQ(Peeked(), std::string("two\0!", 5));
  ASSERT_TRUE(first->Release("three"));
  const auto second = Take("cam2, process 2");
  ASSERT_TRUE(second->kept());
  EXPECT_EQ(second->kept()->state, "three");
  EXPECT_GE(second->kept()->age, milliseconds(0));
  EXPECT_LT(second->kept()->age, minutes(5));
  EXPECT_GT(second->token(), first->token());
}

TEST_P(SessionStoreContract, ASessionInUseSaysWhoHasIt) {
  Open(kLong);
  const auto session = Take("cam1, process 17");
  const auto refused = store_->Take("mall-12", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("mall-12 is in use by"));
  EXPECT_THAT(refused.error().message, HasSubstr("cam1, process 17, for 0 s"));
  EXPECT_TRUE(session->Save("mine"));
  EXPECT_TRUE(store_->Take("mall-13", {}));
}

TEST_P(SessionStoreContract, WhoSaysNothingLosesIt) {
  Open(kShort);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Save("first"));
  const auto second = TakeOnceItIsFree("cam2, process 2");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->kept()->state, "first");
  ExpectLost(first->Save("too late"), "cam2, process 2");
  ExpectLost(first->Renew(), "cam2, process 2");
  ExpectLost(first->Release("too late"), "cam2, process 2");
  EXPECT_EQ(Peeked(), "first");
  EXPECT_TRUE(second->Save("second"));
  ExpectLost(first->Save("much too late"), "cam2, process 2");
}

TEST_P(SessionStoreContract, ALeaseThatRanOutIsRenewedWhereNobodyTookIt) {
  Open(kShort);
  const auto session = Take("cam1, process 1");
  ASSERT_TRUE(EventuallyTrue([&] {
    const auto summary = store_->Summary("mall-12");
    return summary && summary->remaining == milliseconds(0);
  }));
  EXPECT_TRUE(session->Save("still here"));
  EXPECT_EQ(Peeked(), "still here");
}

TEST_P(SessionStoreContract, TakingOverEndsTheOthersOwnership) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Save("first"));
  TakeSessionOptions force;
  force.take_over = true;
  const auto second = Take("cam2, process 2", force);
  EXPECT_EQ(second->kept()->state, "first");
  ExpectLost(first->Save("late"), "cam2, process 2");
  ExpectLost(first->Release("late"), "cam2, process 2");
  // That did not end the lease of the second.
  EXPECT_EQ(Refused("cam3"), ErrorCode::kAlreadyExists);
}

TEST_P(SessionStoreContract, ReleasedIsFreeAtOnceAndHolds) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Release("done"));
  EXPECT_EQ(store_->Summary("mall-12")->remaining, milliseconds(0));
  const auto second = Take("cam2, process 2");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->kept()->state, "done");
}

TEST_P(SessionStoreContract, BeginningAnewForgetsTheState) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Release("old"));
  TakeSessionOptions anew;
  anew.begin_anew = true;
  const auto second = Take("cam2, process 2", anew);
  EXPECT_FALSE(second->kept());
  EXPECT_EQ(Peeked(), "nothing");
  EXPECT_GT(second->token(), first->token());
}

TEST_P(SessionStoreContract, NotEvenBeginningAnewTakesWhatIsInUse) {
  Open(kLong);
  const auto session = Take("cam1, process 1");
  ASSERT_TRUE(session->Save("mine"));
  TakeSessionOptions anew;
  anew.begin_anew = true;
  EXPECT_EQ(store_->Take("mall-12", anew).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(Peeked(), "mine");
}

TEST_P(SessionStoreContract, RemovedIsForgottenButItsTokensAreNotGivenAgain) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  ASSERT_TRUE(first->Save("mine"));
  EXPECT_EQ(store_->Remove("mall-12").error().code, ErrorCode::kAlreadyExists);
  ASSERT_TRUE(first->Release("mine"));
  ASSERT_TRUE(store_->Remove("mall-12"));
  EXPECT_EQ(store_->Remove("mall-12").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_->Summary("mall-12").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Peeked(), "nothing");
  const auto second = Take("cam2, process 2");
  EXPECT_FALSE(second->kept());
  EXPECT_GT(second->token(), first->token());
  ExpectLost(first->Save("late"), "cam2, process 2");
}

TEST_P(SessionStoreContract, ListsWhatThereIs) {
  Open(kLong);
  EXPECT_THAT(store_->List().value(), ElementsAre());
  const auto mall = Take("cam1, process 1");
  ASSERT_TRUE(mall->Save("12345"));
  const auto gate = store_->Take("gate", {});
  ASSERT_TRUE(gate);
  ASSERT_TRUE((*gate)->Release("1"));
  const auto list = store_->List();
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].name, "gate");
  EXPECT_EQ((*list)[0].remaining, milliseconds(0));
  const SessionSummary& second = (*list)[1];
  EXPECT_EQ(second.name, "mall-12");
  EXPECT_EQ(second.owner, "cam1, process 1");
  EXPECT_EQ(second.bytes, 5u);
  EXPECT_GT(second.remaining, minutes(5));
  EXPECT_LT(second.taken, minutes(5));
  EXPECT_LT(second.saved, minutes(5));
}

TEST_P(SessionStoreContract, ANameIsOneForKeysAndShells) {
  Open(kLong);
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("{x}"), std::string("*"),
        std::string("a\n"), std::string(101, 'a'), std::string("\0", 1),
        std::string("caf\xc3\xa9")}) {
    EXPECT_EQ(store_->Take(name, {}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Peek(name).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Summary(name).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Remove(name).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_THAT(store_->Take("{x}", {}).error().message, HasSubstr("mall-12"));
  EXPECT_TRUE(store_->Take(std::string(100, 'a'), {}));
}

TEST_P(SessionStoreContract, WaitsForTheLeaseOfWhoMayBeDead) {
  Open(kShort);
  const auto first = Take("cam1, process 1");
  const auto second = AwaitSession(*store_, "mall-12", {}, {});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_GT((*second)->token(), first->token());
}

TEST_P(SessionStoreContract, DoesNotWaitForWhoIsAlive) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  std::atomic<bool> done = false;
  std::jthread renewing([&] {
    while (!done) EXPECT_TRUE(first->Renew());
  });
  const auto second = AwaitSession(*store_, "mall-12", {}, {});
  done = true;
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
}

TEST_P(SessionStoreContract, WaitingEndsWhenItIsAskedTo) {
  Open(kLong);
  const auto first = Take("cam1, process 1");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(AwaitSession(*store_, "mall-12", {}, stop.get_token()).error().code,
            ErrorCode::kCancelled);
}

TEST(MemorySessionStore, KeepsNothingForEver) {
  FixedClock clock({});
  const auto store =
      MakeMemorySessionStore({milliseconds(100), milliseconds(1000)}, clock);
  const auto session = store->Take("mall-12", {}).value();
  ASSERT_TRUE(session->Save("faces"));
  clock.Advance(milliseconds(1100));
  EXPECT_TRUE(store->Peek("mall-12").value());
  clock.Advance(milliseconds(1));
  EXPECT_FALSE(store->Peek("mall-12").value());
  EXPECT_TRUE(store->List()->empty());
  // Its owner, away for so long, has it again.
  ASSERT_TRUE(session->Save("more faces"));
  EXPECT_TRUE(store->Peek("mall-12").value());
}

INSTANTIATE_TEST_SUITE_P(Memory, SessionStoreContract,
                         testing::Values(MakeMemory));
INSTANTIATE_TEST_SUITE_P(Redis, SessionStoreContract,
                         testing::Values(MakeRedis));
INSTANTIATE_TEST_SUITE_P(RedisCluster, SessionStoreContract,
                         testing::Values(MakeCluster));

class RedisSessionStoreTest : public testing::Test {
 protected:
  RedisSessionStoreTest() {
    EXPECT_TRUE(Server().Run({"FLUSHALL"}));
    redis_ = OpenTestRedis(Server().url());
    store_ = MakeRedisSessionStore(*redis_, kLong);
  }

  static void Set(const std::string& field, const std::string& value) {
    ASSERT_TRUE(Server().Run({"HSET", kKey, field, value}));
  }
  static RedisReply Ask(std::vector<std::string> words) {
    return Server().Run(std::move(words)).value();
  }

  static constexpr char kKey[] = "ocelli:{session:mall-12}";
  std::unique_ptr<RedisClient> redis_;
  std::unique_ptr<SessionStore> store_;
};

TEST_F(RedisSessionStoreTest, KeepsNothingForEver) {
  const auto session = store_->Take("mall-12", {}).value();
  for (int i = 0; i < 3; ++i) {
    const auto left = Ask({"PTTL", kKey}).integer;
    EXPECT_GT(left, 3'000'000);
    EXPECT_LE(left, 3'600'000);
    ASSERT_TRUE(i == 0 ? session->Save("state") : session->Release("state"));
  }
  EXPECT_EQ(Ask({"DBSIZE"}).integer, 1);
}

TEST_F(RedisSessionStoreTest, WhatAnotherProgramKeepsThereIsLeftAlone) {
  const std::vector<std::vector<std::string>> others = {
      {"SET", kKey, "hello"},
      {"HSET", kKey, "name", "hello"},
      {"HSET", kKey, "format", "ocelli-session 2", "token", "1"},
      {"RPUSH", kKey, "1", "2"}};
  for (const auto& other : others) {
    ASSERT_TRUE(Server().Run({"FLUSHALL"}));
    ASSERT_TRUE(Server().Run(other));
    const auto before = Ask({"DUMP", kKey}).text;
    for (const Error& error :
         {store_->Take("mall-12", {}).error(), store_->Peek("mall-12").error(),
          store_->Summary("mall-12").error(),
          store_->Remove("mall-12").error()}) {
      EXPECT_EQ(error.code, ErrorCode::kDataLoss);
      EXPECT_THAT(error.message, HasSubstr(kKey));
      EXPECT_THAT(error.message, HasSubstr("--new-session"));
    }
    EXPECT_THAT(store_->List().value(), ElementsAre());
    EXPECT_EQ(Ask({"DUMP", kKey}).text, before);
    TakeSessionOptions anew;
    anew.begin_anew = true;
    const auto taken = store_->Take("mall-12", anew);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_FALSE((*taken)->kept());
    EXPECT_TRUE((*taken)->Save("mine"));
  }
}

TEST_F(RedisSessionStoreTest, NumbersThatAreNoneCountAsNone) {
  for (const std::string& number :
       {std::string("nan"), std::string("inf"), std::string("-5"),
        std::string("1e300"), std::string("hello"), std::string(),
        std::string("0x10")}) {
    ASSERT_TRUE(Server().Run({"FLUSHALL"}));
    ASSERT_TRUE(Server().Run({"HSET", kKey, "format", "ocelli-session 1",
                              "token", number, "until", number, "saved", number,
                              "taken", number, "state", "abc"}));
    EXPECT_TRUE(store_->Summary("mall-12"));
    const auto session = store_->Take("mall-12", {});
    ASSERT_TRUE(session) << number << session.error().message;
    EXPECT_EQ((*session)->kept()->state, "abc");
    EXPECT_GE((*session)->kept()->age, milliseconds(0));
    EXPECT_TRUE((*session)->Save("def"));
  }
}

TEST_F(RedisSessionStoreTest, AnOwnersNameCannotWriteOnTheTerminal) {
  TakeSessionOptions options;
  options.owner = "\x1b[2Jroot\n" + std::string(100'000, 'x');
  const auto session = store_->Take("mall-12", options).value();
  const std::string message = store_->Take("mall-12", {}).error().message;
  EXPECT_THAT(message, HasSubstr("?[2Jroot?"));
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));
  EXPECT_LT(message.size(), 400u);
}

TEST_F(RedisSessionStoreTest, AMasterOfAnotherClockHoldsNobodyUp) {
  const auto redis = OpenTestRedis(Server().url());
  const auto store = MakeRedisSessionStore(*redis, kShort);
  const auto first = store->Take("mall-12", {}).value();
  Set("until", "8000000000000");  // In more than a century.
  const auto second = AwaitSession(*store, "mall-12", {}, {});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_FALSE(first->Renew());
}

TEST_F(RedisSessionStoreTest, TheNewestOwnerOutlivesAMasterThatForgotIt) {
  TakeSessionOptions force;
  force.take_over = true;
  const auto first = store_->Take("mall-12", {}).value();
  const auto dump = Ask({"DUMP", kKey}).text;
  force.owner = "second";
  const auto second = store_->Take("mall-12", force).value();
  // A replica that lagged behind becomes the master.
  ASSERT_TRUE(Server().Run({"RESTORE", kKey, "0", dump, "REPLACE"}));
  EXPECT_TRUE(second->Save("second's"));
  const auto lost = first->Save("first's");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(store_->Peek("mall-12").value()->state, "second's");
}

TEST_F(RedisSessionStoreTest, AnEmptyRedisLearnsOfTheSessionAgain) {
  const auto session = store_->Take("mall-12", {}).value();
  ASSERT_TRUE(Server().Run({"FLUSHALL"}));
  ASSERT_TRUE(session->Save("mine"));
  EXPECT_EQ(store_->Take("mall-12", {}).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_GT(Ask({"PTTL", kKey}).integer, 0);
}

TEST_F(RedisSessionStoreTest, ARedisThatIsAwayIsSaidSo) {
  RedisServer server;
  const auto redis = OpenTestRedis(server.url());
  const auto store = MakeRedisSessionStore(*redis, kLong);
  const auto session = store->Take("mall-12", {}).value();
  server.Kill();
  for (const Error& error :
       {session->Save("state").error(), store->Take("gate", {}).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kUnavailable);
    EXPECT_THAT(error.message, HasSubstr("session "));
    EXPECT_THAT(error.message, HasSubstr(server.host()));
  }
  server.Restart();
  EXPECT_TRUE(
      EventuallyTrue([&] { return session->Save("state").has_value(); }));
}

}  // namespace
}  // namespace ocelli
