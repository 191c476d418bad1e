#include "core/yuv_image.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace ocelli {
namespace {

constexpr YuvColor kColors[] = {{YuvColor::Matrix::kBt601, false},
                                {YuvColor::Matrix::kBt601, true},
                                {YuvColor::Matrix::kBt709, false},
                                {YuvColor::Matrix::kBt709, true}};

Image Filled(int width, int height, std::uint8_t red, std::uint8_t green,
             std::uint8_t blue) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = red;
      pixel[1] = green;
      pixel[2] = blue;
    }
  }
  return image;
}

// Rounding in Y, U and V each costs up to two steps of a channel.
void ExpectNear(const Image& image, int red, int green, int blue) {
  const int wanted[] = {red, green, blue};
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      for (int i = 0; i < 3; ++i) {
        ASSERT_NEAR(image.view().Pixel(x, y)[i], wanted[i], 2)
            << x << "," << y << " channel " << i;
      }
    }
  }
}

TEST(YuvImage, ColoursComeBackFromEveryKindOfYuv) {
  for (const YuvColor color : kColors) {
    for (const int red : {0, 90, 255}) {
      for (const int blue : {0, 200, 255}) {
        const auto r = static_cast<std::uint8_t>(red);
        const auto b = static_cast<std::uint8_t>(blue);
        const YuvImage yuv = ToYuv(Filled(5, 3, r, 40, b), color);
        ExpectNear(ToRgb(yuv), red, 40, blue);
        ExpectNear(ShrinkToRgb(yuv, 1), red, 40, blue);
        ExpectNear(ShrinkToRgb(yuv, 2), red, 40, blue);
      }
    }
  }
}

TEST(YuvImage, KnownColoursOfBt709AreThoseOfTheRecommendation) {
  const YuvColor color{YuvColor::Matrix::kBt709, false};
  const YuvPixel white = ToYuv(255, 255, 255, color);
  EXPECT_EQ(white.y, 235);
  EXPECT_EQ(white.u, 128);
  EXPECT_EQ(white.v, 128);
  const YuvPixel red = ToYuv(255, 0, 0, color);
  EXPECT_EQ(red.y, 63);
  EXPECT_EQ(red.u, 102);
  EXPECT_EQ(red.v, 240);
}

TEST(YuvImage, OddSizesHaveAChromaSampleForEveryPixel) {
  for (const int width : {1, 2, 3, 64, 65}) {
    for (const int height : {1, 2, 5}) {
      const YuvImage yuv = ToYuv(Filled(width, height, 10, 200, 30), {});
      EXPECT_EQ(yuv.view().chroma_width(), (width + 1) / 2);
      const Image back = ToRgb(yuv);
      ASSERT_EQ(back.width(), width);
      ExpectNear(back, 10, 200, 30);
      const Image shrunk = ShrinkToRgb(yuv, 2);
      EXPECT_EQ(shrunk.width(), ((width + 1) / 2 + 1) / 2);
      ExpectNear(shrunk, 10, 200, 30);
    }
  }
}

TEST(YuvImage, ACopyKeepsItsPixelsWhenTheOtherIsWrittenTo) {
  YuvImage first = ToYuv(Filled(4, 4, 0, 0, 0), {});
  YuvImage second = first;
  EXPECT_EQ(first.view().y, second.view().y);
  second.MutableView().y[0] = 77;
  EXPECT_EQ(first.view().y[0], 16);
  EXPECT_EQ(second.view().y[0], 77);
}

TEST(YuvImage, PixelsOfItsOwnAreWrittenInPlace) {
  YuvImage image = ToYuv(Filled(4, 4, 0, 0, 0), {});
  const std::uint8_t* before = image.view().y;
  image.MutableView().y[0] = 1;
  EXPECT_EQ(image.view().y, before);
}

TEST(YuvImage, PixelsOfADecoderAreNeverWrittenTo) {
  const std::uint8_t planes[3][4] = {{1, 2, 3, 4}, {128}, {128}};
  YuvImage image({planes[0], planes[1], planes[2], 2, 2, 2, 1, {}},
                 std::make_shared<int>(0));
  image.MutableView().y[0] = 200;
  EXPECT_EQ(planes[0][0], 1);
  EXPECT_EQ(image.view().y[0], 200);
  EXPECT_EQ(image.view().y[1], 2);
}

YuvImage Noise(int width, int height, YuvColor color) {
  YuvImage image(width, height, color);
  const MutableYuvView view = image.MutableView();
  unsigned state = 1;
  for (const MutableImageView& plane :
       {view.LumaPlane(), view.UPlane(), view.VPlane()}) {
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) {
        state = state * 1664525 + 1013904223;
        *plane.Pixel(x, y) = static_cast<std::uint8_t>(state >> 24);
      }
    }
  }
  return image;
}

TEST(YuvImage, ACropHasThePixelsOfTheWhole) {
  const YuvImage yuv = Noise(101, 67, kColors[2]);
  const Image whole = ToRgb(yuv);
  for (const auto& [left, top] : {std::pair{0, 0}, {1, 0}, {4, 1}, {7, 6}}) {
    const Image crop = ToRgb(yuv, left, top, 83, 58);
    for (int y = 0; y < crop.height(); ++y) {
      ASSERT_EQ(std::memcmp(crop.view().Row(y),
                            whole.view().Pixel(left, top + y), 3 * 83),
                0)
          << left << "," << top << " row " << y;
    }
  }
}

TEST(YuvImage, ShrinkingTakesTheMeanOfEachBlock) {
  // Of full range and without colour, luma is red, green and blue.
  YuvImage yuv = Noise(140, 132, kColors[1]);
  const MutableYuvView view = yuv.MutableView();
  for (const MutableImageView& plane : {view.UPlane(), view.VPlane()}) {
    for (int y = 0; y < plane.height; ++y) {
      std::memset(plane.Row(y), 128, static_cast<std::size_t>(plane.width));
    }
  }
  for (const int half : {1, 2, 3, 64}) {
    const Image shrunk = ShrinkToRgb(yuv, half);
    for (int y = 0; y < shrunk.height(); ++y) {
      for (int x = 0; x < shrunk.width(); ++x) {
        const ImageView block = view.LumaPlane().Crop(
            2 * half * x, 2 * half * y, 2 * half, 2 * half);
        int sum = 0;
        for (int i = 0; i < block.width * block.height; ++i) {
          sum += *block.Pixel(i % block.width, i / block.width);
        }
        const int pixels = block.width * block.height;
        for (int channel = 0; channel < 3; ++channel) {
          ASSERT_EQ(shrunk.view().Pixel(x, y)[channel],
                    (sum + pixels / 2) / pixels)
              << half << ": " << x << "," << y;
        }
      }
    }
  }
}

TEST(YuvImage, ACropIsCutToThePicture) {
  const YuvImage yuv = ToYuv(Filled(10, 8, 1, 2, 3), {});
  const Image crop = ToRgb(yuv, -3, 5, 6, 100);
  EXPECT_EQ(crop.width(), 3);
  EXPECT_EQ(crop.height(), 3);
  EXPECT_TRUE(ToRgb(yuv, 20, 20, 4, 4).empty());
}

}  // namespace
}  // namespace ocelli
