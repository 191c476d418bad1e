#include "effects/overlay.h"

#include <gmock/gmock.h>

#include <cstring>
#include <limits>

#include "effects/lettering.h"

namespace ocelli {
namespace {

Image Grey(int width, int height, PixelFormat format = PixelFormat::kRgb8) {
  Image image(width, height, format);
  std::memset(image.view().data, 128, image.size_bytes());
  return image;
}

struct Bounds {
  int left = std::numeric_limits<int>::max();
  int top = std::numeric_limits<int>::max();
  int right = -1;  // The last column and row that changed.
  int bottom = -1;
  int count = 0;
};

Bounds Changed(const Image& image) {
  Bounds bounds;
  const ImageView view = image.view();
  const auto channels = static_cast<std::size_t>(Channels(view.format));
  const std::uint8_t untouched[] = {128, 128, 128};
  for (int y = 0; y < view.height; ++y) {
    for (int x = 0; x < view.width; ++x) {
      if (std::memcmp(view.Pixel(x, y), untouched, channels) == 0) continue;
      bounds.left = std::min(bounds.left, x);
      bounds.top = std::min(bounds.top, y);
      bounds.right = std::max(bounds.right, x);
      bounds.bottom = std::max(bounds.bottom, y);
      ++bounds.count;
    }
  }
  return bounds;
}

OverlayFace FaceAt(const RectF& box, std::string label = {}) {
  OverlayFace face;
  face.box = box;
  face.label = std::move(label);
  face.known = !face.label.empty();
  return face;
}

TEST(DrawOverlay, ABoxChangesOnlyPixelsNearItsEdge) {
  Image image = Grey(400, 300);
  DrawOverlay(image.view(), {{FaceAt({100, 80, 120, 100})}});
  const Bounds bounds = Changed(image);
  constexpr int kReach = 8;
  EXPECT_NEAR(bounds.left, 100, kReach);
  EXPECT_NEAR(bounds.top, 80, kReach);
  EXPECT_NEAR(bounds.right, 220, kReach);
  EXPECT_NEAR(bounds.bottom, 180, kReach);
  for (int y = 100; y < 160; ++y) {
    for (int x = 120; x < 200; ++x) {
      ASSERT_EQ(*image.view().Pixel(x, y), 128) << x << "," << y;
    }
  }
}

TEST(DrawOverlay, ANameIsDrawnNearItsBox) {
  Image without = Grey(400, 300);
  DrawOverlay(without.view(), {{FaceAt({100, 80, 120, 100})}});
  Image with = Grey(400, 300);
  DrawOverlay(with.view(), {{FaceAt({100, 80, 120, 100}, "Zo\xc3\xab")}});
  const Bounds bounds = Changed(with);
  EXPECT_GT(bounds.count, Changed(without).count);
  EXPECT_GT(bounds.bottom, 195);
  EXPECT_LT(bounds.bottom, 240);
}

TEST(DrawOverlay, MeshPointsAreDots) {
  Image image = Grey(200, 200);
  OverlayFace face = FaceAt({20, 20, 160, 160});
  face.mesh = {{100, 100, 0}};
  DrawOverlay(image.view(), {&face, 1});
  EXPECT_GT(*image.view().Pixel(100, 100), 128);
  EXPECT_EQ(*image.view().Pixel(110, 100), 128);
}

TEST(DrawOverlay, GreyPicturesAndCropsAreDrawnOn) {
  Image image = Grey(300, 200, PixelFormat::kGrey8);
  DrawOverlay(image.view().Crop(100, 50, 150, 120),
              {{FaceAt({20, 20, 60, 60}, "Ada")}});
  const Bounds bounds = Changed(image);
  EXPECT_GT(bounds.count, 0);
  EXPECT_GE(bounds.left, 100);
  EXPECT_GE(bounds.top, 50);
  EXPECT_LT(bounds.right, 250);
  EXPECT_LT(bounds.bottom, 170);
}

TEST(DrawOverlay, TakesAnyNumbers) {
  const float numbers[] = {0,
                           -1,
                           50,
                           -1e4f,
                           1e6f,
                           1e20f,
                           std::numeric_limits<float>::max(),
                           std::numeric_limits<float>::lowest(),
                           std::numeric_limits<float>::denorm_min(),
                           std::numeric_limits<float>::infinity(),
                           -std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN()};
  for (const int size : {1, 40}) {
    Image image = Grey(size, size);
    for (const float a : numbers) {
      for (const float b : numbers) {
        std::vector<OverlayFace> faces = {
            FaceAt({a, 10, b, 20}, "name"), FaceAt({10, a, 20, b}, "name"),
            FaceAt({a, a, b, b}, "name"), FaceAt({a, b, b, a}, "name")};
        faces.front().mesh = {{a, b, 0}, {b, a, 0}};
        DrawOverlay(image.view(), faces);
      }
    }
  }
  Image empty;
  DrawOverlay(empty.view(), {{FaceAt({0, 0, 10, 10}, "name")}});
}

TEST(DrawOverlay, WhatLiesOutsideChangesNothing) {
  Image image = Grey(100, 100);
  DrawOverlay(image.view(), {{FaceAt({500, 500, 80, 80}, "far"),
                              FaceAt({-500, 20, 80, 80}, "far")}});
  EXPECT_EQ(Changed(image).count, 0);
}

TEST(DrawOverlay, TakesAnyText) {
  Image image = Grey(300, 200);
  for (const std::string& text :
       {std::string("\xff\xfe\xc3"), std::string("a\0b\n\t", 5),
        std::string(100'000, 'w'), std::string("\xed\xa0\x80"),
        std::string("\xf0\x9f\x98\x80 \xe6\x97\xa5")}) {
    OverlayFace face = FaceAt({50, 50, 80, 80}, text);
    face.detail = text;
    DrawOverlay(image.view(), {&face, 1});
  }
}

TEST(Lettering, ALineKeepsToItsWidth) {
  const Lettering* lettering = Lettering::Installed();
  ASSERT_NE(lettering, nullptr) << "no font: run ./dev test";
  const LetteredLine narrow = lettering->Render("Wilhelmina", 20, 60);
  EXPECT_LE(narrow.mask.width(), 62);
  const LetteredLine wide = lettering->Render("Wilhelmina", 20, 1000);
  EXPECT_GT(wide.mask.width(), 80);
  EXPECT_NEAR(wide.cap_height, 15, 2);
  EXPECT_GT(wide.baseline, wide.cap_height);
}

TEST(DecodeUtf8, ReplacesEachByteThatIsPartOfNoCharacter) {
  EXPECT_EQ(DecodeUtf8("a\xc3\xab\xe6\x97\xa5\xf0\x9f\x98\x80", 10),
            U"a\u00eb\u65e5\U0001f600");
  EXPECT_EQ(DecodeUtf8("\x80x\xc3", 10), U"\ufffdx\ufffd");
  EXPECT_EQ(DecodeUtf8("\xc0\xaf", 10), U"\ufffd\ufffd");            // Long.
  EXPECT_EQ(DecodeUtf8("\xed\xa0\x80", 10), U"\ufffd\ufffd\ufffd");  // Half.
  EXPECT_EQ(DecodeUtf8("\xf4\x90\x80\x80", 9).size(), 4u);  // Beyond the last.
  EXPECT_EQ(DecodeUtf8("abcdef", 3), U"abc");
}

}  // namespace
}  // namespace ocelli
