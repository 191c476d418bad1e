#include "faces/one_euro.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace ocelli {
namespace {

using std::chrono::microseconds;

constexpr float kSize = 200;

Point3F Apply(OneEuroFilter& filter, int time_us, Point3F point) {
  return filter.Apply(microseconds(time_us), kSize, {&point, 1}).at(0);
}

TEST(OneEuroFilter, LeavesTheFirstPointsAsTheyAre) {
  OneEuroFilter filter;
  EXPECT_EQ(Apply(filter, 0, {3, 4, 5}), (Point3F{3, 4, 5}));
}

TEST(OneEuroFilter, FollowsTheFormula) {
  OneEuroFilter filter({.beta = 80, .derivative_cutoff = 1});
  Apply(filter, 0, {100, 0, 0});
  const Point3F second = Apply(filter, 40000, {110, 0, 0});
  const auto weight = [](double cutoff) {
    return 1 / (1 + 25 / (2 * std::numbers::pi * cutoff));
  };
  const double velocity = weight(1) * 10 / 200 * 25;
  EXPECT_NEAR(second.x, 100 + 10 * weight(.05 + 80 * velocity), 1e-3);
}

TEST(OneEuroFilter, CalmsWhatStandsStill) {
  OneEuroFilter filter;
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, .5f);
  double raw = 0, smooth = 0;
  for (int i = 0; i < 300; ++i) {
    const float x = 100 + noise(random);
    const float out = Apply(filter, i * 33333, {x, 0, 0}).x;
    if (i < 60) continue;
    raw += (x - 100) * (x - 100);
    smooth += (out - 100) * (out - 100);
  }
  EXPECT_LT(std::sqrt(smooth), .75 * std::sqrt(raw));
}

TEST(OneEuroFilter, KeepsUpWithWhatMovesAtAnyRate) {
  for (const int step_us : {16667, 33333, 100000, 200000}) {
    OneEuroFilter filter;
    float last = 0, x = 0;
    for (int time = 0; time < 2000000; time += step_us) {
      x = 200.f * static_cast<float>(time) / 1e6f;  // A face's size a second.
      last = Apply(filter, time, {x, 0, 0}).x;
    }
    EXPECT_NEAR(last, x, 2) << step_us;
  }
}

TEST(OneEuroFilter, TakesNoNumbers) {
  OneEuroFilter filter;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Apply(filter, 0, {nan, 7, 1}), (Point3F{0, 7, 1}));
  EXPECT_EQ(Apply(filter, 40000, {5, infinity, 1}), (Point3F{5, 7, 1}));
  const Point3F third = Apply(filter, 80000, {5, 7, 1});
  EXPECT_EQ(third, (Point3F{5, 7, 1}));
  std::vector<Point3F> points = {{1, 2, 3}};
  for (const float size : {nan, 0.f, -1.f, infinity}) {
    const Point3F out = filter.Apply(microseconds(120000), size, points)[0];
    EXPECT_TRUE(std::isfinite(out.x) && std::isfinite(out.y)) << size;
  }
}

TEST(OneEuroFilter, RepeatsItselfWhereTimeStandsStillOrGoesBack) {
  OneEuroFilter filter;
  Apply(filter, 40000, {1, 1, 1});
  const Point3F second = Apply(filter, 80000, {2, 2, 2});
  EXPECT_EQ(Apply(filter, 80000, {90, 90, 90}), second);
  EXPECT_EQ(Apply(filter, 20000, {90, 90, 90}), second);
}

TEST(OneEuroFilter, BeginsAnewWithAnotherNumberOfPoints) {
  OneEuroFilter filter;
  Apply(filter, 0, {1, 1, 1});
  const std::vector<Point3F> two = {{50, 50, 0}, {60, 60, 0}};
  EXPECT_EQ(filter.Apply(microseconds(40000), kSize, two), two);
  EXPECT_TRUE(filter.Apply(microseconds(80000), kSize, {}).empty());
}

}  // namespace
}  // namespace ocelli
