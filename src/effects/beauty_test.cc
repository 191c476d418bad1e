#include <gmock/gmock.h>

#include <cmath>

#include "effects/box_filter.h"
#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

double Deviation(ImageView plane, const PixelRect& rect) {
  double sum = 0, squares = 0;
  for (int y = rect.y; y < rect.bottom(); ++y) {
    for (int x = rect.x; x < rect.right(); ++x) {
      const double value = *plane.Pixel(x, y);
      sum += value;
      squares += value * value;
    }
  }
  const double count = rect.width * rect.height;
  return std::sqrt(squares / count - (sum / count) * (sum / count));
}

double Mean(ImageView plane, const PixelRect& rect) {
  double sum = 0;
  for (int y = rect.y; y < rect.bottom(); ++y) {
    for (int x = rect.x; x < rect.right(); ++x) sum += *plane.Pixel(x, y);
  }
  return sum / (rect.width * rect.height);
}

Frame After(std::string_view text, const Frame& before,
            std::vector<TrackedFace> faces) {
  Frame frame = before;
  const auto effect = MakeEffect(BeautyKind(), text);
  EXPECT_TRUE(effect && effect->Apply(frame, faces)) << text;
  return frame;
}

// Of FaceAt({200, 160}, 200).
constexpr PixelRect kSkin = {156, 168, 36, 14};
constexpr PixelRect kEye = {164, 138, 8, 4};
constexpr PixelRect kMouth = {192, 208, 16, 4};

TEST(Beauty, SmoothsSkinAndLeavesAllElseBitForBit) {
  const Frame before = NoiseFrame(400, 320);
  const Frame after =
      After("beauty:whiten=0,texture=0", before, {FaceAt({200, 160}, 200)});
  const ImageView old_luma = before.pixels.view().LumaPlane();
  const ImageView luma = after.pixels.view().LumaPlane();
  EXPECT_LT(Deviation(luma, kSkin), .6 * Deviation(old_luma, kSkin));
  EXPECT_NEAR(Mean(luma, kSkin), Mean(old_luma, kSkin), 1.5);
  // The oval is 150 x 200, and its edge fades over 18 pixels.
  const PixelRect oval = {200 - 75 - 18, 160 - 100 - 18, 150 + 36, 200 + 36};
  EXPECT_TRUE(IsWithin(Difference(luma, old_luma), oval));
  const PixelRect half = {oval.x / 2, oval.y / 2, oval.width / 2 + 1,
                          oval.height / 2 + 1};
  EXPECT_FALSE(
      Difference(after.pixels.view().UPlane(), before.pixels.view().UPlane())
          .empty());
  for (const auto plane : {&YuvView::UPlane, &YuvView::VPlane}) {
    EXPECT_TRUE(IsWithin(Difference((after.pixels.view().*plane)(),
                                    (before.pixels.view().*plane)()),
                         half));
  }
  for (const PixelRect& kept : {kEye, kMouth}) {
    EXPECT_TRUE(
        Difference(luma.Crop(kept.x, kept.y, kept.width, kept.height),
                   old_luma.Crop(kept.x, kept.y, kept.width, kept.height))
            .empty());
  }
}

TEST(Beauty, KeepsEdges) {
  Frame before = NoiseFrame(400, 320, 1, 0);
  const MutableYuvView pixels = before.pixels.MutableView();
  for (int y = 0; y < 320; ++y) {
    for (int x = 175; x < 400; ++x) *pixels.LumaPlane().Pixel(x, y) = 60;
  }
  const Frame after =
      After("beauty:smooth=0.5,whiten=0", before, {FaceAt({200, 160}, 200)});
  const ImageView luma = after.pixels.view().LumaPlane();
  EXPECT_GT(*luma.Pixel(174, 175), 140 - 20);
  EXPECT_LT(*luma.Pixel(175, 175), 60 + 20);
}

TEST(Beauty, TextureBringsDetailBack) {
  const Frame before = NoiseFrame(400, 320);
  const auto deviation = [&](std::string_view text) {
    const Frame after = After(text, before, {FaceAt({200, 160}, 200)});
    return Deviation(after.pixels.view().LumaPlane(), kSkin);
  };
  EXPECT_GT(deviation("beauty:whiten=0,texture=1"),
            1.2 * deviation("beauty:whiten=0,texture=0"));
  EXPECT_LT(deviation("beauty:smooth=1,whiten=0"),
            deviation("beauty:smooth=0.2,whiten=0"));
}

TEST(Beauty, WhitenBrightensSkinOnly) {
  const Frame before = NoiseFrame(400, 320);
  const Frame after =
      After("beauty:smooth=0,whiten=1", before, {FaceAt({200, 160}, 200)});
  const ImageView luma = after.pixels.view().LumaPlane();
  const ImageView old_luma = before.pixels.view().LumaPlane();
  EXPECT_GT(Mean(luma, kSkin), Mean(old_luma, kSkin) + 20);
  EXPECT_EQ(Mean(luma, kEye), Mean(old_luma, kEye));
  EXPECT_TRUE(
      Difference(after.pixels.view().UPlane(), before.pixels.view().UPlane())
          .empty());
}

TEST(Beauty, WithNothingToDoPixelsStayShared) {
  const Frame before = NoiseFrame(400, 320);
  TrackedFace meshless = FaceAt({200, 160}, 200);
  meshless.face.mesh.clear();
  TrackedFace lost = FaceAt({200, 160}, 200);
  lost.unseen_for = std::chrono::seconds(1);
  for (const TrackedFace& face :
       {meshless, lost, FaceAt({-500, 160}, 200), FaceAt({200, 2000}, 200)}) {
    const Frame after = After("beauty", before, {face});
    EXPECT_EQ(after.pixels.view().y, before.pixels.view().y);
  }
  const Frame after =
      After("beauty:smooth=0,whiten=0", before, {FaceAt({200, 160}, 200)});
  EXPECT_EQ(after.pixels.view().y, before.pixels.view().y);
}

TEST(BoxFilter, IsTheMeanOfTheSquare) {
  constexpr int kWidth = 7, kHeight = 5;
  std::vector<float> plane(kWidth * kHeight);
  for (std::size_t i = 0; i < plane.size(); ++i) {
    plane[i] = static_cast<float>(i * i % 23);
  }
  for (const int radius : {1, 2, 4, 30}) {
    std::vector<float> filtered = plane;
    BoxFilter().Apply(filtered, kWidth, kHeight, radius);
    // Where the square is inside, or the radius was cut to the plane's size.
    const int down = std::min(radius, kHeight),
              across = std::min(radius, kWidth);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        double sum = 0;
        for (int j = -down; j <= down; ++j) {
          for (int i = -across; i <= across; ++i) {
            sum += plane[static_cast<std::size_t>(
                std::clamp(y + j, 0, kHeight - 1) * kWidth +
                std::clamp(x + i, 0, kWidth - 1))];
          }
        }
        EXPECT_NEAR(filtered[static_cast<std::size_t>(y * kWidth + x)],
                    sum / ((2. * down + 1) * (2. * across + 1)), 1e-3);
      }
    }
  }
}

}  // namespace
}  // namespace ocelli
