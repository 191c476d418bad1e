#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

#include "effects/kinds.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Strong noise, so that any detail that stays is seen.
Frame NoisyFrame(int width, int height) {
  return NoiseFrame(width, height, 1, 100);
}

TrackedFace Unmeshed(const RectF& box) {
  TrackedFace face;
  face.track = 1;
  face.face.box = box;
  return face;
}

// The luma rectangle that changed.
PixelRect ChangedIn(const Frame& a, const Frame& b) {
  return Difference(a.pixels.view().LumaPlane(), b.pixels.view().LumaPlane());
}

Frame Applied(Effect& effect, const Frame& frame,
              std::vector<TrackedFace> faces) {
  Frame copy = frame;
  EXPECT_TRUE(effect.Apply(copy, faces));
  return copy;
}

Frame Applied(const std::string& effect, const Frame& frame,
              std::vector<TrackedFace> faces) {
  return Applied(*MakeEffect(AnonymizeKind(), effect), frame, std::move(faces));
}

class AnonymizeMode : public testing::TestWithParam<const char*> {
 protected:
  std::string Text(const std::string& more = {}) const {
    return std::string("anonymize:mode=") + GetParam() + more;
  }
};

TEST_P(AnonymizeMode, ChangesThePixelsOfTheFaceAndNoneFarFromIt) {
  const Frame frame = NoisyFrame(321, 241);
  const Frame out = Applied(Text(), frame, {FaceAt({160, 120}, 80)});
  const struct {
    ImageView before, after;
    int scale;
  } planes[] = {
      {frame.pixels.view().LumaPlane(), out.pixels.view().LumaPlane(), 1},
      {frame.pixels.view().UPlane(), out.pixels.view().UPlane(), 2},
      {frame.pixels.view().VPlane(), out.pixels.view().VPlane(), 2}};
  for (const auto& plane : planes) {
    int inside = 0, kept = 0;
    for (int y = 0; y < plane.before.height; ++y) {
      for (int x = 0; x < plane.before.width; ++x) {
        const int dx = std::abs(plane.scale * x - 160);
        const int dy = std::abs(plane.scale * y - 120);
        const bool same = *plane.before.Pixel(x, y) == *plane.after.Pixel(x, y);
        if (dx > 60 || dy > 80) {
          ASSERT_TRUE(same) << x << "," << y;
        } else if (dx <= 30 && dy <= 40) {
          ++inside;
          kept += same;
        }
      }
    }
    // Of noise some pixels happen to have the new value.
    EXPECT_LT(kept, inside / 20);
  }
}

TEST_P(AnonymizeMode, LeavesNoDetail) {
  const Frame frame = NoisyFrame(320, 240);
  const Frame out = Applied(Text(), frame, {FaceAt({160, 120}, 120)});
  const ImageView luma = out.pixels.view().LumaPlane();
  // Steps between neighbours: only those between blocks are left.
  int steps = 0, pairs = 0;
  for (int y = 62; y < 178; ++y) {
    for (int x = 117; x < 203; ++x) {
      const int step = std::abs(*luma.Pixel(x, y) - *luma.Pixel(x + 1, y));
      steps += step > 2;
      ++pairs;
    }
  }
  EXPECT_LT(steps, pairs / 12);
}

TEST_P(AnonymizeMode, ALostFaceStaysCoveredAndTheCoverGrows) {
  const Frame frame = NoisyFrame(640, 480);
  TrackedFace face = FaceAt({320, 240}, 80);
  const Frame seen = Applied(Text(), frame, {face});
  face.unseen_for = std::chrono::milliseconds(500);
  const Frame lost = Applied(Text(), frame, {face});
  const auto before = ChangedIn(frame, seen);
  const auto after = ChangedIn(frame, lost);
  EXPECT_LT(after.x, before.x - 8);
  EXPECT_LT(after.y, before.y - 8);
  EXPECT_GT(after.right(), before.right() + 8);
  EXPECT_GT(after.bottom(), before.bottom() + 8);
}

