#include "archive/upload_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <queue>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Time = std::chrono::steady_clock::time_point;

struct Answer {
  nanoseconds took{0};
  UploadOutcome outcome = UploadOutcome::kStored;
};

// A server on which as much as the limit lets is under way at all times.
class Simulation {
 public:
  // What an upload that begins now, as one of so many, will come to.
  using Server = std::function<Answer(Time now, std::size_t in_flight)>;

  Simulation(UploadLimit& limit, Server server)
      : limit_(limit), server_(std::move(server)) {}

  void Serve(Server server) { server_ = std::move(server); }

  // Returns how many were stored.
  int Run(nanoseconds span, std::size_t wanted = 100'000) {
    const Time end = now_ + span;
    int stored = 0;
    for (;;) {
      while (under_way_.size() <
             std::min(wanted, static_cast<std::size_t>(limit_.now()))) {
        const Answer answer = server_(now_, under_way_.size() + 1);
        under_way_.push({now_ + answer.took, answer});
      }
      if (under_way_.top().at > end) break;
      const Ending ending = under_way_.top();
      under_way_.pop();
      now_ = ending.at;
      const bool in_demand = under_way_.size() + 1 < wanted;
      limit_.Learn(ending.answer.outcome, now_, ending.answer.took, in_demand);
      most_ = std::max(most_, limit_.now());
      if (ending.answer.outcome == UploadOutcome::kStored) ++stored;
    }
    now_ = end;
    return stored;
  }

  int most() const { return most_; }

 private:
  struct Ending {
    Time at;
    Answer answer;
    bool operator<(const Ending& other) const { return at > other.at; }
  };
  UploadLimit& limit_;
  Server server_;
  Time now_ = Time() + seconds(1000);
  int most_ = 0;
  std::priority_queue<Ending> under_way_;
};

Simulation::Server WithLatency(nanoseconds latency) {
  return [latency](Time, std::size_t) { return Answer{latency}; };
}

// Answers after `latency`, but no sooner than `each` after the answer before.
Simulation::Server WithBandwidth(nanoseconds latency, nanoseconds each) {
  return [latency, each, last = Time()](Time now, std::size_t) mutable {
    last = std::max(now + latency, last + each);
    return Answer{last - now};
  };
}

TEST(UploadLimitTest, AFixedOneStays) {
  UploadLimit limit(7);
  Simulation server(limit, [](Time, std::size_t) {
    return Answer{milliseconds(10), UploadOutcome::kSlowDown};
  });
  server.Run(seconds(10));
  EXPECT_EQ(limit.now(), 7);
}

TEST(UploadLimitTest, BeginsWithEnoughForASlowAnswer) {
  EXPECT_EQ(UploadLimit(0).now(), UploadLimit::kFirst);
}

TEST(UploadLimitTest, DoublesInARoundWhileAnswersStayAsFast) {
  UploadLimit limit(0);
  Simulation server(limit, WithLatency(milliseconds(1050)));
  server.Run(milliseconds(1060));
  EXPECT_EQ(limit.now(), 2 * UploadLimit::kFirst);
}

TEST(UploadLimitTest, FourCamerasOfThirtyFramesASecondFitSoon) {
  UploadLimit limit(0);
  Simulation server(limit, WithLatency(milliseconds(1050)));
  server.Run(milliseconds(3000), 130);
  EXPECT_GE(limit.now(), 127);
}

TEST(UploadLimitTest, StaysWhereNobodyWantsMore) {
  UploadLimit limit(0);
  Simulation server(limit, WithLatency(milliseconds(1050)));
  server.Run(seconds(300), 30);
  EXPECT_EQ(limit.now(), UploadLimit::kFirst);
}

TEST(UploadLimitTest, SettlesAtBandwidthTimesLatency) {
  // 200 ms of latency, 20 ms of the line each: 10 fill it.
  UploadLimit limit(0);
  Simulation server(limit, WithBandwidth(milliseconds(200), milliseconds(20)));
  server.Run(seconds(60));
  int highest = 0, idle_seconds = 0;
  for (int second = 0; second < 600; ++second) {
    if (server.Run(seconds(1)) < 45) ++idle_seconds;
    highest = std::max(highest, limit.now());
  }
  EXPECT_LE(highest, 20);
  EXPECT_LE(idle_seconds, 20);  // While half as many are tried.
  EXPECT_LE(server.most(), UploadLimit::kMost);
}

