#include "faces/alignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ocelli {
namespace {

constexpr PointF kRightEye{38.2946f, 51.6963f}, kLeftEye{73.5318f, 51.5014f},
    kNose{56.0252f, 71.7366f}, kMouthRight{41.5493f, 92.3655f},
    kMouthLeft{70.7299f, 92.2041f};

// A mesh of which only what alignment reads is set: every eye point lies in
// the middle of its eye.
std::vector<Point3F> MeshAt(const Affine& place) {
  std::vector<Point3F> mesh(478);
  const auto set = [&](std::initializer_list<std::size_t> which, PointF p) {
    const PointF placed = place.Apply(p);
    for (const std::size_t i : which) mesh[i] = {placed.x, placed.y, 0};
  };
  set({33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163,
       7},
      kRightEye);
  set({263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373,
       390, 249},
      kLeftEye);
  set({4}, kNose);
  set({61}, kMouthRight);
  set({291}, kMouthLeft);
  return mesh;
}

void ExpectNear(const Affine& a, const Affine& b) {
  EXPECT_NEAR(a.a, b.a, 1e-4);
  EXPECT_NEAR(a.b, b.b, 1e-4);
  EXPECT_NEAR(a.c, b.c, 1e-4);
  EXPECT_NEAR(a.d, b.d, 1e-4);
  EXPECT_NEAR(a.tx, b.tx, 1e-2);
  EXPECT_NEAR(a.ty, b.ty, 1e-2);
}

const Affine kTurned{3 * std::cos(.5f), -3 * std::sin(.5f), 120,
                     3 * std::sin(.5f), 3 * std::cos(.5f),  45};

TEST(AlignByMesh, FindsWhereTheTemplateWasPut) {
  ExpectNear(AlignByMesh(MeshAt({})), {});
  ExpectNear(AlignByMesh(MeshAt(kTurned)), kTurned);
}

TEST(AlignByKeypoints, FindsWhereTheTemplateWasPut) {
  const PointF mouth{(kMouthRight.x + kMouthLeft.x) / 2,
                     (kMouthRight.y + kMouthLeft.y) / 2};
  std::array<PointF, 6> keypoints = {kRightEye, kLeftEye, kNose, mouth, {}, {}};
  for (PointF& point : keypoints) point = kTurned.Apply(point);
  ExpectNear(AlignByKeypoints(keypoints), kTurned);
}

TEST(AlignByKeypoints, TakesPointsThatAreAllTheSame) {
  const Affine affine = AlignByKeypoints({});
  EXPECT_TRUE(std::isfinite(affine.tx + affine.ty + affine.a + affine.b));
}

}  // namespace
}  // namespace ocelli
