#include "faces/landmark_flow.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ocelli {
namespace {

// Waves of many lengths: a value everywhere, so that pictures can be moved by
// parts of pixels.
class Texture {
 public:
  explicit Texture(unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> angle(0, 6.283f), length(8, 50);
    for (Wave& wave : waves_) {
      const float turn = angle(random), k = 6.283f / length(random);
      wave = {k * std::cos(turn), k * std::sin(turn), angle(random)};
    }
  }

  // The texture moved by `motion`.
  Image Draw(int width, int height, const Affine& motion) const {
    Image image(width, height, PixelFormat::kGrey8);
    const Affine back = Inverse(motion);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const PointF at = back.Apply(
            {static_cast<float>(x) + .5f, static_cast<float>(y) + .5f});
        float value = 128;
        for (const Wave& wave : waves_) {
          value += 14 * std::sin(wave.x * at.x + wave.y * at.y + wave.phase);
        }
        image.view().Row(y)[x] =
            static_cast<std::uint8_t>(std::clamp(value, 0.f, 255.f));
      }
    }
    return image;
  }

 private:
  struct Wave {
    float x, y, phase;
  };
  Wave waves_[12];
};

Affine Turned(float angle, float scale, PointF centre, PointF shift) {
  const float a = scale * std::cos(angle), c = scale * std::sin(angle);
  return {a, -c, centre.x - a * centre.x + c * centre.y + shift.x,
          c, a,  centre.y - c * centre.x - a * centre.y + shift.y};
}

constexpr RectF kBox{120, 60, 100, 120};
constexpr PointF kCentre{170, 120};

float ErrorOf(const Affine& found, const Affine& truth) {
  float worst = 0;
  for (const PointF corner :
       {PointF{kBox.x, kBox.y}, PointF{kBox.right(), kBox.y},
        PointF{kBox.x, kBox.bottom()}, PointF{kBox.right(), kBox.bottom()}}) {
    const PointF a = found.Apply(corner), b = truth.Apply(corner);
    worst = std::max(worst, std::hypot(a.x - b.x, a.y - b.y));
  }
  return worst;
}

class LandmarkFlowMotion : public testing::TestWithParam<Affine> {};

TEST_P(LandmarkFlowMotion, IsFound) {
  const Texture texture(3);
  LandmarkFlow flow;
  flow.Begin(texture.Draw(320, 240, {}), kBox, {});
  const auto motion = flow.Advance(texture.Draw(320, 240, GetParam()));
  ASSERT_TRUE(motion);
  EXPECT_LT(ErrorOf(*motion, GetParam()), .25f);
}

INSTANTIATE_TEST_SUITE_P(
    Motions, LandmarkFlowMotion,
    testing::Values(Affine{}, Affine{1, 0, 3, 0, 1, -2},
                    Affine{1, 0, .4f, 0, 1, .3f}, Affine{1, 0, -14, 0, 1, 9},
                    Turned(.05f, 1.03f, kCentre, {2, 1}),
                    Turned(-.08f, .95f, kCentre, {-4, 3})));

TEST(LandmarkFlow, LargeFacesAreFollowedInSmaller) {
  // 400 px and more are looked at in blocks of three pixels.
  const Texture texture(3);
  const Affine blow{3, 0, 0, 0, 3, 0};
  const Affine moved{3, 0, 24, 0, 3, -12};
  LandmarkFlow flow;
  flow.Begin(texture.Draw(960, 720, blow), {250, 130, 400, 410}, {});
  const auto motion = flow.Advance(texture.Draw(960, 720, moved));
  ASSERT_TRUE(motion);
  const PointF at = motion->Apply({450, 300});
  EXPECT_NEAR(at.x, 474, .5);
  EXPECT_NEAR(at.y, 288, .5);
}

TEST(LandmarkFlow, DoesNotDriftOverManyPictures) {
  const Texture texture(5);
  std::vector<Point3F> mesh(478);
  std::mt19937 random(2);
  std::uniform_real_distribution<float> x(kBox.x, kBox.right()),
      y(kBox.y, kBox.bottom());
  for (Point3F& point : mesh) point = {x(random), y(random), 1};
  const std::vector<Point3F> start = mesh;
  LandmarkFlow flow;
  flow.Begin(texture.Draw(320, 240, {}), kBox, mesh);
  Affine truth;
  for (int i = 1; i <= 12; ++i) {
    const float t = static_cast<float>(i);
    truth = Turned(.01f * t, 1 + .005f * t, kCentre, {1.7f * t, -.9f * t});
    const auto motion = flow.Advance(texture.Draw(320, 240, truth));
    ASSERT_TRUE(motion) << i;
    Move(*motion, mesh);
  }
  for (std::size_t i = 0; i < mesh.size(); ++i) {
    const PointF expected = truth.Apply({start[i].x, start[i].y});
    EXPECT_NEAR(mesh[i].x, expected.x, .8);
    EXPECT_NEAR(mesh[i].y, expected.y, .8);
    EXPECT_NEAR(mesh[i].z, 1.06, .02);
  }
}