TEST(UploadLimitTest, ALineThatGetsWiderIsUsed) {
  UploadLimit limit(0);
  Simulation server(limit, WithBandwidth(milliseconds(200), milliseconds(20)));
  server.Run(seconds(60));
  server.Serve(WithBandwidth(milliseconds(200), milliseconds(4)));
  server.Run(seconds(60));
  EXPECT_GE(server.Run(seconds(10)), 2000);  // Of 2500.
}

TEST(UploadLimitTest, AStoreThatIsSlowerByItselfKeepsItsUploads) {
  UploadLimit limit(0);
  Simulation server(limit, WithLatency(milliseconds(50)));
  server.Run(seconds(5), 130);
  server.Serve(WithLatency(milliseconds(1000)));
  server.Run(seconds(10), 130);
  EXPECT_GE(limit.now(), 64);
}

TEST(UploadLimitTest, ASlowDownHalvesOnceForAllThatWereUnderWay) {
  UploadLimit limit(0);
  const Time now = Time() + seconds(1000);
  for (int i = 0; i < 20; ++i) {
    limit.Learn(UploadOutcome::kSlowDown, now + milliseconds(i),
                milliseconds(100), true);
  }
  EXPECT_EQ(limit.now(), UploadLimit::kFirst / 2);
  limit.Learn(UploadOutcome::kSlowDown, now + milliseconds(200),
              milliseconds(100), true);
  EXPECT_EQ(limit.now(), UploadLimit::kFirst / 4);
}

TEST(UploadLimitTest, SettlesBelowWhatTheStoreRefuses) {
  UploadLimit limit(0);
  int refused = 0, count = 0;
  Simulation server(limit, [&](Time, std::size_t in_flight) {
    if (in_flight <= 40) return Answer{milliseconds(80 + ++count * 17 % 40)};
    ++refused;
    return Answer{milliseconds(5), UploadOutcome::kSlowDown};
  });
  server.Run(seconds(5));
  refused = 0;
  const int stored = server.Run(seconds(60));
  EXPECT_GE(stored, 60 * 10 * 20);  // Half of 40 at a time.
  EXPECT_LE(refused, stored / 50);
  EXPECT_LE(limit.now(), 45);
}

TEST(UploadLimitTest, FewTryWhileAllFailAndTheRestComesBackSoon) {
  UploadLimit limit(0);
  Simulation server(limit, WithLatency(milliseconds(100)));
  server.Run(seconds(5), 64);
  server.Serve([](Time, std::size_t) {
    return Answer{milliseconds(1), UploadOutcome::kFailed};
  });
  server.Run(seconds(1), 64);
  EXPECT_EQ(limit.now(), UploadLimit::kProbes);
  server.Serve(WithLatency(milliseconds(100)));
  server.Run(milliseconds(500), 64);
  EXPECT_GE(limit.now(), UploadLimit::kFirst / 2);
}

TEST(UploadLimitTest, AFailureNowAndThenChangesNothing) {
  UploadLimit limit(0);
  int count = 0;
  Simulation server(limit, [&count](Time, std::size_t) {
    return Answer{milliseconds(100), ++count % 5 == 0 ? UploadOutcome::kFailed
                                                      : UploadOutcome::kStored};
  });
  server.Run(seconds(20), 60);
  EXPECT_EQ(limit.now(), UploadLimit::kFirst);
}

TEST(UploadLimitTest, NeverLeavesItsBounds) {
  UploadLimit limit(0);
  Simulation server(limit, [](Time, std::size_t in_flight) {
    return Answer{
        milliseconds(5) * in_flight * in_flight,
        in_flight % 7 == 0 ? UploadOutcome::kSlowDown : UploadOutcome::kStored};
  });
  for (int step = 0; step < 1000; ++step) {
    server.Run(milliseconds(100));
    ASSERT_GE(limit.now(), UploadLimit::kLeast);
    ASSERT_LE(limit.now(), UploadLimit::kMost);
  }
}

}  // namespace
}  // namespace ocelli
