#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "effects/kinds.h"
#include "effects/test_faces.h"

namespace ocelli {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Y 100, U 110, V 140.
Frame PlainFrame(int width, int height) {
  Frame frame;
  frame.pixels = YuvImage(width, height, {});
  const MutableYuvView view = frame.pixels.MutableView();
  const auto fill = [](const MutableImageView& plane, int value) {
    for (int y = 0; y < plane.height; ++y) {
      std::memset(plane.Row(y), value, static_cast<std::size_t>(plane.width));
    }
  };
  fill(view.LumaPlane(), 100);
  fill(view.UPlane(), 110);
  fill(view.VPlane(), 140);
  return frame;
}

PictureWithAlpha Plain(int width, int height, std::uint8_t red,
                       std::uint8_t green, std::uint8_t blue,
                       std::uint8_t alpha) {
  PictureWithAlpha picture = {Image(width, height, PixelFormat::kRgb8),
                              Image(width, height, PixelFormat::kGrey8)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* rgb = picture.color.view().Pixel(x, y);
      rgb[0] = red;
      rgb[1] = green;
      rgb[2] = blue;
      *picture.alpha.view().Pixel(x, y) = alpha;
    }
  }
  return picture;
}

Result<std::unique_ptr<Effect>> Make(const std::string& text,
                                     const EffectContext& context = {}) {
  EffectRegistry registry;
  registry.Add(StickerKind());
  const auto chosen = registry.Parse(text);
  if (!chosen) throw std::runtime_error(chosen.error().message);
  return chosen->Make(context);
}

EffectContext Holding(int width, int height, std::uint8_t red,
                      std::uint8_t green, std::uint8_t blue,
                      std::uint8_t alpha) {
  EffectContext context;
  context.load_picture =
      [=](const std::string& path) -> Result<PictureWithAlpha> {
    if (path != "a.png") return Fail(ErrorCode::kNotFound, "no file " + path);
    return Plain(width, height, red, green, blue, alpha);
  };
  return context;
}

Frame Applied(Effect& effect, const Frame& frame,
              std::vector<TrackedFace> faces) {
  Frame copy = frame;
  EXPECT_TRUE(effect.Apply(copy, faces));
  return copy;
}

struct Changed {
  int left = 1 << 20, top = 1 << 20, right = -1, bottom = -1;
  int count = 0;
};
Changed ChangedFrom(ImageView plane, int value) {
  Changed changed;
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      if (*plane.Pixel(x, y) == value) continue;
      changed = {std::min(changed.left, x), std::min(changed.top, y),
                 std::max(changed.right, x + 1),
                 std::max(changed.bottom, y + 1), changed.count + 1};
    }
  }
  return changed;
}

// Turns the face about the vertical axis through its centre; what was flat is
// given depth by it.
void TurnSideways(Face& face, PointF center, float radians) {
  for (Point3F& point : face.mesh) {
    const float x = point.x - center.x, z = point.z;
    point.x = center.x + x * std::cos(radians) + z * std::sin(radians);
    point.z = z * std::cos(radians) - x * std::sin(radians);
  }
}

void Roll(Face& face, PointF center, float radians) {
  for (Point3F& point : face.mesh) {
    const float x = point.x - center.x, y = point.y - center.y;
    point.x = center.x + x * std::cos(radians) - y * std::sin(radians);
    point.y = center.y + x * std::sin(radians) + y * std::cos(radians);
  }
}

TEST(Sticker, LiesOnItsAnchorInThePicturesColours) {
  const Frame frame = PlainFrame(401, 301);
  const auto effect =
      Make("sticker:file=a.png,anchor=eyes", Holding(100, 40, 255, 0, 0, 255));
  ASSERT_TRUE(effect) << effect.error().message;
  // The eyes' middle lies 20 above the centre.
  const Frame out = Applied(**effect, frame, {FaceAt({200, 170}, 200)});
  const YuvView view = out.pixels.view();
  const YuvPixel red = ToYuv(255, 0, 0, view.color);
  EXPECT_EQ(*view.LumaPlane().Pixel(200, 150), red.y);
  EXPECT_EQ(*view.UPlane().Pixel(100, 75), red.u);
  EXPECT_EQ(*view.VPlane().Pixel(100, 75), red.v);
  const Changed changed = ChangedFrom(view.LumaPlane(), 100);
  EXPECT_NEAR(changed.left + changed.right, 400, 3);
  EXPECT_NEAR(changed.top + changed.bottom, 300, 3);
  const int width = changed.right - changed.left;
  EXPECT_NEAR(.4f * static_cast<float>(width), changed.bottom - changed.top, 3);
  EXPECT_GT(width, 100);
  EXPECT_LT(width, 200);
}