TEST(LandmarkFlow, SaysNothingOfPlainOrOtherPictures) {
  const Texture texture(3);
  const Image grey = [] {
    Image image(320, 240, PixelFormat::kGrey8);
    std::fill_n(image.view().data, image.size_bytes(), std::uint8_t{90});
    return image;
  }();
  LandmarkFlow flow;
  EXPECT_FALSE(flow.Advance(grey));
  flow.Begin(grey, kBox, {});
  EXPECT_FALSE(flow.Advance(grey));
  flow.Begin(texture.Draw(320, 240, {}), kBox, {});
  EXPECT_FALSE(flow.Advance(grey));
  flow.Begin(texture.Draw(320, 240, {}), kBox, {});
  EXPECT_FALSE(flow.Advance(Texture(77).Draw(320, 240, {})));
}

TEST(LandmarkFlow, IsNotLedAwayByAThirdOfTheFace) {
  const Texture texture(3);
  const Affine truth{1, 0, 4, 0, 1, 1};
  Image next = texture.Draw(320, 240, truth);
  const Image other = Texture(9).Draw(320, 240, {});
  for (int y = 0; y < 95; ++y) {
    std::copy_n(other.view().Row(y), 320, next.view().Row(y));
  }
  LandmarkFlow flow;
  flow.Begin(texture.Draw(320, 240, {}), kBox, {});
  const auto motion = flow.Advance(next);
  ASSERT_TRUE(motion);
  EXPECT_LT(ErrorOf(*motion, truth), .6f);
}

TEST(LandmarkFlow, TakesBoxesThatAreNoBoxes) {
  const Image image = Texture(3).Draw(64, 48, {});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const RectF& box :
       {RectF{nan, 0, 10, 10}, RectF{0, 0, nan, 10}, RectF{0, 0, -5, 5},
        RectF{1e30f, 0, 10, 10}, RectF{500, 500, 20, 20}, RectF{},
        RectF{-1e4f, -1e4f, 2e4f, 2e4f}}) {
    LandmarkFlow flow;
    flow.Begin(image, box, {});
    EXPECT_FALSE(flow.Advance(image));
  }
  LandmarkFlow flow;
  flow.Begin({}, kBox, {});
  EXPECT_FALSE(flow.Advance(image));
  flow.Begin(image, {10, 10, 20, 20}, std::vector<Point3F>(478, {nan, 1, 1}));
  EXPECT_FALSE(flow.Advance(image));
  flow.Begin(image, {10, 10, 30, 30}, {});
  EXPECT_FALSE(flow.Advance(Texture(3).Draw(20, 20, {})));
}

TEST(FollowPoint, TakesPicturesOfOnePixel) {
  const GreyPyramid one(Texture(1).Draw(1, 1, {}), 3);
  EXPECT_FALSE(FollowPoint(one, one, {.5f, .5f}));
  EXPECT_FALSE(FollowPoint({}, {}, {0, 0}));
}

TEST(AgreeOnSimilarity, LeavesOutliersOut) {
  const Affine truth = Turned(.1f, 1.05f, {50, 50}, {3, -2});
  std::vector<PointF> from, to;
  for (int i = 0; i < 30; ++i) {
    from.push_back(
        {static_cast<float>(i * 37 % 100), static_cast<float>(i * 61 % 100)});
    to.push_back(truth.Apply(from.back()));
    if (i % 3 == 0) to.back().x += 40;
  }
  const auto motion = AgreeOnSimilarity(from, to, 2);
  ASSERT_TRUE(motion);
  EXPECT_NEAR(motion->a, truth.a, 1e-3);
  EXPECT_NEAR(motion->tx, truth.tx, .05);
  EXPECT_FALSE(
      AgreeOnSimilarity(std::span(from).first(5), std::span(to).first(5), 2));
  EXPECT_FALSE(AgreeOnSimilarity({}, {}, 2));
}

}  // namespace
}  // namespace ocelli
