#include "live/frame_pace.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(FramePace, ShowsFramesAtTheirTimes) {
  FixedClock clock({});
  FramePace pace(clock);
  EXPECT_EQ(pace.WaitFor(seconds(5)), seconds(0));
  EXPECT_EQ(pace.WaitFor(seconds(5) + milliseconds(40)), milliseconds(40));
  clock.Advance(milliseconds(60));  // 20 too many, made good by the next.
  EXPECT_EQ(pace.WaitFor(seconds(5) + milliseconds(40)), seconds(0));
  EXPECT_EQ(pace.WaitFor(seconds(5) + milliseconds(80)), milliseconds(20));
}

TEST(FramePace, DoesNotHurryAfterALongDelay) {
  FixedClock clock({});
  FramePace pace(clock);
  pace.WaitFor(seconds(0));
  clock.Advance(seconds(10));
  EXPECT_EQ(pace.WaitFor(milliseconds(40)), seconds(0));
  EXPECT_EQ(pace.WaitFor(milliseconds(80)), milliseconds(40));
}

TEST(FrameRate, IsThatOfTheLastSeconds) {
  FixedClock clock({});
  FrameRate rate;
  EXPECT_EQ(rate.At(clock.MonotonicTime()), 0);
  for (int i = 0; i < 500; ++i) {
    rate.Count(clock.MonotonicTime());
    clock.Advance(milliseconds(40));
  }
  EXPECT_NEAR(rate.At(clock.MonotonicTime()), 25, .5);
  for (int i = 0; i < 80; ++i) {
    rate.Count(clock.MonotonicTime());
    clock.Advance(milliseconds(100));
  }
  EXPECT_NEAR(rate.At(clock.MonotonicTime()), 10, .5);
  clock.Advance(seconds(4));
  EXPECT_EQ(rate.At(clock.MonotonicTime()), 0);
}

}  // namespace
}  // namespace ocelli
