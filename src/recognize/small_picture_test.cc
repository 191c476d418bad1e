#include "recognize/small_picture.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ocelli {
namespace {

Image Grey(int width, int height) {
  Image image(width, height, PixelFormat::kRgb8);
  std::memset(image.view().data, 128, image.size_bytes());
  return image;
}

ImageSize SizeOf(const Result<std::vector<std::byte>>& jpeg) {
  return jpeg ? ReadJpegSize(*jpeg).value_or(ImageSize()) : ImageSize();
}

TEST(SmallPictureTest, ShrinksInProportionAndNeverEnlarges) {
  const Image wide = ShrinkTo(Grey(1000, 400), 100);
  EXPECT_EQ(wide.width(), 100);
  EXPECT_EQ(wide.height(), 40);
  EXPECT_EQ(ShrinkTo(Grey(1, 5000), 100).width(), 1);
  EXPECT_EQ(ShrinkTo(Grey(30, 20), 100).width(), 30);
  EXPECT_EQ(SizeOf(SmallJpeg(Grey(400, 1000), 100)), (ImageSize{40, 100}));
}

TEST(SmallPictureTest, WhatIsWrongWithAPictureIsTheSendersMistake) {
  auto png = EncodePng(Grey(100, 100)).value();
  EXPECT_TRUE(DecodeSentImage(png, {}));
  EXPECT_EQ(DecodeSentImage(png, {.max_pixels = 99}).error().code,
            ErrorCode::kInvalidArgument);
  png.resize(60);
  EXPECT_EQ(DecodeSentImage(png, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(DecodeSentImage({}, {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