TEST(Sticker, AClearPictureChangesNothing) {
  const Frame frame = PlainFrame(200, 150);
  const auto effect =
      Make("sticker:file=a.png", Holding(30, 30, 255, 255, 255, 0));
  const Frame out = Applied(**effect, frame, {FaceAt({100, 75}, 80)});
  EXPECT_EQ(ChangedFrom(out.pixels.view().LumaPlane(), 100).count, 0);
  EXPECT_EQ(ChangedFrom(out.pixels.view().UPlane(), 110).count, 0);
  EXPECT_EQ(ChangedFrom(out.pixels.view().VPlane(), 140).count, 0);
}

TEST(Sticker, HalfOpacityIsHalfTheColour) {
  const Frame frame = PlainFrame(200, 150);
  const auto effect =
      Make("sticker:file=a.png", Holding(64, 64, 255, 255, 255, 128));
  const Frame out = Applied(**effect, frame, {FaceAt({100, 75}, 80)});
  EXPECT_NEAR(*out.pixels.view().LumaPlane().Pixel(100, 75), (100 + 235) / 2,
              2);
  EXPECT_NEAR(*out.pixels.view().UPlane().Pixel(50, 37), (110 + 128) / 2, 2);
}

// A white picture whose clear part is black: no dark seam where they meet.
TEST(Sticker, ColoursOfClearPixelsDoNotBleed) {
  EffectContext context;
  context.load_picture = [](const std::string&) -> Result<PictureWithAlpha> {
    PictureWithAlpha picture = Plain(64, 64, 0, 0, 0, 0);
    for (int y = 16; y < 48; ++y) {
      for (int x = 16; x < 48; ++x) {
        std::memset(picture.color.view().Pixel(x, y), 255, 3);
        *picture.alpha.view().Pixel(x, y) = 255;
      }
    }
    return picture;
  };
  const Frame frame = PlainFrame(320, 240);
  const auto effect = Make("sticker:file=a.png,scale=1.3", context);
  const Frame out = Applied(**effect, frame, {FaceAt({160, 120}, 120)});
  const ImageView luma = out.pixels.view().LumaPlane();
  for (int y = 0; y < luma.height; ++y) {
    for (int x = 0; x < luma.width; ++x) ASSERT_GE(*luma.Pixel(x, y), 100);
  }
  EXPECT_EQ(*luma.Pixel(160, 120), 235);
}

TEST(Sticker, TurnsWithTheHead) {
  const Frame frame = PlainFrame(400, 300);
  const auto effect = Make("sticker:file=a.png,anchor=face",
                           Holding(100, 25, 255, 255, 255, 255));
  const auto bounds = [&](const TrackedFace& face) {
    const Frame out = Applied(**effect, frame, {face});
    return ChangedFrom(out.pixels.view().LumaPlane(), 100);
  };
  const Changed ahead = bounds(FaceAt({200, 150}, 120));
  const float width = static_cast<float>(ahead.right - ahead.left);
  const float height = static_cast<float>(ahead.bottom - ahead.top);

  TrackedFace rolled = FaceAt({200, 150}, 120);
  Roll(rolled.face, {200, 150}, 1.5707963f);
  const Changed upright = bounds(rolled);
  EXPECT_NEAR(static_cast<float>(upright.bottom - upright.top), width, 3);
  EXPECT_NEAR(static_cast<float>(upright.right - upright.left), height, 3);

  TrackedFace sideways = FaceAt({200, 150}, 120);
  TurnSideways(sideways.face, {200, 150}, 1.0471976f);
  const Changed narrow = bounds(sideways);
  EXPECT_NEAR(static_cast<float>(narrow.right - narrow.left), width / 2, 4);
  EXPECT_NEAR(static_cast<float>(narrow.bottom - narrow.top), height, 3);

  TrackedFace profile = FaceAt({200, 150}, 120);
  TurnSideways(profile.face, {200, 150}, 1.5707963f);
  EXPECT_EQ(bounds(profile).count, 0);
}

