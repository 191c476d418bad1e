#include "live/session_keeper.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <utility>

#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

// Follows whom the test says.
class FakeTracker final : public FaceTracker {
 public:
  Result<std::vector<TrackedFace>> Track(const Frame&) override { return {}; }
  FaceTrackerState State() const override { return state; }
  void Restore(FaceTrackerState, microseconds) override {}
  FaceTrackerTimes times() const override { return {}; }

  FaceTrackerState state;
};

TrackedFace Face(std::int64_t track, const std::string& name) {
  TrackedFace face;
  face.track = track;
  face.name = name;
  return face;
}

// Another store with its calls refused while it is told so.
class FailingStore final : public SessionStore {
 public:
  explicit FailingStore(SessionStore& store) : store_(store) {}

  Result<std::unique_ptr<OwnedSession>> Take(
      const std::string& name, const TakeSessionOptions& options) override {
    auto taken = store_.Take(name, options);
    if (!taken) return taken;
    return std::make_unique<Session>(std::move(*taken), *this);
  }
  Result<std::optional<KeptSession>> Peek(const std::string& name) override {
    return store_.Peek(name);
  }
  Result<std::vector<SessionSummary>> List() override { return store_.List(); }
  Result<SessionSummary> Summary(const std::string& name) override {
    return store_.Summary(name);
  }
  Result<> Remove(const std::string& name) override {
    return store_.Remove(name);
  }
  const SessionStoreOptions& options() const override {
    return store_.options();
  }

  std::atomic<bool> away = false;
  std::atomic<int> refused = 0;

 private:
  class Session final : public OwnedSession {
   public:
    Session(std::unique_ptr<OwnedSession> session, FailingStore& store)
        : session_(std::move(session)), store_(store) {}
    std::uint64_t token() const override { return session_->token(); }
    const std::optional<KeptSession>& kept() const override {
      return session_->kept();
    }
    Result<> Save(std::string_view state) override {
      return store_.away ? Away() : session_->Save(state);
    }
    Result<> Renew() override {
      return store_.away ? Away() : session_->Renew();
    }
    Result<> Release(std::string_view state) override {
      return store_.away ? Away() : session_->Release(state);
    }

   private:
    Result<> Away() {
      ++store_.refused;
      return Fail(ErrorCode::kUnavailable, "nobody answers");
    }

    const std::unique_ptr<OwnedSession> session_;
    FailingStore& store_;
  };

  SessionStore& store_;
};

class SessionKeeperTest : public testing::Test {
 protected:
  std::unique_ptr<SessionKeeper> Keep(SessionStore& store, bool force = false) {
    SessionKeeperOptions options;
    options.name = "mall-12";
    options.take.owner = "cam, process " + std::to_string(++processes_);
    options.take.take_over = force;
    options.settings = {{"--effect", {"beauty"}}};
    options.save_every = milliseconds(20);
    options.save_soonest = milliseconds(1);
    return std::make_unique<SessionKeeper>(store, options, metrics_);
  }
  static void Begin(SessionKeeper& keeper, std::uint64_t frames = 0) {
    keeper.Begin(
        [frames] {
          SessionCounters counters;
          counters.frames_out = frames;
          return counters;
        },
        [](const Error& error) { ADD_FAILURE() << error.message; });
  }
  bool EventuallyKept(const std::function<bool(const SessionState&)>& like) {
    return EventuallyTrue([&] {
      const auto kept = memory_->Peek("mall-12");
      if (!kept || !*kept) return false;
      const auto state = ParseSessionState((*kept)->state);
      return state && like(*state);
    });
  }

  int processes_ = 0;
  MetricsRegistry metrics_;
  std::unique_ptr<SessionStore> memory_ =
      MakeMemorySessionStore({minutes(10), hours(1)});
  FakeTracker tracker_;
};

TEST_F(SessionKeeperTest, ASecondProcessGoesOnWithWhatTheFirstKnew) {
  auto first = Keep(*memory_);
  const auto nothing = first->Own({});
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_FALSE(*nothing);
  EXPECT_TRUE(first->MayWrite());
  Begin(*first, 7);
  tracker_.state.next_id = 4;
  tracker_.state.tracks.resize(1);
  tracker_.state.tracks[0].id = 3;
  first->Follow(tracker_, std::vector{Face(3, "Ada")});
  EXPECT_TRUE(EventuallyKept([](const SessionState& state) {
    return state.tracker.next_id == 4 && !state.ended;
  }));
  first->End();
  EXPECT_FALSE(first->MayWrite());

  const auto second = Keep(*memory_);
  const auto resumed = second->Own({});
  ASSERT_TRUE(resumed) << resumed.error().message;
  ASSERT_TRUE(*resumed);
  const SessionState& state = (*resumed)->state;
  EXPECT_TRUE(state.ended);
  EXPECT_EQ(state.counters.frames_out, 7u);
  EXPECT_EQ(state.settings[0].values[0], "beauty");
  ASSERT_EQ(state.tracker.tracks.size(), 1u);
  EXPECT_EQ(state.tracker.tracks[0].id, 3);
  EXPECT_GE((*resumed)->gap, microseconds(0));
  EXPECT_LT((*resumed)->gap, minutes(5));
}

