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

TEST(BoundsOf, NothingIsEmpty) { EXPECT_EQ(BoundsOf({}), RectF{}); }

}  // namespace
}  // namespace ocelli
