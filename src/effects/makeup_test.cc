#include <gmock/gmock.h>

#include <limits>

#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

using ::testing::HasSubstr;

Frame After(std::string_view text, const Frame& before,
            std::vector<TrackedFace> faces) {
  Frame frame = before;
  const auto effect = MakeEffect(MakeupKind(), text);
  EXPECT_TRUE(effect && effect->Apply(frame, faces)) << text;
  return frame;
}

// Of FaceAt({200, 160}, 200): outer lips 52 x 24 and inner ones 40 x 8, both
// about (200, 210).
constexpr PixelRect kLips = {200 - 26 - 5, 210 - 12 - 5, 52 + 10, 24 + 10};

TEST(Makeup, ColoursLipsAndNothingElse) {
  const Frame before = NoiseFrame(400, 320, 1, 0);
  const Frame after = After("makeup:lips=ff0000,lips_strength=1,blush=none",
                            before, {FaceAt({200, 160}, 200)});
  const YuvView old = before.pixels, now = after.pixels;
  EXPECT_TRUE(IsWithin(Difference(old.LumaPlane(), now.LumaPlane()), kLips));
  const PixelRect half = {kLips.x / 2, kLips.y / 2, kLips.width / 2 + 1,
                          kLips.height / 2 + 1};
  EXPECT_TRUE(IsWithin(Difference(old.UPlane(), now.UPlane()), half));
  EXPECT_TRUE(IsWithin(Difference(old.VPlane(), now.VPlane()), half));
  // The lower lip is red, the open mouth as it was.
  EXPECT_GT(*now.VPlane().Pixel(100, 109), *old.VPlane().Pixel(100, 109) + 20);
  EXPECT_EQ(*now.VPlane().Pixel(100, 105), *old.VPlane().Pixel(100, 105));
  EXPECT_EQ(*now.LumaPlane().Pixel(200, 210), *old.LumaPlane().Pixel(200, 210));
}

TEST(Makeup, KeepsLightAndShadeOfLips) {
  Frame before = NoiseFrame(400, 320, 1, 0);
  const MutableYuvView pixels = before.pixels.MutableView();
  for (int x = 0; x < 400; ++x) {
    *pixels.LumaPlane().Pixel(x, 218) = static_cast<std::uint8_t>(x / 2);
  }
  const Frame after = After("makeup:lips=berry,lips_strength=1,blush=none",
                            before, {FaceAt({200, 160}, 200)});
  const ImageView luma = after.pixels.view().LumaPlane();
  EXPECT_LT(*luma.Pixel(200, 218), 100);
  EXPECT_GT(*luma.Pixel(206, 218), *luma.Pixel(194, 218));
}

TEST(Makeup, BlushIsSoftAndOnTheCheeks) {
  const Frame before = NoiseFrame(400, 320, 1, 0);
  const Frame after = After("makeup:lips=none,blush=pink,blush_strength=1",
                            before, {FaceAt({200, 160}, 200)});
  const YuvView old = before.pixels, now = after.pixels;
  const PixelRect oval = {200 - 75 - 5, 160 - 100 - 5, 160, 210};
  EXPECT_TRUE(IsWithin(Difference(old.LumaPlane(), now.LumaPlane()), oval));
  const ImageView v = now.VPlane();
  EXPECT_GT(*v.Pixel(80, 87), 150);
  EXPECT_GT(*v.Pixel(120, 87), 150);
  EXPECT_EQ(*v.Pixel(100, 105), 150);
  for (int y = 0; y < v.height; ++y) {
    for (int x = 1; x < v.width; ++x) {
      ASSERT_LE(std::abs(*v.Pixel(x, y) - *v.Pixel(x - 1, y)), 4);
    }
  }
}

TEST(Makeup, LeavesWhatItCannotUseAlone) {
  const Frame before = NoiseFrame(400, 320);
  TrackedFace meshless = FaceAt({200, 160}, 200);
  meshless.face.mesh.clear();
  TrackedFace nan = FaceAt({200, 160}, 200);
  for (Point3F& point : nan.face.mesh) {
    point.x = std::numeric_limits<float>::quiet_NaN();
  }
  for (const TrackedFace& face : {meshless, nan, FaceAt({-900, 160}, 200)}) {
    const Frame after = After("makeup", before, {face});
    EXPECT_EQ(after.pixels.view().y, before.pixels.view().y);
  }
  const Frame after = After("makeup:lips=none,blush_strength=0", before,
                            {FaceAt({200, 160}, 200)});
  EXPECT_EQ(after.pixels.view().y, before.pixels.view().y);
}

TEST(Makeup, AnUnknownColourListsThoseThereAre) {
  EffectRegistry registry;
  registry.Add(MakeupKind());
  for (const char* color : {"reddish", "12345", "#1234567", "12345g", ""}) {
    const auto chosen = registry.Parse(std::string("makeup:blush=") + color);
    ASSERT_TRUE(chosen);
    const auto effect = chosen->Make({});
    ASSERT_FALSE(effect) << color;
    EXPECT_EQ(effect.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(effect.error().message,
                HasSubstr("effect makeup: blush is a colour as rrggbb or one "
                          "of none, red, rose"));
  }
  EXPECT_TRUE(registry.Parse("makeup:lips=#12aBcd")->Make({}));
}

}  // namespace
}  // namespace ocelli
