#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "effects/kinds.h"
#include "effects/overlay.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Frame GreyFrame(int width, int height) {
  Frame frame;
  frame.pixels = YuvImage(width, height, {});
  const MutableYuvView view = frame.pixels.MutableView();
  for (const MutableImageView& plane :
       {view.LumaPlane(), view.UPlane(), view.VPlane()}) {
    for (int y = 0; y < plane.height; ++y) {
      std::memset(plane.Row(y), 128, static_cast<std::size_t>(plane.width));
    }
  }
  return frame;
}

Frame Applied(Effect& effect, const Frame& frame,
              std::vector<TrackedFace> faces) {
  Frame copy = frame;
  EXPECT_TRUE(effect.Apply(copy, faces));
  return copy;
}

Frame Applied(const std::string& effect, const Frame& frame,
              std::vector<TrackedFace> faces) {
  return Applied(*MakeEffect(OverlayKind(), effect), frame, std::move(faces));
}

// The luma rectangle that differs from 128, and by how much in sum.
struct Changed {
  int left = 1 << 20, top = 1 << 20, right = -1, bottom = -1;
  int sum = 0;
};
Changed ChangedIn(ImageView plane) {
  Changed changed;
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      const int difference = std::abs(*plane.Pixel(x, y) - 128);
      if (difference == 0) continue;
      changed = {std::min(changed.left, x), std::min(changed.top, y),
                 std::max(changed.right, x + 1),
                 std::max(changed.bottom, y + 1), changed.sum + difference};
    }
  }
  return changed;
}

TrackedFace Named(const RectF& box, const std::string& name) {
  TrackedFace face;
  face.track = 7;
  face.face.box = box;
  face.name = name;
  face.decided = true;
  return face;
}

// Both are the same picture, up to the half size of the chroma.
TEST(OverlayEffect, LooksAsItDoesInRgb) {
  const RectF box = {101, 81, 121, 101};
  OverlayFace face;
  face.box = box;
  face.label = "Ada";
  face.known = true;
  Image rgb(400, 300, PixelFormat::kRgb8);
  const Frame frame = GreyFrame(400, 300);
  const std::uint8_t grey = *ToRgb(frame.pixels.view()).view().Pixel(0, 0);
  std::memset(rgb.view().data, grey, rgb.size_bytes());
  DrawOverlay(rgb.view(), {&face, 1});
  const YuvImage expected = ToYuv(rgb, frame.pixels.color());
  const Frame out = Applied("overlay", frame, {Named(box, "Ada")});
  const auto greatest = [](ImageView a, ImageView b) {
    int most = 0;
    for (int y = 0; y < a.height; ++y) {
      for (int x = 0; x < a.width; ++x) {
        most = std::max(most, std::abs(*a.Pixel(x, y) - *b.Pixel(x, y)));
      }
    }
    return most;
  };
  const YuvView drawn = out.pixels.view(), wanted = expected.view();
  EXPECT_LE(greatest(drawn.LumaPlane(), wanted.LumaPlane()), 3);
  EXPECT_LE(greatest(drawn.UPlane(), wanted.UPlane()), 12);
  EXPECT_LE(greatest(drawn.VPlane(), wanted.VPlane()), 12);
  EXPECT_GT(ChangedIn(drawn.UPlane()).sum, 1000);
}

TEST(OverlayEffect, PixelsFarFromTheFaceStay) {
  const Frame out = Applied("overlay:names=off", GreyFrame(401, 301),
                            {Named({101, 81, 121, 101}, "Ada")});
  for (const auto& [plane, scale] :
       {std::pair{out.pixels.view().LumaPlane(), 1},
        {out.pixels.view().UPlane(), 2},
        {out.pixels.view().VPlane(), 2}}) {
    const Changed changed = ChangedIn(plane);
    EXPECT_NEAR(scale * changed.left, 101, 10);
    EXPECT_NEAR(scale * changed.top, 81, 10);
    EXPECT_NEAR(scale * changed.right, 222, 10);
    EXPECT_NEAR(scale * changed.bottom, 182, 10);
    for (int y = 100; y < 160; ++y) {
      for (int x = 125; x < 200; ++x) {
        ASSERT_EQ(*plane.Pixel(x / scale, y / scale), 128);
      }
    }
  }
}

