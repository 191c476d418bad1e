// What every effect owes, whatever it does.

#include <gmock/gmock.h>

#include <limits>

#include "effects/effect.h"
#include "effects/test_faces.h"
#include "effects/test_frames.h"

namespace ocelli {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

EffectRegistry Builtin() {
  EffectRegistry registry;
  AddBuiltinEffects(registry);
  return registry;
}

// A small picture in place of every file.
EffectContext AnyPicture() {
  return {[](const std::string&) -> Result<PictureWithAlpha> {
    PictureWithAlpha picture{Image(4, 4, PixelFormat::kRgb8),
                             Image(4, 4, PixelFormat::kGrey8)};
    std::fill_n(picture.color.view().data, picture.color.size_bytes(),
                std::uint8_t{200});
    std::fill_n(picture.alpha.view().data, picture.alpha.size_bytes(),
                std::uint8_t{255});
    return picture;
  }};
}

std::vector<TrackedFace> HostileFaces(float width, float height) {
  std::vector<TrackedFace> faces;
  TrackedFace nan = FaceAt({width / 2, height / 2}, height);
  for (Point3F& point : nan.face.mesh) point = {kNaN, kNaN, kNaN};
  nan.face.box = {kNaN, kNaN, kNaN, kNaN};
  nan.face.keypoints.fill({kNaN, kNaN});
  faces.push_back(nan);
  TrackedFace infinite = FaceAt({width / 2, height / 2}, height);
  for (std::size_t i = 0; i < infinite.face.mesh.size(); i += 7) {
    infinite.face.mesh[i].x = i % 2 == 0 ? kInfinity : -kInfinity;
  }
  infinite.face.box.width = kInfinity;
  faces.push_back(infinite);
  for (const float size : {0.f, -50.f, 1e-3f, 1.f, 1e4f, 9e5f, 1e20f}) {
    faces.push_back(FaceAt({width / 2, height / 2}, size));
    faces.push_back(FaceAt({0, height}, size));
  }
  for (const float far : {-1e9f, -3e4f, 3e4f, 1e9f, 3e38f}) {
    faces.push_back(FaceAt({far, height / 2}, height));
    faces.push_back(FaceAt({width / 2, far}, height));
  }
  TrackedFace meshless = FaceAt({width / 2, height / 2}, height);
  meshless.face.mesh.clear();
  faces.push_back(meshless);
  TrackedFace short_mesh = FaceAt({width / 2, height / 2}, height);
  short_mesh.face.mesh.resize(5);
  faces.push_back(short_mesh);
  TrackedFace half = FaceAt({width / 2, height / 2}, height);
  half.face.mesh[61].x = kNaN;
  half.face.mesh[33].y = kInfinity;
  faces.push_back(half);
  return faces;
}

TEST(EveryEffect, CanBeMadeWithoutParametersOrSaysWhy) {
  const EffectRegistry registry = Builtin();
  EXPECT_FALSE(registry.kinds().empty());
  for (const EffectKind& kind : registry.kinds()) {
    EXPECT_FALSE(kind.help.empty()) << kind.name;
    const auto chosen = registry.Parse(kind.name);
    ASSERT_TRUE(chosen) << chosen.error().message;
    chosen->need();
    const auto effect = chosen->Make(AnyPicture());
    if (!effect) {
      EXPECT_EQ(effect.error().code, ErrorCode::kInvalidArgument) << kind.name;
      EXPECT_THAT(effect.error().message, testing::HasSubstr(kind.name));
    }
  }
}

TEST(EveryEffect, TakesAnyFacesInAnyFrame) {
  const EffectRegistry registry = Builtin();
  const FrameSize sizes[] = {{1, 1}, {1, 9},   {9, 1},
                             {2, 2}, {63, 47}, {160, 90}};
  for (const EffectKind& kind : registry.kinds()) {
    const auto chosen = registry.Parse(kind.name);
    ASSERT_TRUE(chosen);
    for (const FrameSize size : sizes) {
      const auto hostile = HostileFaces(static_cast<float>(size.width),
                                        static_cast<float>(size.height));
      const auto effect = chosen->Make(AnyPicture());
      if (!effect) continue;
      const auto apply = [&](std::vector<TrackedFace> faces) {
        Frame frame = NoiseFrame(size.width, size.height);
        ASSERT_TRUE((*effect)->Apply(frame, faces)) << kind.name;
        const FrameSize out = chosen->OutputSize(size);
        EXPECT_EQ(frame.pixels.width(), out.width) << kind.name;
        EXPECT_EQ(frame.pixels.height(), out.height) << kind.name;
      };
      for (const TrackedFace& face : hostile) apply({face});
      apply(hostile);
      apply({});
    }
  }
}

TEST(EveryEffect, LeavesCopiesOfTheFrameAlone) {
  const EffectRegistry registry = Builtin();
  for (const EffectKind& kind : registry.kinds()) {
    const auto effect = registry.Parse(kind.name)->Make(AnyPicture());
    if (!effect) continue;
    const Frame kept = NoiseFrame(320, 240);
    Frame frame = kept;
    std::vector<TrackedFace> faces;
    for (int i = 0; i < 20; ++i) {
      faces.push_back(FaceAt({static_cast<float>(30 + i % 5 * 60),
                              static_cast<float>(30 + i / 5 * 60)},
                             56));
      faces.back().track = i;
    }
    ASSERT_TRUE((*effect)->Apply(frame, faces)) << kind.name;
    EXPECT_TRUE(SamePixels(kept.pixels, NoiseFrame(320, 240).pixels))
        << kind.name;
  }
}

}  // namespace
}  // namespace ocelli