TEST_F(SessionKeeperTest, WhatWasResumedIsKeptUntilFacesAreSeen) {
  tracker_.state.tracks.resize(1);
  tracker_.state.tracks[0].id = 3;
  {
    auto first = Keep(*memory_);
    ASSERT_TRUE(first->Own({}));
    Begin(*first);
    first->Follow(tracker_, std::vector{Face(3, "Ada")});
    first->End();
  }
  auto second = Keep(*memory_);
  ASSERT_TRUE(second->Own({}));
  Begin(*second, 5);
  EXPECT_TRUE(EventuallyKept([](const SessionState& state) {
    return state.counters.frames_out == 5;
  }));
  EXPECT_TRUE(EventuallyKept([](const SessionState& state) {
    return state.tracker.tracks.size() == 1;
  }));
}

TEST_F(SessionKeeperTest, AProcessThatIsAliveIsLeftAlone) {
  const auto memory = MakeMemorySessionStore({milliseconds(2000), hours(1)});
  const auto first = Keep(*memory);
  ASSERT_TRUE(first->Own({}));
  Begin(*first);
  const auto second = Keep(*memory);
  const auto refused = second->Own({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("cam, process 1"));
  EXPECT_FALSE(second->MayWrite());
  EXPECT_TRUE(first->MayWrite());
}

TEST_F(SessionKeeperTest, WhoIsTakenOverLearnsItAndStops) {
  const auto first = Keep(*memory_);
  ASSERT_TRUE(first->Own({}));
  std::promise<Error> lost;
  first->Begin([] { return SessionCounters(); },
               [&](const Error& error) { lost.set_value(error); });
  const auto second = Keep(*memory_, true);
  ASSERT_TRUE(second->Own({}));
  const Error error = lost.get_future().get();
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message,
              HasSubstr("session mall-12 was taken over by cam, process 2"));
  EXPECT_THAT(error.message, HasSubstr("this process stops"));
  EXPECT_FALSE(first->MayWrite());
  EXPECT_FALSE(first->AwaitWrite({}));
  first->End();
  EXPECT_TRUE(second->MayWrite());
}

TEST_F(SessionKeeperTest, WhoLostItBeforeItBeganIsTold) {
  const auto first = Keep(*memory_);
  ASSERT_TRUE(first->Own({}));
  const auto second = Keep(*memory_, true);
  ASSERT_TRUE(second->Own({}));
  ASSERT_TRUE(EventuallyTrue([&] { return !first->MayWrite(); }));
  std::optional<Error> lost;
  // The error is there as soon as the session is known to be lost, or a bit
  // later, from the keeper's thread.
  std::promise<void> told;
  first->Begin([] { return SessionCounters(); },
               [&](const Error& error) {
                 lost = error;
                 told.set_value();
               });
  told.get_future().wait();
  EXPECT_THAT(lost->message, HasSubstr("taken over"));
}

TEST_F(SessionKeeperTest, FramesAreWithheldWhileTheStoreIsAwayForLong) {
  const auto memory = MakeMemorySessionStore({milliseconds(200), hours(1)});
  FailingStore store(*memory);
  const auto keeper = Keep(store);
  ASSERT_TRUE(keeper->Own({}));
  Begin(*keeper);
  ASSERT_TRUE(EventuallyTrue([&] { return keeper->MayWrite(); }));
  store.away = true;
  ASSERT_TRUE(EventuallyTrue([&] { return !keeper->MayWrite(); }));
  EXPECT_GT(store.refused, 0);
  store.away = false;
  EXPECT_TRUE(keeper->AwaitWrite({}));
}

TEST_F(SessionKeeperTest, WhatSomebodyTookMeanwhileIsLost) {
  const auto memory = MakeMemorySessionStore({milliseconds(200), hours(1)});
  FailingStore store(*memory);
  const auto first = Keep(store);
  ASSERT_TRUE(first->Own({}));
  std::promise<Error> lost;
  first->Begin([] { return SessionCounters(); },
               [&](const Error& error) { lost.set_value(error); });
  store.away = true;
  const auto second = Keep(*memory);
  ASSERT_TRUE(second->Own({}));
  // By the time that it is another's, this one knows of no lease.
  EXPECT_FALSE(first->MayWrite());
  store.away = false;
  EXPECT_THAT(lost.get_future().get().message, HasSubstr("cam, process 2"));
}

