#include "live/latency.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

double Milliseconds(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

TEST(LatencyHistogram, PercentilesAreWithinTwoPercent) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.Add(milliseconds(i));
  EXPECT_NEAR(Milliseconds(histogram.Percentile(.5)), 500, 10);
  EXPECT_NEAR(Milliseconds(histogram.Percentile(.95)), 950, 19);
  EXPECT_NEAR(Milliseconds(histogram.Percentile(.99)), 990, 20);
}

TEST(LatencyHistogram, WithoutAnyIsZero) {
  EXPECT_EQ(LatencyHistogram().Percentile(.5).count(), 0);
}

TEST(LatencyHistogram, WhatIsBeyondItsBinsCountsAsTheLast) {
  LatencyHistogram histogram;
  histogram.Add(nanoseconds(-5));
  EXPECT_NEAR(Milliseconds(histogram.Percentile(1)), .01, .001);
  histogram.Add(std::chrono::hours(5));
  EXPECT_GT(Milliseconds(histogram.Percentile(1)), 600'000);
  EXPECT_EQ(histogram.count(), 2u);
}

}  // namespace
}  // namespace ocelli
