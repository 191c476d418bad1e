#include "access/request_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::seconds;

class RequestGateTest : public testing::Test {
 protected:
  // Places until the first refusal.
  std::vector<RequestGate::Place> Fill(RequestGate& gate,
                                       const std::string& client) {
    std::vector<RequestGate::Place> places;
    while (auto place = gate.Enter(client).place) {
      places.push_back(std::move(*place));
    }
    return places;
  }

  FixedClock clock_{std::chrono::system_clock::time_point()};
  RequestGate gate_{{5, 3, seconds(1), seconds(30)}, clock_};
};

TEST_F(RequestGateTest, NoClientTakesMoreThanItsShare) {
  const auto first = Fill(gate_, "a");
  EXPECT_EQ(first.size(), 3u);
  const auto second = Fill(gate_, "b");
  EXPECT_EQ(second.size(), 2u);
  EXPECT_EQ(gate_.in_flight(), 5);
  EXPECT_FALSE(gate_.Enter("c").place);
}

TEST_F(RequestGateTest, APlaceIsFreeWhenItsRequestEnds) {
  auto places = Fill(gate_, "a");
  places.pop_back();
  EXPECT_EQ(gate_.in_flight(), 2);
  EXPECT_TRUE(gate_.Enter("a").place);
  places.clear();
  EXPECT_EQ(gate_.in_flight(), 0);
  EXPECT_EQ(Fill(gate_, "a").size(), 3u);
}

TEST_F(RequestGateTest, AMovedPlaceCountsOnce) {
  auto admission = gate_.Enter("a");
  {
    const RequestGate::Place moved = std::move(*admission.place);
    admission.place.reset();
    EXPECT_EQ(gate_.in_flight(), 1);
  }
  EXPECT_EQ(gate_.in_flight(), 0);
}

TEST_F(RequestGateTest, TheWaitIsAboutAsLongAsRequestsTake) {
  const auto wait = [&] {
    const auto places = Fill(gate_, "x");
    return gate_.Enter("x").retry_after;
  };
  EXPECT_EQ(wait(), seconds(1));
  for (int i = 0; i < 200; ++i) {
    const auto admission = gate_.Enter("a");
    clock_.Advance(std::chrono::milliseconds(4500));
  }
  EXPECT_EQ(wait(), seconds(5));
  for (int i = 0; i < 200; ++i) {
    const auto admission = gate_.Enter("a");
    clock_.Advance(std::chrono::hours(1));
  }
  EXPECT_EQ(wait(), seconds(30));
}

TEST_F(RequestGateTest, AnAdmittedRequestIsToldNoWait) {
  const auto admission = gate_.Enter("a");
  EXPECT_TRUE(admission.place);
  EXPECT_EQ(admission.retry_after, seconds(0));
}

TEST_F(RequestGateTest, ThreadsNeverGetMoreThanThereIs) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 8; ++n) {
      threads.emplace_back([&, n] {
        for (int i = 0; i < 500; ++i) {
          const auto admission = gate_.Enter(std::to_string(n % 3));
          if (!admission.place) continue;
          const int now = ++inside;
          for (int seen = most; now > seen;) {
            if (most.compare_exchange_weak(seen, now)) break;
          }
          --inside;
        }
      });
    }
  }
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 5);
  EXPECT_EQ(gate_.in_flight(), 0);
}

}  // namespace
}  // namespace ocelli