TEST_P(AnonymizeMode, FacesWithoutMeshOrWithAnUnusableOneAreCoveredByTheirBox) {
  const Frame frame = NoisyFrame(320, 240);
  TrackedFace face = Unmeshed({100, 80, 60, 80});
  for (const float number : {0.f, kNan, kInfinity, 1e30f}) {
    if (number != 0) face.face.mesh.assign(478, {number, number, number});
    const Frame out = Applied(Text(), frame, {face});
    const auto changed = ChangedIn(frame, out);
    EXPECT_LE(changed.x, 100);
    EXPECT_LE(changed.y, 80);
    EXPECT_GE(changed.right(), 160);
    EXPECT_GE(changed.bottom(), 160);
    EXPECT_GT(changed.x, 50);
    EXPECT_LT(changed.bottom(), 220);
  }
}

TEST_P(AnonymizeMode, AFaceWithoutUsableNumbersIsCoveredWhereItWas) {
  const Frame frame = NoisyFrame(320, 240);
  const auto effect = MakeEffect(AnonymizeKind(), Text());
  TrackedFace face = Unmeshed({100, 80, 60, 80});
  const Frame seen = Applied(*effect, frame, {face});
  face.face.box = {kNan, kNan, kNan, kNan};
  EXPECT_TRUE(SamePixels(Applied(*effect, frame, {face}).pixels, seen.pixels));
  // Another of which nothing is known: all is covered.
  face.track = 2;
  const Frame out = Applied(*effect, frame, {face});
  const auto changed = ChangedIn(frame, out);
  EXPECT_LT(changed.x + changed.y, 4);
  EXPECT_GT(changed.right() + changed.bottom(), 556);
}

TEST_P(AnonymizeMode, TakesAnyNumbersAndAnySize) {
  const float numbers[] = {0,     -1,     50,        -1e4f,      1e6f,
                           1e20f, 1e-40f, kInfinity, -kInfinity, kNan};
  for (const auto& [width, height] : std::initializer_list<std::pair<int, int>>{
           {1, 1}, {2, 1}, {1, 3}, {33, 17}, {40, 40}}) {
    const Frame frame = NoisyFrame(width, height);
    for (const float a : numbers) {
      for (const float b : numbers) {
        TrackedFace meshed = FaceAt({a, b}, b);
        meshed.unseen_for = std::chrono::hours(1);
        Applied(Text(), frame,
                {Unmeshed({a, 10, b, 20}), Unmeshed({10, a, 20, b}),
                 Unmeshed({a, b, b, a}), meshed, FaceAt({a, a}, 30)});
      }
    }
  }
  Frame empty;
  Applied(Text(), empty, {FaceAt({10, 10}, 20)});
}

TEST_P(AnonymizeMode, WhatLiesOutsideChangesNothingAndCopiesNothing) {
  const Frame frame = NoisyFrame(100, 101);
  const Frame out = Applied(
      Text(), frame, {FaceAt({500, 500}, 80), Unmeshed({-900, 20, 80, 80})});
  EXPECT_EQ(out.pixels.view().y, frame.pixels.view().y);
}

