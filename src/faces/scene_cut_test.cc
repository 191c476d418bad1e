#include "faces/scene_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ocelli {
namespace {

// Blobs whose places depend on `seed`, moved to the right.
Image Scene(int seed, int shift = 0, float gain = 1, int width = 640,
            int height = 360) {
  Image image(width, height, PixelFormat::kGrey8);
  const float phase = static_cast<float>(seed);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const float u = static_cast<float>(x - shift) / 60.f;
      const float v = static_cast<float>(y) / 50.f;
      const float value =
          110 + 60 * std::sin(u * (1 + .3f * phase) + phase * 2) *
                    std::cos(v * (1.5f - .2f * phase) + phase);
      image.view().Row(y)[x] =
          static_cast<std::uint8_t>(std::clamp(gain * value, 0.f, 255.f));
    }
  }
  return image;
}

Image Plain(std::uint8_t value) {
  Image image(640, 360, PixelFormat::kGrey8);
  std::fill_n(image.view().data, image.size_bytes(), value);
  return image;
}

TEST(SceneCut, IsWhereAnotherSceneBegins) {
  SceneCut cut;
  EXPECT_FALSE(cut.IsCut(Scene(1)));
  EXPECT_FALSE(cut.IsCut(Scene(1)));
  EXPECT_TRUE(cut.IsCut(Scene(2)));
  EXPECT_FALSE(cut.IsCut(Scene(2)));
  EXPECT_TRUE(cut.IsCut(Scene(1)));
}

TEST(SceneCut, IsNoPanAndNoOtherLight) {
  SceneCut cut;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(cut.IsCut(Scene(1, 12 * i))) << i;
  EXPECT_FALSE(cut.IsCut(Scene(1, 240, 1.4f)));
  EXPECT_FALSE(cut.IsCut(Scene(1, 240, .6f)));
}

TEST(SceneCut, IsWhereTheScreenGoesBlackAndComesBack) {
  SceneCut cut;
  cut.IsCut(Scene(1));
  EXPECT_TRUE(cut.IsCut(Plain(16)));
  EXPECT_FALSE(cut.IsCut(Plain(16)));
  EXPECT_TRUE(cut.IsCut(Scene(1)));
}

TEST(SceneCut, TakesPicturesOfAnySize) {
  SceneCut cut;
  EXPECT_FALSE(cut.IsCut({}));
  EXPECT_FALSE(cut.IsCut(Scene(1, 0, 1, 1, 1)));
  EXPECT_FALSE(cut.IsCut(Scene(1, 0, 1, 1, 1)));
  cut.IsCut(Scene(1, 0, 1, 7, 300));
}

}  // namespace
}  // namespace ocelli
