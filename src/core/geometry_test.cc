#include "core/geometry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace ocelli {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

void ExpectNear(PointF actual, PointF expected, float tolerance = 1e-3f) {
  EXPECT_NEAR(actual.x, expected.x, tolerance);
  EXPECT_NEAR(actual.y, expected.y, tolerance);
}

TEST(RectTest, Overlaps) {
  const RectF a{0, 0, 10, 10}, b{5, 5, 10, 10}, apart{20, 0, 5, 5};
  EXPECT_EQ(IntersectionArea(a, b), 25);
  EXPECT_FLOAT_EQ(IntersectionOverUnion(a, b), 25.f / 175);
  EXPECT_FLOAT_EQ(IntersectionOverSmaller(a, {2, 2, 4, 4}), 1);
  EXPECT_EQ(IntersectionOverUnion(a, a), 1);
  EXPECT_EQ(IntersectionOverUnion(a, apart), 0);
  EXPECT_EQ(IntersectionArea(a, {10, 0, 5, 5}), 0) << "edges only touch";
}

TEST(RectTest, EmptyOnesOverlapNothing) {
  const RectF a{0, 0, 10, 10}, empty{5, 5, 0, 0}, negative{5, 5, -3, 4};
  for (const RectF& none : {empty, negative}) {
    EXPECT_EQ(none.area(), 0);
    EXPECT_EQ(IntersectionOverUnion(a, none), 0);
    EXPECT_EQ(IntersectionOverSmaller(none, none), 0);
  }
}

TEST(RectTest, ClipsToThePicture) {
  EXPECT_EQ(ClipTo({-5, -5, 20, 8}, 10, 10), (RectF{0, 0, 10, 3}));
  EXPECT_EQ(ClipTo({2, 3, 4, 5}, 10, 10), (RectF{2, 3, 4, 5}));
  EXPECT_EQ(ClipTo({12, 3, 4, 5}, 10, 10).area(), 0);
  EXPECT_EQ(ClipTo({-12, 3, 4, 5}, 10, 10).area(), 0);
}

TEST(AffineTest, InverseUndoes) {
  const Affine affine{1.5f, -0.25f, 30, 0.75f, 2, -12};
  for (const PointF p : {PointF{0, 0}, PointF{100, -40}, PointF{3, 7}}) {
    ExpectNear(Inverse(affine).Apply(affine.Apply(p)), p);
  }
}

TEST(AffineTest, WithoutAnInverseItIsTheIdentity) {
  ExpectNear(Inverse({1, 2, 5, 2, 4, 5}).Apply({3, 4}), {3, 4});
}

Affine Similarity(float scale, float radians, float tx, float ty) {
  const float a = scale * std::cos(radians), c = scale * std::sin(radians);
  return {a, -c, tx, c, a, ty};
}

// The five points that SFace aligns to, 112x112.
const std::vector<PointF> kFive = {{38.2946f, 51.6963f},
                                   {73.5318f, 51.5014f},
                                   {56.0252f, 71.7366f},
                                   {41.5493f, 92.3655f},
                                   {70.7299f, 92.2041f}};

TEST(FitSimilarityTest, FindsTheOneThatWasApplied) {
  for (const float scale : {0.1f, 1.f, 7.f}) {
    for (const float radians : {-3.f, -1.f, 0.f, 0.5f, kPi}) {
      const Affine truth = Similarity(scale, radians, 320, -15);
      std::vector<PointF> to;
      for (const PointF p : kFive) to.push_back(truth.Apply(p));
      const Affine fitted = FitSimilarity(kFive, to);
      EXPECT_NEAR(fitted.a, truth.a, 1e-4f * scale);
      EXPECT_NEAR(fitted.b, truth.b, 1e-4f * scale);
      EXPECT_NEAR(fitted.c, truth.c, 1e-4f * scale);
      EXPECT_NEAR(fitted.d, truth.d, 1e-4f * scale);
      EXPECT_NEAR(fitted.tx, truth.tx, 0.01f);
      EXPECT_NEAR(fitted.ty, truth.ty, 0.01f);
    }
  }
}

float SquaredError(const Affine& affine, const std::vector<PointF>& to) {
  float sum = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const PointF p = affine.Apply(kFive[i]);
    sum +=
        (p.x - to[i].x) * (p.x - to[i].x) + (p.y - to[i].y) * (p.y - to[i].y);
  }
  return sum;
}

TEST(FitSimilarityTest, NoNearbySimilarityFitsNoisyPointsBetter) {
  std::vector<PointF> to;
  for (const PointF p : kFive) {
    to.push_back(Similarity(2, 0.3f, 10, 20).Apply(p));
  }
  to[0].x += 4;
  to[3].y -= 6;
  const Affine fitted = FitSimilarity(kFive, to);
  const float best = SquaredError(fitted, to);
  const float scale = std::hypot(fitted.a, fitted.c);
  const float angle = std::atan2(fitted.c, fitted.a);
  for (const float step : {-0.01f, 0.01f}) {
    EXPECT_GT(
        SquaredError(
            Similarity(scale * (1 + step), angle, fitted.tx, fitted.ty), to),
        best);
    EXPECT_GT(
        SquaredError(Similarity(scale, angle + step, fitted.tx, fitted.ty), to),
        best);
    EXPECT_GT(
        SquaredError(Similarity(scale, angle, fitted.tx + 10 * step, fitted.ty),
                     to),
        best);
    EXPECT_GT(
        SquaredError(Similarity(scale, angle, fitted.tx, fitted.ty + 10 * step),
                     to),
        best);
  }
}

TEST(FitSimilarityTest, NeverMirrors) {
  std::vector<PointF> mirrored;
  for (const PointF p : kFive) mirrored.push_back({-p.x, p.y});
  const Affine fitted = FitSimilarity(kFive, mirrored);
  EXPECT_GE(fitted.a * fitted.d - fitted.b * fitted.c, 0);
}

TEST(FitSimilarityTest, PointsInOnePlaceOnlyShift) {
  const std::vector<PointF> from(3, {5, 5}), to(3, {8, 1});
  ExpectNear(FitSimilarity(from, to).Apply({5, 5}), {8, 1});
  ExpectNear(FitSimilarity(from, to).Apply({6, 5}), {9, 1});
}

TEST(FitSimilarityDeathTest, NeedsTwoPairs) {
  const std::vector<PointF> one(1), two(2);
  EXPECT_DEATH((void)FitSimilarity(one, one), "bug: .*size");
  EXPECT_DEATH((void)FitSimilarity(two, one), "bug: .*size");
}

TEST(RegionTest, UprightIsItsRectangle) {
  const Affine affine = Region{{100, 50}, 40, 20, 0}.FromUnit();
  ExpectNear(affine.Apply({0, 0}), {80, 40});
  ExpectNear(affine.Apply({1, 1}), {120, 60});
  ExpectNear(affine.Apply({0.5f, 0.5f}), {100, 50});
}

TEST(RegionTest, TurnsClockwiseOnTheScreen) {
  const Affine affine = Region{{100, 50}, 40, 20, kPi / 2}.FromUnit();
  // The upper left corner goes to the upper right of the turned rectangle.
  ExpectNear(affine.Apply({0, 0}), {110, 30});
  ExpectNear(affine.Apply({1, 0}), {110, 70});
  ExpectNear(affine.Apply({0, 1}), {90, 30});
  ExpectNear(affine.Apply({0.5f, 0.5f}), {100, 50});
}

}  // namespace
}  // namespace ocelli