TEST_F(SessionKeeperTest, AStateThatCannotBeReadNamesWhatToDo) {
  ASSERT_TRUE(memory_->Take("mall-12", {}).value()->Release("hello"));
  const auto keeper = Keep(*memory_);
  const auto refused = keeper->Own({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(refused.error().message, HasSubstr("session mall-12"));
  EXPECT_THAT(refused.error().message, HasSubstr("--new-session"));
}

TEST_F(SessionKeeperTest, EndsWhileItWaits) {
  const auto first = memory_->Take("mall-12", {}).value();
  auto keeper = Keep(*memory_);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(keeper->Own(stop.get_token()).error().code, ErrorCode::kCancelled);
  keeper.reset();
  EXPECT_TRUE(first->Save("mine"));
}

TEST_F(SessionKeeperTest, FollowingCostsLittleWhereNothingChanges) {
  const auto keeper = Keep(*memory_);
  ASSERT_TRUE(keeper->Own({}));
  Begin(*keeper);
  const std::vector faces{Face(3, "Ada")};
  keeper->Follow(tracker_, faces);
  tracker_.state.next_id = 77;
  keeper->Follow(tracker_, faces);  // Too soon.
  keeper->Follow(tracker_, std::vector{Face(3, "Bob")});
  EXPECT_TRUE(EventuallyKept(
      [](const SessionState& state) { return state.tracker.next_id == 77; }));
}

TEST(RedisSessionKeeper, GoesOnOverAServerThatStoppedForAWhile) {
  RedisServer server;
  RedisOptions options;
  options.answer_timeout = milliseconds(200);
  options.breaker_open = milliseconds(50);
  const auto redis = OpenTestRedis(server.url(), options);
  const auto store =
      MakeRedisSessionStore(*redis, {milliseconds(500), hours(1)});
  MetricsRegistry metrics;
  SessionKeeperOptions keeping;
  keeping.name = "mall-12";
  keeping.save_every = milliseconds(50);
  SessionKeeper keeper(*store, keeping, metrics);
  ASSERT_TRUE(keeper.Own({}));
  keeper.Begin([] { return SessionCounters(); },
               [](const Error& error) { ADD_FAILURE() << error.message; });
  ASSERT_TRUE(EventuallyTrue([&] { return keeper.MayWrite(); }));
  server.Pause();
  EXPECT_TRUE(EventuallyTrue([&] { return !keeper.MayWrite(); }));
  server.Resume();
  EXPECT_TRUE(EventuallyTrue([&] { return keeper.MayWrite(); }));
  server.Kill();
  EXPECT_TRUE(EventuallyTrue([&] { return !keeper.MayWrite(); }));
  server.Restart();  // With nothing in it.
  EXPECT_TRUE(EventuallyTrue([&] { return keeper.MayWrite(); }));
  keeper.End();
  EXPECT_EQ(store->Summary("mall-12")->remaining, milliseconds(0));
  const std::string figures = metrics.Text();
  EXPECT_THAT(figures, HasSubstr("ocelli_live_session_saves_total"));
  EXPECT_THAT(figures, HasSubstr("ocelli_live_session_save_failures_total"));
}

TEST(RedisSessionKeeper, GoesOnWithTheNextMaster) {
  RedisCluster cluster;
  const auto redis = OpenTestRedis(cluster.url());
  const auto store =
      MakeRedisSessionStore(*redis, {milliseconds(2000), hours(1)});
  MetricsRegistry metrics;
  SessionKeeperOptions keeping;
  keeping.name = "mall-12";
  keeping.save_every = milliseconds(50);
  SessionKeeper keeper(*store, keeping, metrics);
  ASSERT_TRUE(keeper.Own({}));
  keeper.Begin([] { return SessionCounters(); },
               [](const Error& error) { ADD_FAILURE() << error.message; });
  const auto saved = [&] {
    const auto summary = store->Summary("mall-12");
    return summary && summary->bytes > 0 &&
           summary->remaining > milliseconds(1000);
  };
  ASSERT_TRUE(EventuallyTrue(saved));
  cluster.node(cluster.MasterOf("ocelli:{session:mall-12}")).Kill();
  ASSERT_TRUE(EventuallyTrue([&] { return !saved(); }));
  EXPECT_TRUE(EventuallyTrue(saved));
  EXPECT_TRUE(EventuallyTrue([&] { return keeper.MayWrite(); }));
  keeper.End();
}

}  // namespace
}  // namespace ocelli
