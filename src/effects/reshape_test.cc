#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

// A smooth slope in both directions, so that pixels say where they come from.
Frame Slope(int width, int height) {
  Frame frame = NoiseFrame(width, height, 1, 0);
  const MutableYuvView view = frame.pixels.MutableView();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      *view.LumaPlane().Pixel(x, y) = static_cast<std::uint8_t>(x / 2 + 20);
    }
  }
  return frame;
}

TEST(Reshape, ChangesOnlyWhatIsWithinItsReach) {
  const Frame before = NoiseFrame(400, 320);
  Frame frame = before;
  std::vector<TrackedFace> faces = {FaceAt({200, 160}, 200)};
  const auto effect = MakeEffect(ReshapeKind(), "reshape:slim=0,eyes=1");
  ASSERT_TRUE(effect->Apply(frame, faces));
  const YuvView old = before.pixels, now = frame.pixels;
  // Eyes of 28 pixels at (168, 140) and (232, 140).
  const PixelRect reach = {168 - 29, 140 - 29, 122, 58};
  const PixelRect changed = Difference(old.LumaPlane(), now.LumaPlane());
  EXPECT_TRUE(IsWithin(changed, reach));
  EXPECT_GT(changed.width, 100);
  const PixelRect half = {reach.x / 2, reach.y / 2, reach.width / 2 + 1,
                          reach.height / 2 + 1};
  EXPECT_FALSE(Difference(old.UPlane(), now.UPlane()).empty());
  EXPECT_TRUE(IsWithin(Difference(old.UPlane(), now.UPlane()), half));
  EXPECT_TRUE(IsWithin(Difference(old.VPlane(), now.VPlane()), half));
}

TEST(Reshape, HasNoSeam) {
  for (const char* text :
       {"reshape:slim=1,eyes=1", "reshape:slim=-1,eyes=-1"}) {
    Frame frame = Slope(400, 320);
    std::vector<TrackedFace> faces = {FaceAt({200, 160}, 200)};
    ASSERT_TRUE(MakeEffect(ReshapeKind(), text)->Apply(frame, faces));
    const ImageView luma = frame.pixels.view().LumaPlane();
    for (int y = 1; y < luma.height; ++y) {
      for (int x = 1; x < luma.width; ++x) {
        // Monotonous, as before, and nowhere torn.
        const int step = *luma.Pixel(x, y) - *luma.Pixel(x - 1, y);
        ASSERT_GE(step, 0) << text << " at " << x << "," << y;
        ASSERT_LE(step, 3) << text << " at " << x << "," << y;
        ASSERT_LE(std::abs(*luma.Pixel(x, y) - *luma.Pixel(x, y - 1)), 2)
            << text << " at " << x << "," << y;
      }
    }
  }
}

TEST(Reshape, PointsMoveWithThePixels) {
  Frame frame = Slope(400, 320);
  const TrackedFace before = FaceAt({200, 160}, 200);
  std::vector<TrackedFace> faces = {before};
  ASSERT_TRUE(
      MakeEffect(ReshapeKind(), "reshape:slim=1,eyes=1")->Apply(frame, faces));
  const ImageView luma = frame.pixels.view().LumaPlane();
  float moved = 0;
  for (const auto outline :
       {std::span<const std::uint16_t>(face_outline::kOval),
        std::span<const std::uint16_t>(face_outline::kRightEye)}) {
    for (const std::uint16_t index : outline) {
      const Point3F old = before.face.mesh[index];
      const Point3F now = faces[0].face.mesh[index];
      moved = std::max(moved, std::abs(now.x - old.x));
      EXPECT_NEAR(*luma.Pixel(static_cast<int>(now.x), static_cast<int>(now.y)),
                  old.x / 2 + 20, 1.5)
          << index;
    }
  }
  EXPECT_GT(moved, 5);
}

TEST(Reshape, SlimMovesJawsInwardsAndEyesGrow) {
  const auto after = [](const char* text) {
    Frame frame = NoiseFrame(400, 320);
    std::vector<TrackedFace> faces = {FaceAt({200, 160}, 200)};
    EXPECT_TRUE(MakeEffect(ReshapeKind(), text)->Apply(frame, faces));
    return faces[0].face;
  };
  const Face plain = FaceAt({200, 160}, 200).face;
  const auto width = [](const Face& face, std::size_t a, std::size_t b) {
    return std::abs(face.mesh[a].x - face.mesh[b].x);
  };
  EXPECT_LT(width(after("reshape:slim=1,eyes=0"), 132, 361),
            width(plain, 132, 361) - 8);
  EXPECT_GT(width(after("reshape:slim=-1,eyes=0"), 132, 361),
            width(plain, 132, 361) + 8);
  EXPECT_GT(width(after("reshape:slim=0,eyes=1"), 33, 133),
            1.1f * width(plain, 33, 133));
  EXPECT_LT(width(after("reshape:slim=0,eyes=-1"), 33, 133),
            .95f * width(plain, 33, 133));
}

TEST(Reshape, LeavesWhatItCannotUseAlone) {
  const Frame before = NoiseFrame(400, 320);
  TrackedFace meshless = FaceAt({200, 160}, 200);
  meshless.face.mesh.clear();
  TrackedFace nan = FaceAt({200, 160}, 200);
  nan.face.mesh[33].x = std::numeric_limits<float>::quiet_NaN();
  for (const TrackedFace& face : {meshless, nan, FaceAt({-900, 160}, 200)}) {
    Frame frame = before;
    std::vector<TrackedFace> faces = {face};
    const auto effect = MakeEffect(ReshapeKind(), "reshape");
    ASSERT_TRUE(effect->Apply(frame, faces));
    EXPECT_EQ(frame.pixels.view().y, before.pixels.view().y);
  }
  Frame frame = before;
  std::vector<TrackedFace> faces = {FaceAt({200, 160}, 200)};
  const auto effect = MakeEffect(ReshapeKind(), "reshape:slim=0,eyes=0");
  ASSERT_TRUE(effect->Apply(frame, faces));
  EXPECT_EQ(frame.pixels.view().y, before.pixels.view().y);
}

}  // namespace
}  // namespace ocelli
