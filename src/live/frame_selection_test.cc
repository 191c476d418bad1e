#include "live/frame_selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The numbers of the frames that are taken of a video.
std::vector<int> Taken(const FrameSelection& selection, int frames,
                       const std::function<microseconds(int)>& time_of) {
  FrameSelector selector(selection);
  std::vector<int> taken;
  for (int i = 0; i < frames; ++i) {
    Frame frame;
    frame.time = time_of(i);
    if (selector.Wants(frame)) taken.push_back(i);
  }
  return taken;
}

std::function<microseconds(int)> At(double rate) {
  return [rate](int i) { return microseconds(std::llround(i * 1e6 / rate)); };
}

FrameSelection Every(std::chrono::microseconds time) {
  FrameSelection selection;
  selection.every = time;
  return selection;
}

TEST(FrameSelection, WithoutWishesAllFramesAreTaken) {
  EXPECT_EQ(Taken({}, 100, At(25)).size(), 100u);
}

TEST(FrameSelection, TenOfThirtyIsEveryThird) {
  const auto taken = Taken(Every(milliseconds(100)), 3000, At(30));
  ASSERT_EQ(taken.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(taken[i], 3 * i);
}

TEST(FrameSelection, TenOfTwentyFiveIsTwoAndThreeInTurn) {
  const auto taken = Taken(Every(milliseconds(100)), 2500, At(25));
  ASSERT_EQ(taken.size(), 1000u);
  for (std::size_t i = 2; i < taken.size(); ++i) {
    EXPECT_EQ(taken[i] - taken[i - 2], 5);
    EXPECT_NE(taken[i] - taken[i - 1], taken[i - 1] - taken[i - 2]);
  }
}

TEST(FrameSelection, ASlowerSourceGivesAllItHas) {
  EXPECT_EQ(Taken(Every(microseconds(33'333)), 5000, At(29.97)).size(), 5000u);
}

TEST(FrameSelection, TimesThatShakeTakeAsManyFrames) {
  std::minstd_rand random(1);
  std::uniform_int_distribution<int> shake(-9000, 9000);
  std::vector<microseconds> times;
  for (int i = 0; i < 3000; ++i) {
    times.push_back(At(30)(i) + microseconds(shake(random)));
  }
  const auto taken =
      Taken(Every(milliseconds(100)), 3000, [&](int i) { return times[i]; });
  EXPECT_NEAR(static_cast<double>(taken.size()), 1000, 1);
}

TEST(FrameSelection, NothingIsMadeUpForAfterAPause) {
  const auto time_of = [](int i) {
    return At(10)(i) + (i < 50 ? milliseconds(0) : milliseconds(60'000));
  };
  const auto taken = Taken(Every(milliseconds(1000)), 100, time_of);
  ASSERT_EQ(taken.size(), 10u);
  for (std::size_t i = 1; i < taken.size(); ++i) {
    EXPECT_EQ(taken[i] - taken[i - 1], 10);
  }
}

TEST(FrameSelection, AFrameIsDueBeforeItIsTaken) {
  FrameSelector selector(Every(milliseconds(100)));
  Frame frame;
  EXPECT_TRUE(selector.IsDue(frame.time));
  EXPECT_TRUE(selector.IsDue(frame.time));
  EXPECT_TRUE(selector.Wants(frame));
  EXPECT_FALSE(selector.IsDue(milliseconds(40)));
  EXPECT_FALSE(selector.IsDue(milliseconds(60)));
  EXPECT_TRUE(selector.IsDue(milliseconds(100)));
}

constexpr int kWidth = 640, kHeight = 360;

struct Scene {
  double light = 1;
  int add = 0;
  double noise = 0;     // Standard deviation of each pixel.
  int person = -1;      // Left edge of somebody; -1: nobody.
  int person_side = 0;  // Width; three times as tall.
  int other = 0;        // Another place altogether.
};

// Of standard deviation 1; drawn once, since that takes long.
const std::vector<double>& Noise() {
  static const std::vector<double> noise = [] {
    std::minstd_rand random(7);
    std::normal_distribution<double> normal(0, 1);
    std::vector<double> values(10'007);
    for (double& value : values) value = normal(random);
    return values;
  }();
  return noise;
}

Frame Paint(const Scene& scene, int number, int scale = 1) {
  std::size_t place = static_cast<std::size_t>(number) * 1237;
  Frame frame;
  frame.time = milliseconds(40 * number);
  YuvImage image(kWidth * scale, kHeight * scale, {});
  const MutableYuvView view = image.MutableView();
  for (int y = 0; y < view.height; ++y) {
    for (int x = 0; x < view.width; ++x) {
      const int u = x / scale, v = y / scale;
      double value = 110 + 60 * std::sin(u / 60. + scene.other * 2) *
                               std::cos(v / 50. + scene.other);
      if (scene.person >= 0 && u >= scene.person &&
          u < scene.person + scene.person_side && v >= 100 &&
          v < 100 + 3 * scene.person_side) {
        value = 60;
      }
      value = value * scene.light + scene.add;
      if (scene.noise > 0) {
        value += scene.noise * Noise()[place++ % Noise().size()];
      }
      view.y[y * view.y_stride + x] =
          static_cast<std::uint8_t>(std::clamp(value, 0., 255.));
    }
  }
  frame.pixels = image;
  return frame;
}

FrameSelection Changed() {
  FrameSelection selection;
  selection.changed = kDefaultChange;
  return selection;
}

TEST(ChangedFrames, TheFirstOneAndNoOtherOfTheSameScene) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(selector.Wants(Paint({.noise = 12}, i))) << i;
  }
}

TEST(ChangedFrames, ALittleMoreLightIsNoChange) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  EXPECT_FALSE(selector.Wants(Paint({.light = 1.1}, 1)));
  EXPECT_FALSE(selector.Wants(Paint({.light = .9}, 2)));
  EXPECT_FALSE(selector.Wants(Paint({.add = 8}, 3)));
}

TEST(ChangedFrames, SomebodyInTwoPercentOfThePictureIs) {
  FrameSelector selector(Changed());
  // 39 x 117 pixels are 2 %.
  constexpr int kSide = 39;
  EXPECT_TRUE(selector.Wants(Paint({.noise = 4}, 0)));
  EXPECT_TRUE(selector.Wants(
      Paint({.noise = 4, .person = 200, .person_side = kSide}, 1)));
  int taken = 0;
  for (int i = 1; i <= 50; ++i) {
    taken += selector.Wants(Paint(
        {.noise = 4, .person = 200 + 4 * i, .person_side = kSide}, 1 + i));
  }
  EXPECT_GE(taken, 5);
}

TEST(ChangedFrames, AMouseIsNot) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  EXPECT_FALSE(selector.Wants(Paint({.person = 300, .person_side = 10}, 1)));
}

TEST(ChangedFrames, AnotherSceneAndTheLightThatGoesOutAre) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  EXPECT_TRUE(selector.Wants(Paint({.other = 1}, 1)));
  EXPECT_TRUE(selector.Wants(Paint({.light = .2, .other = 1}, 2)));
}

TEST(ChangedFrames, SlowChangeAddsUp) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  int taken = 0;
  for (int i = 1; i <= 100; ++i) {
    taken += selector.Wants(Paint({.light = 1 - .008 * i}, i));
  }
  EXPECT_GE(taken, 2);
}

TEST(ChangedFrames, AnotherResolutionOfTheSceneIsNone) {
  FrameSelector selector(Changed());
  EXPECT_TRUE(selector.Wants(Paint({}, 0)));
  EXPECT_FALSE(selector.Wants(Paint({}, 1, 3)));
}

TEST(ChangedFrames, APictureOfOnePixelIsCompared) {
  FrameSelector selector(Changed());
  YuvImage image(1, 1, {});
  const MutableYuvView view = image.MutableView();
  *view.y = 10;
  Frame frame;
  frame.pixels = image;
  EXPECT_TRUE(selector.Wants(frame));
  EXPECT_FALSE(selector.Wants(frame));
  YuvImage other(1, 1, {});
  *other.MutableView().y = 200;
  frame.pixels = other;
  EXPECT_TRUE(selector.Wants(frame));
}

TEST(ChangedFrames, AreTakenAtMostAsOftenAsWished) {
  FrameSelection selection = Changed();
  selection.every = milliseconds(1000);
  FrameSelector selector(selection);
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += selector.Wants(Paint({.other = i}, i));
  EXPECT_EQ(taken, 4);
}

}  // namespace
}  // namespace ocelli