TEST_P(AnonymizeMode, CoversTwentyFaces) {
  const Frame frame = NoisyFrame(640, 480);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 20; ++i) {
    faces.push_back(FaceAt({static_cast<float>(64 + i % 5 * 128),
                            static_cast<float>(60 + i / 5 * 120)},
                           40));
    faces.back().track = i;
  }
  const Frame out = Applied(Text(), frame, faces);
  for (const TrackedFace& face : faces) {
    const RectF& box = face.face.box;
    const auto crop = [&](const Frame& of) {
      return of.pixels.view().LumaPlane().Crop(
          static_cast<int>(box.x), static_cast<int>(box.y),
          static_cast<int>(box.width), static_cast<int>(box.height));
    };
    EXPECT_FALSE(Difference(crop(frame), crop(out)).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(All, AnonymizeMode,
                         testing::Values("pixelate", "blur", "fill"),
                         [](const auto& mode) {
                           return std::string(mode.param);
                         });

TEST(Anonymize, PixelatesInFewConstantBlocks) {
  const Frame frame = NoisyFrame(320, 240);
  for (const char* strength : {"0", "0.5", "1"}) {
    const Frame out =
        Applied(std::string("anonymize:mode=pixelate,strength=") + strength,
                frame, {FaceAt({160, 120}, 128)});
    for (const ImageView& plane :
         {out.pixels.view().LumaPlane(), out.pixels.view().UPlane(),
          out.pixels.view().VPlane()}) {
      const int scale = 320 / plane.width;
      // The face's middle row, and the columns of it that begin a block.
      const int y = 120 / scale;
      int blocks = 1;
      for (int x = 112 / scale + 1; x < 208 / scale; ++x) {
        blocks += *plane.Pixel(x, y) != *plane.Pixel(x - 1, y);
      }
      EXPECT_LE(blocks, 8);
      EXPECT_GE(blocks, 2);
    }
  }
}

TEST(Anonymize, FillsWithOneColour) {
  const Frame frame = NoisyFrame(320, 240);
  const Frame out =
      Applied("anonymize:mode=fill", frame, {FaceAt({160, 120}, 100)});
  std::set<int> values;
  for (int y = 72; y < 168; ++y) {
    for (int x = 124; x < 196; ++x) {
      values.insert(*out.pixels.view().LumaPlane().Pixel(x, y));
    }
  }
  EXPECT_EQ(values.size(), 1u);
}

TEST(Anonymize, CoversATurnedHeadToItsCorners) {
  const Frame frame = NoisyFrame(400, 400);
  TrackedFace face = FaceAt({200, 200}, 120);
  // By 45 degrees; the box is left where an upright face would have it.
  for (Point3F& point : face.face.mesh) {
    const float x = point.x - 200, y = point.y - 200;
    point = {200 + .7071f * (x - y), 200 + .7071f * (x + y), 0};
  }
  const Frame out = Applied("anonymize:mode=fill", frame, {face});
  const ImageView luma = out.pixels.view().LumaPlane();
  const int filled = *luma.Pixel(200, 200);
  for (const Point3F& point : face.face.mesh) {
    ASSERT_EQ(*luma.Pixel(static_cast<int>(point.x), static_cast<int>(point.y)),
              filled);
  }
}

TEST(Anonymize, CoversWhomItShould) {
  struct Case {
    const char* options;
    const char* name;
    bool decided;
    bool covered;
  };
  const Case cases[] = {
      {"", "", false, true},
      {"", "", true, true},
      {"", "Ann", true, true},
      {",who=unknown", "", false, true},
      {",who=unknown", "", true, true},
      {",who=unknown", "Ann", true, false},
      {",who=unknown", "Ann", false, true},
      {",except=Ann", "", false, true},
      {",except=Ann", "", true, true},
      {",except=Ann", "Ann", true, false},
      {",except=Ann", "Ann", false, true},
      {",except=Ann", "ann", true, true},
      {",except=Ann", "Ann B", true, true},
      {",except=Ann+Bo Li", "Bo Li", true, false},
      {",except=+Ann++", "Ann", true, false},
      {",except=+Ann++", "", true, true},
      {",except=Ann+Bo", "Ann+Bo", true, true},
      {",only=Ann", "Ann", true, true},
      {",only=Ann", "Bo", true, false},
      {",only=Ann", "", true, false},
      {",only=Ann", "", false, true},
      {",only=Ann", "Bo", false, true},
      {",who=unknown,only=Ann", "Ann", true, true},
      {",who=unknown,only=Ann", "", true, true},
      {",who=unknown,only=Ann", "Bo", true, false},
      {",only=Ann,except=Ann", "Ann", true, false},
  };
  const Frame frame = NoisyFrame(160, 120);
  for (const Case& one : cases) {
    TrackedFace face = FaceAt({80, 60}, 60);
    face.name = one.name;
    face.decided = one.decided;
    const Frame out = Applied(std::string("anonymize:mode=fill") + one.options,
                              frame, {face});
    EXPECT_EQ(!SamePixels(out.pixels, frame.pixels), one.covered)
        << one.options << " name=" << one.name << " decided=" << one.decided;
  }
}

TEST(Anonymize, AsksForNamesOnlyWhereTheyMatter) {
  EffectRegistry registry;
  registry.Add(AnonymizeKind());
  const auto need = [&](std::string_view text) {
    return registry.Parse(text).value().need();
  };
  EXPECT_EQ(need("anonymize"), EffectNeed::kFaces);
  EXPECT_EQ(need("anonymize:who=unknown"), EffectNeed::kNames);
  EXPECT_EQ(need("anonymize:except=Ann"), EffectNeed::kNames);
  EXPECT_EQ(need("anonymize:only=Ann"), EffectNeed::kNames);
}

}  // namespace
}  // namespace ocelli
