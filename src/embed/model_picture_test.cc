#include "embed/model_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ocelli {
namespace {

using testing::ElementsAre;

ModelCard::Input Wants(int width, int height) {
  ModelCard::Input input;
  input.layout = "NHWC";
  input.order = "RGB";
  input.width = width;
  input.height = height;
  return input;
}

// Every column has a red of its own: 10 * x.
Image Stripes(int width, int height) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(10 * x);
      pixel[1] = 1;
      pixel[2] = 2;
    }
  }
  return image;
}

TEST(FitPicture, StretchesTheWholePicture) {
  const Image picture = FitPicture(Stripes(8, 2), Wants(4, 4)).value();
  EXPECT_EQ(picture.width(), 4);
  EXPECT_EQ(picture.height(), 4);
  EXPECT_LT(picture.view().Pixel(0, 0)[0], 15);
  EXPECT_GT(picture.view().Pixel(3, 0)[0], 55);
}

TEST(FitPicture, CropsTheMiddleOfTheLongSide) {
  ModelCard::Input input = Wants(2, 2);
  input.fit = "crop";
  input.short_side = 2;
  const Image wide = FitPicture(Stripes(9, 2), input).value();
  // (9 - 2) / 2 columns are left out on the left.
  EXPECT_EQ(wide.view().Pixel(0, 0)[0], 30);
  EXPECT_EQ(wide.view().Pixel(1, 0)[0], 40);
  const Image tall = FitPicture(Stripes(2, 9), input).value();
  EXPECT_EQ(tall.width(), 2);
  EXPECT_EQ(tall.height(), 2);
}

TEST(FitPicture, CropsHalfOfTheLongSideAndStretchesTheRest) {
  ModelCard::Input input = Wants(6, 2);
  input.fit = "half-crop";
  // 10 columns become 2 + (10 - 2) / 2, two left out on each side.
  const Image wide = FitPicture(Stripes(10, 2), input).value();
  EXPECT_EQ(wide.view().Pixel(0, 0)[0], 20);
  EXPECT_EQ(wide.view().Pixel(5, 0)[0], 70);
  const Image tall = FitPicture(Stripes(2, 200'000), input).value();
  EXPECT_EQ(tall.width(), 6);
}

TEST(FitPicture, ANarrowPictureIsRefusedBeforeItGetsHuge) {
  ModelCard::Input input = Wants(224, 224);
  input.fit = "crop";
  input.short_side = 256;
  const auto picture = FitPicture(Image(1, 200'000, PixelFormat::kRgb8), input);
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, ErrorCode::kInvalidArgument);
}

TEST(EncodePicture, WritesChannelsAsTheCardOrdersThem) {
  Image picture(2, 1, PixelFormat::kRgb8);
  std::ranges::copy(std::array<std::uint8_t, 6>{1, 2, 3, 4, 5, 6},
                    picture.view().data);
  ModelCard::Input input = Wants(2, 1);
  std::array<float, 6> floats;
  EncodePicture(picture, input, floats);
  EXPECT_THAT(floats, ElementsAre(1, 2, 3, 4, 5, 6));
  input.order = "BGR";
  EncodePicture(picture, input, floats);
  EXPECT_THAT(floats, ElementsAre(3, 2, 1, 6, 5, 4));
  input.layout = "NCHW";
  EncodePicture(picture, input, floats);
  EXPECT_THAT(floats, ElementsAre(3, 6, 2, 5, 1, 4));
  std::array<std::uint8_t, 6> bytes;
  EncodePicture(picture, input, bytes);
  EXPECT_THAT(bytes, ElementsAre(3, 6, 2, 5, 1, 4));
}

TEST(EncodePicture, MeanAndScaleBelongToTheirColourInAnyOrder) {
  Image picture(1, 1, PixelFormat::kRgb8);
  std::ranges::copy(std::array<std::uint8_t, 3>{10, 20, 30},
                    picture.view().data);
  ModelCard::Input input = Wants(1, 1);
  input.mean = {8, 16, 24};
  input.scale = {1, .5f, 2};
  input.order = "BGR";
  std::array<float, 3> floats;
  EncodePicture(picture, input, floats);
  EXPECT_THAT(floats, ElementsAre(12, 2, 2));
}

}  // namespace
}  // namespace ocelli
