#include "effects/face_region.h"

#include <gmock/gmock.h>

#include <limits>

#include "effects/test_faces.h"

namespace ocelli {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

double Sum(ImageView mask) {
  double sum = 0;
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) sum += *mask.Pixel(x, y);
  }
  return sum / 255;
}

TEST(PolygonMask, CoversAsMuchAsThePolygon) {
  const PointF box[] = {{10.5f, 4.25f}, {30, 4.25f}, {30, 20}, {10.5f, 20}};
  const Image mask = PolygonMask(box, {0, 0, 40, 30}, 0);
  EXPECT_NEAR(Sum(mask), 19.5 * 15.75, .5);
  EXPECT_EQ(*mask.view().Pixel(20, 10), 255);
  EXPECT_EQ(*mask.view().Pixel(10, 10), 128);
  EXPECT_EQ(*mask.view().Pixel(9, 10), 0);
  EXPECT_EQ(*mask.view().Pixel(30, 10), 0);
  const PointF triangle[] = {{2, 3}, {37, 9}, {11, 28}};
  EXPECT_NEAR(Sum(PolygonMask(triangle, {0, 0, 40, 30}, 0)), 410.5, 1);
  const PointF reversed[] = {{11, 28}, {37, 9}, {2, 3}};
  EXPECT_NEAR(Sum(PolygonMask(reversed, {0, 0, 40, 30}, 0)), 410.5, 1);
}

TEST(PolygonMask, APartOfThePictureIsThatPartOfTheMask) {
  const PointF triangle[] = {{-20, -10}, {60, 9}, {11, 45}};
  const Image whole = PolygonMask(triangle, {0, 0, 40, 30}, 0);
  const Image part = PolygonMask(triangle, {12, 8, 9, 7}, 0);
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 9; ++x) {
      EXPECT_NEAR(*part.view().Pixel(x, y), *whole.view().Pixel(12 + x, 8 + y),
                  1);
    }
  }
}

TEST(PolygonMask, AFeatherFallsSteadilyToNothing) {
  const PointF box[] = {{40, 40}, {80, 40}, {80, 80}, {40, 80}};
  const Image mask = PolygonMask(box, {0, 0, 120, 120}, 10);
  const ImageView view = mask.view();
  EXPECT_EQ(*view.Pixel(60, 60), 255);
  EXPECT_NEAR(*view.Pixel(40, 60), 128, 20);
  EXPECT_EQ(*view.Pixel(29, 60), 0);
  for (int x = 0; x < 60; ++x) {
    EXPECT_LE(*view.Pixel(x, 60), *view.Pixel(x + 1, 60));
  }
}

TEST(PolygonMask, TakesAnyNumbers) {
  const PixelRect rect = {0, 0, 16, 16};
  const PointF nan[] = {{0, 0}, {kNaN, 4}, {8, 8}};
  EXPECT_EQ(Sum(PolygonMask(nan, rect, 3)), 0);
  const PointF infinite[] = {
      {0, 0}, {std::numeric_limits<float>::infinity(), 4}, {8, 8}};
  EXPECT_EQ(Sum(PolygonMask(infinite, rect, 3)), 0);
  const PointF far[] = {
      {-9e5f, -9e5f}, {9e5f, -9e5f}, {9e5f, 9e5f}, {-9e5f, 9e5f}};
  EXPECT_EQ(Sum(PolygonMask(far, rect, 3)), 256);
  const PointF outside[] = {{100, 100}, {200, 100}, {200, 200}};
  EXPECT_EQ(Sum(PolygonMask(outside, rect, 3)), 0);
  EXPECT_TRUE(PolygonMask(far, {3, 3, 0, 5}, 3).empty());
  EXPECT_TRUE(PolygonMask({}, {3, 3, -1, 5}, 1e9f).empty());
  EXPECT_EQ(Sum(PolygonMask(far, {0, 0, 1, 1}, 1e9f)), 1);
}

TEST(RegionMask, CutsHolesAndAveragesForChroma) {
  RegionMask mask;
  mask.Reset({10, 10, 21, 21});
  const PointF box[] = {{0, 0}, {50, 0}, {50, 50}, {0, 50}};
  const PointF hole[] = {{10, 10}, {11, 10}, {11, 50}, {10, 50}};
  mask.Add(box);
  mask.Cut(hole);
  EXPECT_EQ(*mask.view().Pixel(0, 5), 0);
  EXPECT_EQ(*mask.view().Pixel(1, 5), 255);
  const ImageView chroma = mask.Chroma();
  EXPECT_EQ(chroma.width, 11);
  EXPECT_EQ(chroma.height, 11);
  EXPECT_EQ(*chroma.Pixel(0, 3), 128);
  EXPECT_EQ(*chroma.Pixel(10, 10), 255);
}

TEST(BoundsWithin, BeginAtEvenPixelsInsideThePicture) {
  const PointF points[] = {{5.5f, 7}, {21, 30}};
  EXPECT_EQ(BoundsWithin(points, 0, 100, 100), (PixelRect{4, 6, 18, 24}));
  EXPECT_EQ(BoundsWithin(points, 10, 27, 33), (PixelRect{0, 0, 27, 33}));
  const PointF outside[] = {{-50, -50}, {-20, -20}};
  EXPECT_TRUE(BoundsWithin(outside, 5, 100, 100).empty());
  const PointF nan[] = {{5, 5}, {kNaN, 2}};
  EXPECT_TRUE(BoundsWithin(nan, 5, 100, 100).empty());
  EXPECT_TRUE(BoundsWithin({}, 5, 100, 100).empty());
}

TEST(OutlinePoints, NeedAWholeMesh) {
  std::vector<PointF> points;
  TrackedFace tracked = FaceAt({100, 100}, 80);
  ASSERT_TRUE(OutlinePoints(tracked.face, face_outline::kOval, points));
  EXPECT_EQ(points.size(), std::size(face_outline::kOval));
  tracked.face.mesh[152].y = kNaN;
  EXPECT_FALSE(OutlinePoints(tracked.face, face_outline::kOval, points));
  EXPECT_TRUE(points.empty());
  tracked.face.mesh.resize(100);
  EXPECT_FALSE(OutlinePoints(tracked.face, face_outline::kRightEye, points));
}

}  // namespace
}  // namespace ocelli
