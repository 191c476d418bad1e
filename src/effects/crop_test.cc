#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

Frame At(int milli, int width = 400, int height = 320) {
  Frame frame = NoiseFrame(width, height);
  frame.time = milliseconds(milli);
  return frame;
}

// Where the view begins: every pixel of At() differs from its neighbours'.
PointF Corner(const Frame& cropped, const Frame& whole) {
  const YuvView part = cropped.pixels, all = whole.pixels;
  for (int y = 0; y + part.height <= all.height; y += 2) {
    for (int x = 0; x + part.width <= all.width; x += 2) {
      if (std::memcmp(part.y, all.LumaPlane().Pixel(x, y),
                      static_cast<std::size_t>(part.width)) != 0) {
        continue;
      }
      if (Difference(part.LumaPlane(),
                     all.LumaPlane().Crop(x, y, part.width, part.height))
              .empty() &&
          Difference(part.UPlane(),
                     all.UPlane().Crop(x / 2, y / 2, part.chroma_width(),
                                       part.chroma_height()))
              .empty()) {
        return {static_cast<float>(x), static_cast<float>(y)};
      }
    }
  }
  return {-1, -1};
}

TEST(Crop, ShowsTheCentreUntilThereIsAFace) {
  const auto effect = MakeEffect(CropKind(), "crop:width=120,height=80");
  Frame frame = At(0);
  std::vector<TrackedFace> faces;
  ASSERT_TRUE(effect->Apply(frame, faces));
  EXPECT_EQ(frame.pixels.width(), 120);
  EXPECT_EQ(frame.pixels.height(), 80);
  EXPECT_EQ(Corner(frame, At(0)), (PointF{140, 120}));
}

TEST(Crop, BeginsAtTheFaceAndMovesItsPoints) {
  const auto effect = MakeEffect(CropKind(), "crop:width=120,height=80");
  Frame frame = At(0);
  std::vector<TrackedFace> faces = {FaceAt({100, 90}, 60)};
  const Face before = faces[0].face;
  ASSERT_TRUE(effect->Apply(frame, faces));
  const PointF corner = Corner(frame, At(0));
  ASSERT_GE(corner.x, 0);
  EXPECT_NEAR(corner.x, 100 - 60, 8);
  EXPECT_NEAR(corner.y, 90 - 40, 8);
  const Face& face = faces[0].face;
  EXPECT_EQ(face.box.x, before.box.x - corner.x);
  EXPECT_EQ(face.box.width, before.box.width);
  EXPECT_EQ(face.mesh[152].y, before.mesh[152].y - corner.y);
  EXPECT_EQ(face.keypoints[3].x, before.keypoints[3].x - corner.x);
}

TEST(Crop, GlidesToTheFaceWithoutOvershooting) {
  const auto effect = MakeEffect(CropKind(), "crop:width=120,height=80");
  float last = 0;
  float largest = 0;
  for (int i = 0; i <= 90; ++i) {
    Frame frame = At(i * 33);
    std::vector<TrackedFace> faces = {FaceAt({i == 0 ? 80.f : 300.f, 160}, 60)};
    ASSERT_TRUE(effect->Apply(frame, faces));
    const float x = 300 - (faces[0].face.mesh[10].x - 60) - 60;
    if (i > 1) {
      EXPECT_GE(x, last);
      largest = std::max(largest, x - last);
    }
    last = x;
  }
  EXPECT_NEAR(last, 300 - 60, 8);
  EXPECT_LE(largest, 10);
}

TEST(Crop, StaysWhereItWasWhenTheFaceIsGoneAndInsideThePicture) {
  const auto effect = MakeEffect(CropKind(), "crop:width=120,height=80");
  Frame frame = At(0);
  std::vector<TrackedFace> faces = {FaceAt({390, 310}, 60)};
  ASSERT_TRUE(effect->Apply(frame, faces));
  const PointF corner = Corner(frame, At(0));
  EXPECT_NEAR(corner.x, 280, 6);
  EXPECT_NEAR(corner.y, 240, 6);
  Frame later = At(5000);
  faces.clear();
  ASSERT_TRUE(effect->Apply(later, faces));
  EXPECT_EQ(Corner(later, At(0)), corner);
}

TEST(Crop, FollowsOneFaceOfSeveral) {
  const auto effect = MakeEffect(CropKind(), "crop:width=120,height=80");
  TrackedFace small = FaceAt({100, 100}, 40), large = FaceAt({300, 200}, 50);
  small.track = 7;
  large.track = 9;
  Frame frame = At(0);
  std::vector<TrackedFace> faces = {small, large};
  ASSERT_TRUE(effect->Apply(frame, faces));
  const PointF corner = Corner(frame, At(0));
  EXPECT_NEAR(corner.x, 240, 8);
  small.face.box = {70, 60, 80, 90};
  faces = {small, large};
  frame = At(3000);
  ASSERT_TRUE(effect->Apply(frame, faces));
  EXPECT_EQ(Corner(frame, At(0)), corner);
}

TEST(Crop, ZoomScalesPixelsAndPoints) {
  const auto effect = MakeEffect(CropKind(), "crop:width=160,height=80,zoom=2");
  Frame frame = NoiseFrame(400, 320, 1, 0);
  const MutableYuvView view = frame.pixels.MutableView();
  for (int y = 0; y < 320; ++y) {
    for (int x = 0; x < 400; ++x) {
      *view.LumaPlane().Pixel(x, y) = static_cast<std::uint8_t>(x / 2 + 20);
    }
  }
  std::vector<TrackedFace> faces = {FaceAt({200, 160}, 30)};
  const Face before = faces[0].face;
  ASSERT_TRUE(effect->Apply(frame, faces));
  const Face& face = faces[0].face;
  EXPECT_EQ(face.box.width, 2 * before.box.width);
  EXPECT_NEAR(face.box.center().x, 80, 5);
  const ImageView luma = frame.pixels.view().LumaPlane();
  for (const std::uint16_t index : face_outline::kOval) {
    EXPECT_NEAR(*luma.Pixel(static_cast<int>(face.mesh[index].x),
                            static_cast<int>(face.mesh[index].y)),
                before.mesh[index].x / 2 + 20, 1);
  }
  EXPECT_EQ(*frame.pixels.view().UPlane().Pixel(40, 20), 110);
}

TEST(Crop, APictureSmallerThanTheViewIsEnlarged) {
  const auto effect = MakeEffect(CropKind(), "crop:width=121,height=80");
  Frame frame = NoiseFrame(3, 3, 1, 0);
  std::vector<TrackedFace> faces;
  ASSERT_TRUE(effect->Apply(frame, faces));
  EXPECT_EQ(frame.pixels.width(), 120);
  EXPECT_EQ(*frame.pixels.view().LumaPlane().Pixel(119, 79), 140);
  Frame empty;
  EXPECT_FALSE(effect->Apply(empty, faces));
}

}  // namespace
}  // namespace ocelli
