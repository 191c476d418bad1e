#include "core/ordered_parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <numeric>

namespace ocelli {
namespace {

TEST(OrderedParallel, EmitsEveryOutcomeInOrder) {
  std::vector<std::size_t> emitted;
  const std::size_t count = OrderedParallel(
      1000, 4, 16, {}, [](std::size_t i) { return i * i; },
      [&](std::size_t i, std::size_t square) {
        EXPECT_EQ(square, i * i);
        emitted.push_back(i);
      });
  EXPECT_EQ(count, 1000u);
  std::vector<std::size_t> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(emitted, expected);
}

TEST(OrderedParallel, NothingToDoEmitsNothing) {
  EXPECT_EQ(OrderedParallel(
                0, 2, 1, {}, [](std::size_t) { return 0; },
                [](std::size_t, int) { FAIL(); }),
            0u);
}

TEST(OrderedParallel, NeverRunsAheadByMoreThanTheWindow) {
  std::atomic<std::size_t> begun = 0;
  OrderedParallel(
      200, 4, 3, {}, [&](std::size_t) { return ++begun; },
      [&](std::size_t i, std::size_t) { EXPECT_LE(begun, i + 3); });
}

TEST(OrderedParallel, RunsAsManyAtOnceAsItHasThreads) {
  std::latch all(3);  // Opens only when three calls are under way together.
  const std::size_t count = OrderedParallel(
      3, 3, 3, {},
      [&](std::size_t i) {
        all.arrive_and_wait();
        return i;
      },
      [](std::size_t, std::size_t) {});
  EXPECT_EQ(count, 3u);
}

TEST(OrderedParallel, AStopFinishesWhatWasBegunAndBeginsNoMore) {
  std::stop_source stop;
  std::atomic<std::size_t> begun = 0;
  std::size_t emitted = 0;
  const std::size_t count = OrderedParallel(
      1000, 2, 8, stop.get_token(),
      [&](std::size_t i) {
        ++begun;
        if (i == 20) stop.request_stop();
        return i;
      },
      [&](std::size_t i, std::size_t) { EXPECT_EQ(i, emitted++); });
  EXPECT_EQ(count, begun);
  EXPECT_EQ(count, emitted);
  EXPECT_GE(count, 21u);
  EXPECT_LT(count, 40u);
}

}  // namespace
}  // namespace ocelli