TEST(Sticker, ScaleAndOffsetAreInSizesOfThePicture) {
  const Frame frame = PlainFrame(600, 400);
  const EffectContext context = Holding(50, 50, 255, 255, 255, 255);
  const auto bounds = [&](const std::string& more) {
    const auto effect = Make("sticker:file=a.png,anchor=face" + more, context);
    const Frame out = Applied(**effect, frame, {FaceAt({300, 200}, 100)});
    return ChangedFrom(out.pixels.view().LumaPlane(), 100);
  };
  const Changed plain = bounds("");
  const int size = plain.right - plain.left;
  const Changed twice = bounds(",scale=2");
  EXPECT_NEAR(twice.right - twice.left, 2 * size, 4);
  const Changed moved = bounds(",x=1,y=-0.5");
  EXPECT_NEAR(moved.left - plain.left, size, 3);
  EXPECT_NEAR(plain.top - moved.top, size / 2, 3);
}

TEST(Sticker, BuiltInPicturesKeepToTheFace) {
  const Frame frame = PlainFrame(321, 243);
  for (const char* kind : {"glasses", "mask", "moustache"}) {
    const auto effect = Make(std::string("sticker:kind=") + kind);
    ASSERT_TRUE(effect);
    const Frame out = Applied(**effect, frame, {FaceAt({160, 120}, 120)});
    const Changed changed = ChangedFrom(out.pixels.view().LumaPlane(), 100);
    EXPECT_GT(changed.count, 300) << kind;
    EXPECT_GT(changed.left, 100) << kind;
    EXPECT_LT(changed.right, 220) << kind;
    EXPECT_GT(changed.top, 60) << kind;
    EXPECT_LT(changed.bottom, 180) << kind;
  }
}

TEST(Sticker, IsKeptForAMomentAndThenGone) {
  const Frame frame = PlainFrame(200, 150);
  const auto effect = Make("sticker");
  TrackedFace face = FaceAt({100, 75}, 80);
  face.unseen_for = std::chrono::milliseconds(100);
  EXPECT_GT(ChangedFrom(
                Applied(**effect, frame, {face}).pixels.view().LumaPlane(), 100)
                .count,
            0);
  face.unseen_for = std::chrono::seconds(1);
  EXPECT_EQ(Applied(**effect, frame, {face}).pixels.view().y,
            frame.pixels.view().y);
}

TEST(Sticker, TakesAnyNumbersAndAnySize) {
  const float numbers[] = {0,     -1,     50,        -1e4f,      1e6f,
                           1e20f, 1e-40f, kInfinity, -kInfinity, kNan};
  const auto effect = Make("sticker:scale=5");
  for (const auto& [width, height] : std::initializer_list<std::pair<int, int>>{
           {1, 1}, {2, 1}, {1, 3}, {33, 17}, {40, 40}}) {
    const Frame frame = PlainFrame(width, height);
    for (const float a : numbers) {
      for (const float b : numbers) {
        TrackedFace depth = FaceAt({20, 20}, 30);
        for (Point3F& point : depth.face.mesh) point.z = a * point.x + b;
        TrackedFace same = FaceAt({20, 20}, 30);
        same.face.mesh.assign(478, {a, b, a});
        TrackedFace few = FaceAt({20, 20}, 30);
        few.face.mesh.resize(100);
        Applied(**effect, frame,
                {FaceAt({a, b}, b), depth, same, few, FaceAt({a, a}, 30),
                 TrackedFace{}});
      }
    }
  }
  Frame empty;
  Applied(**effect, empty, {FaceAt({10, 10}, 20)});
}

TEST(Sticker, FacesOutsideAndWithoutMeshCopyNothing) {
  const Frame frame = PlainFrame(100, 100);
  const auto effect = Make("sticker");
  TrackedFace unmeshed = FaceAt({50, 50}, 60);
  unmeshed.face.mesh.clear();
  const Frame out =
      Applied(**effect, frame, {FaceAt({900, 500}, 80), unmeshed});
  EXPECT_EQ(out.pixels.view().y, frame.pixels.view().y);
}

TEST(Sticker, SaysWhichFileIsNoPicture) {
  const auto missing =
      Make("sticker:file=b.png", Holding(10, 10, 0, 0, 0, 255));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("b.png"), std::string::npos);
  EXPECT_FALSE(Make("sticker:file=a.png"));
  EXPECT_FALSE(Make("sticker:file=a.png", Holding(0, 0, 0, 0, 0, 0)));
  EXPECT_FALSE(Make("sticker:file=a.png", Holding(5000, 1, 0, 0, 0, 0)));
  EffectContext unequal;
  unequal.load_picture = [](const std::string&) -> Result<PictureWithAlpha> {
    return PictureWithAlpha{Image(10, 10, PixelFormat::kRgb8),
                            Image(5, 10, PixelFormat::kGrey8)};
  };
  EXPECT_FALSE(Make("sticker:file=a.png", unequal));
}

}  // namespace
}  // namespace ocelli
