#include "core/clock.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::milliseconds;

TEST(FixedClockTest, MovesOnlyWhenTold) {
  const std::chrono::system_clock::time_point start(milliseconds(1'000));
  FixedClock clock(start);
  const auto monotonic = clock.MonotonicTime();
  EXPECT_EQ(clock.WallTime(), start);
  clock.Advance(milliseconds(250));
  EXPECT_EQ(clock.WallTime() - start, milliseconds(250));
  EXPECT_EQ(clock.MonotonicTime() - monotonic, milliseconds(250));
}

TEST(SystemClockTest, NeverGoesBack) {
  const auto first = SystemClock().MonotonicTime();
  EXPECT_GE(SystemClock().MonotonicTime(), first);
  EXPECT_GT(SystemClock().WallTime().time_since_epoch().count(), 0);
}

}  // namespace
}  // namespace ocelli
