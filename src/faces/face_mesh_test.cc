#include "faces/face_mesh.h"

#include <gtest/gtest.h>

#include <numbers>

namespace ocelli {
namespace {

TEST(MeshRegion, IsSquareAndHalfAsLargeAgain) {
  Detection detection{{100, 50, 40, 60}, 1, {}};
  detection.keypoints[0] = {110, 70};
  detection.keypoints[1] = {130, 70};
  const Region region = MeshRegion(detection);
  EXPECT_EQ(region.center, (PointF{120, 80}));
  EXPECT_FLOAT_EQ(region.width, 90);
  EXPECT_FLOAT_EQ(region.height, 90);
  EXPECT_FLOAT_EQ(region.rotation, 0);
}

TEST(MeshRegion, TurnsWithTheEyes) {
  Detection detection{{0, 0, 10, 10}, 1, {}};
  detection.keypoints[0] = {5, 2};
  detection.keypoints[1] = {5, 8};  // The head lies on its right side.
  EXPECT_FLOAT_EQ(MeshRegion(detection).rotation,
                  std::numbers::pi_v<float> / 2);
}

TEST(MeshRegion, OfAMeshGoesByItsBoundsAndEyeCorners) {
  std::vector<Point3F> mesh(468, {50, 50, 9});
  mesh[0] = {20, 40, 0};
  mesh[1] = {80, 60, 0};
  mesh[33] = {40, 45, 0};
  mesh[263] = {60, 45, 0};
  EXPECT_EQ(BoundsOf(mesh), (RectF{20, 40, 60, 20}));
  const Region region = MeshRegion(mesh);
  EXPECT_EQ(region.center, (PointF{50, 50}));
  EXPECT_FLOAT_EQ(region.width, 90);
  EXPECT_FLOAT_EQ(region.rotation, 0);
}

TEST(KeypointsOf, TakesEyesNoseMouthAndEars) {
  std::vector<Point3F> mesh(468);
  for (const std::size_t i : {33, 133, 159, 145}) mesh[i] = {30, 40, 0};
  for (const std::size_t i : {362, 263, 386, 374}) mesh[i] = {70, 42, 0};
  mesh[4] = {50, 60, 0};
  mesh[13] = {48, 78, 0};
  mesh[14] = {52, 82, 0};
  mesh[234] = {10, 50, 0};
  mesh[454] = {90, 51, 0};
  const std::array<PointF, 6> expected = {PointF{30, 40}, PointF{70, 42},
                                          PointF{50, 60}, PointF{50, 80},
                                          PointF{10, 50}, PointF{90, 51}};
  EXPECT_EQ(KeypointsOf(mesh), expected);
}

TEST(BoundsOf, NothingIsEmpty) { EXPECT_EQ(BoundsOf({}), RectF{}); }

}  // namespace
}  // namespace ocelli