TEST(OverlayEffect, EachSwitchDrawsItsPart) {
  const Frame frame = GreyFrame(400, 300);
  TrackedFace face = FaceAt({200, 130}, 120);
  face.name = "Ada";
  const auto sum = [&](const std::string& text) {
    return ChangedIn(Applied(text, frame, {face}).pixels.view().LumaPlane())
        .sum;
  };
  EXPECT_EQ(sum("overlay:names=off,boxes=off"), 0);
  const int box = sum("overlay:names=off");
  const int name = sum("overlay:boxes=off");
  const int mesh = sum("overlay:names=off,boxes=off,mesh=on");
  EXPECT_GT(box, 0);
  EXPECT_GT(name, 0);
  EXPECT_GT(mesh, 0);
  EXPECT_GT(sum("overlay"), box + name / 2);
  face.name.clear();
  EXPECT_EQ(sum("overlay:boxes=off"), 0);
  EXPECT_GT(sum("overlay:boxes=off,tracks=on"), 0);
}

TEST(OverlayEffect, AFaceThatIsNotSeenIsPaler) {
  const Frame frame = GreyFrame(400, 300);
  TrackedFace face = Named({100, 80, 120, 100}, "Ada");
  const auto sum = [&] {
    return ChangedIn(
               Applied("overlay", frame, {face}).pixels.view().LumaPlane())
        .sum;
  };
  const int seen = sum();
  face.unseen_for = std::chrono::milliseconds(40);
  EXPECT_LT(sum(), seen / 2);
  EXPECT_GT(sum(), 0);
}

TEST(OverlayEffect, DrawsTheSameFrameAfterFrame) {
  const Frame frame = GreyFrame(640, 360);
  const auto effect = MakeEffect(OverlayKind(), "overlay");
  const std::vector<TrackedFace> faces = {Named({100, 80, 120, 100}, "Ada"),
                                          Named({400, 80, 90, 100}, "Zo\xc3")};
  const Frame first = Applied(*effect, frame, faces);
  // Names enough to push the first ones out.
  for (int i = 0; i < 300; ++i) {
    Applied(*effect, frame,
            {Named({100, 80, 30, 30}, "Name " + std::to_string(i))});
  }
  EXPECT_TRUE(SamePixels(Applied(*effect, frame, faces).pixels, first.pixels));
}

TEST(OverlayEffect, TakesAnyNumbersAndAnySize) {
  const float numbers[] = {0,     -1,     50,        -1e4f,      1e6f,
                           1e20f, 1e-40f, kInfinity, -kInfinity, kNan};
  const auto effect = MakeEffect(OverlayKind(), "overlay:mesh=on,tracks=on");
  for (const auto& [width, height] : std::initializer_list<std::pair<int, int>>{
           {1, 1}, {2, 1}, {1, 3}, {33, 17}}) {
    const Frame frame = GreyFrame(width, height);
    for (const float a : numbers) {
      for (const float b : numbers) {
        TrackedFace meshed = Named({a, b, b, a}, "");
        meshed.face.mesh = {{a, b, 0}, {b, a, 0}};
        Applied(*effect, frame,
                {Named({a, 10, b, 20}, "a"), Named({10, a, 20, b}, ""),
                 Named({a, a, b, b}, "b"), meshed});
      }
    }
  }
  Frame empty;
  Applied(*effect, empty, {Named({0, 0, 10, 10}, "a")});
}

TEST(OverlayEffect, DrawsTwentyFaces) {
  const Frame frame = GreyFrame(1001, 801);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 20; ++i) {
    faces.push_back(Named({static_cast<float>(50 + i % 5 * 190),
                           static_cast<float>(30 + i / 5 * 190), 80, 90},
                          "P" + std::to_string(i)));
  }
  const Frame out = Applied("overlay", frame, faces);
  for (const TrackedFace& face : faces) {
    EXPECT_GT(ChangedIn(out.pixels.view().LumaPlane().Crop(
                            static_cast<int>(face.face.box.x),
                            static_cast<int>(face.face.box.y), 80, 90))
                  .sum,
              0);
  }
}

TEST(OverlayEffect, NothingToDrawCopiesNothing) {
  const Frame frame = GreyFrame(100, 100);
  const Frame out = Applied(
      "overlay", frame,
      {Named({900, 20, 30, 30}, "far"), Named({kNan, 20, 30, 30}, "nowhere")});
  EXPECT_EQ(out.pixels.view().y, frame.pixels.view().y);
}

TEST(OverlayEffect, AsksForNamesOnlyToShowThem) {
  EffectRegistry registry;
  registry.Add(OverlayKind());
  EXPECT_EQ(registry.Parse("overlay").value().need(), EffectNeed::kNames);
  EXPECT_EQ(registry.Parse("overlay:names=off").value().need(),
            EffectNeed::kFaces);
}

}  // namespace
}  // namespace ocelli
