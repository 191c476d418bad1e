#include "core/image.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace ocelli {
namespace {

constexpr int kMax = std::numeric_limits<int>::max();
constexpr int kMin = std::numeric_limits<int>::min();

// Every byte tells where it is.
Image Numbered(int width, int height, PixelFormat format) {
  Image image(width, height, format);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < Channels(format); ++c) {
        image.view().Pixel(x, y)[c] =
            static_cast<std::uint8_t>(100 * c + 10 * y + x);
      }
    }
  }
  return image;
}

TEST(ImageTest, IsPacked) {
  const Image rgb(5, 3, PixelFormat::kRgb8);
  EXPECT_EQ(rgb.size_bytes(), 45u);
  EXPECT_EQ(rgb.view().stride, 15);
  const Image grey(5, 3, PixelFormat::kGrey8);
  EXPECT_EQ(grey.size_bytes(), 15u);
  EXPECT_EQ(grey.view().stride, 5);
}

TEST(ImageTest, HoldsMoreThanFourGigabytesInItsSize) {
  ImageView view{nullptr, 40'000, 40'000, 120'000, PixelFormat::kRgb8};
  // Row arithmetic in 64 bits: the last row starts 4.8 GB in.
  EXPECT_EQ(view.Row(39'999) - view.data, std::ptrdiff_t{39'999} * 120'000);
}

TEST(ImageTest, EmptyInEitherDirectionIsEmpty) {
  EXPECT_TRUE(Image().empty());
  EXPECT_TRUE(Image(0, 4, PixelFormat::kRgb8).empty());
  EXPECT_TRUE(Image(4, 0, PixelFormat::kRgb8).view().empty());
  EXPECT_FALSE(Image(1, 1, PixelFormat::kGrey8).empty());
}

TEST(ImageTest, CropIsAViewOfTheSamePixels) {
  Image image = Numbered(8, 6, PixelFormat::kRgb8);
  const MutableImageView crop = image.view().Crop(2, 1, 3, 4);
  EXPECT_EQ(crop.width, 3);
  EXPECT_EQ(crop.height, 4);
  EXPECT_EQ(crop.stride, image.view().stride);
  EXPECT_EQ(crop.Pixel(1, 2)[2], 200 + 30 + 3);
  crop.Pixel(0, 0)[0] = 255;
  EXPECT_EQ(std::as_const(image).view().Pixel(2, 1)[0], 255);
}

TEST(ImageTest, ACropOfACropKeepsItsPlace) {
  const Image image = Numbered(8, 6, PixelFormat::kGrey8);
  const ImageView crop = image.view().Crop(2, 1, 5, 4).Crop(1, 2, 2, 2);
  EXPECT_EQ(crop.Pixel(0, 0), image.view().Pixel(3, 3));
}

struct CropCase {
  int x, y, width, height;
  int want_width, want_height;
};

TEST(ImageTest, CropStaysInside) {
  const Image image = Numbered(8, 6, PixelFormat::kGrey8);
  const CropCase cases[] = {
      {-2, -3, 5, 5, 3, 2},
      {6, 4, 10, 10, 2, 2},
      {8, 6, 1, 1, 0, 0},
      {-9, 0, 5, 5, 0, 5},
      {20, 20, 5, 5, 0, 0},
      {0, 0, -1, -1, 0, 0},
      {0, 0, kMax, kMax, 8, 6},
      {kMax, kMax, kMax, kMax, 0, 0},
      {kMin, kMin, kMax, kMax, 0, 0},
      {-5, -5, kMax, kMax, 8, 6},
  };
  for (const CropCase& c : cases) {
    const ImageView crop = image.view().Crop(c.x, c.y, c.width, c.height);
    EXPECT_EQ(crop.width, c.want_width) << c.x << " " << c.width;
    EXPECT_EQ(crop.height, c.want_height) << c.y << " " << c.height;
  }
}

TEST(ImageTest, CopiesAreApart) {
  const Image image = Numbered(4, 3, PixelFormat::kRgb8);
  Image clone = image.Clone();
  clone.view().Pixel(1, 1)[0] = 255;
  EXPECT_EQ(image.view().Pixel(1, 1)[0], 11);
  EXPECT_EQ(clone.view().Pixel(3, 2)[1], 100 + 20 + 3);
}

TEST(ImageTest, ACopyOfACropIsPacked) {
  const Image image = Numbered(8, 6, PixelFormat::kRgb8);
  const Image copy = CopyOf(image.view().Crop(5, 4, 2, 2));
  EXPECT_EQ(copy.view().stride, 6);
  EXPECT_EQ(copy.view().Pixel(1, 1)[0], 50 + 6);
  EXPECT_TRUE(CopyOf(image.view().Crop(9, 9, 2, 2)).empty());
}

TEST(ImageTest, MovesWithoutCopying) {
  Image image = Numbered(4, 3, PixelFormat::kRgb8);
  const std::uint8_t* pixels = image.view().data;
  const Image moved = std::move(image);
  EXPECT_EQ(moved.view().data, pixels);
}

}  // namespace
}  // namespace ocelli
