#include "recognize/face_picture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "media/still_image.h"

namespace ocelli {
namespace {

// Red grows with x, green with y, and blue is 255 inside of `marked`.
Image Ramp(int width, int height, const RectF& marked = {}) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto px = static_cast<float>(x), py = static_cast<float>(y);
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(255 * x / width);
      pixel[1] = static_cast<std::uint8_t>(255 * y / height);
      pixel[2] = px >= marked.x && px < marked.x + marked.width &&
                         py >= marked.y && py < marked.y + marked.height
                     ? 255
                     : 0;
    }
  }
  return image;
}

Image MustMake(ImageView image, const RectF& box) {
  const auto picture = MakeFacePicture(image, box);
  EXPECT_TRUE(picture) << picture.error().message;
  EXPECT_LE(picture->size(), kMaxFacePictureBytes);
  EXPECT_TRUE(CheckFacePicture(*picture));
  return DecodeImage(*picture).value();
}

TEST(FacePicture, HasTheFaceInItsMiddleWithAMargin) {
  const RectF box{300, 200, 200, 240};
  const Image picture = MustMake(Ramp(1000, 800, box), box);
  EXPECT_EQ(picture.width(), kMaxFacePictureSide);
  EXPECT_EQ(picture.height(), kMaxFacePictureSide);
  EXPECT_GT(picture.view().Pixel(80, 80)[2], 200);
  EXPECT_LT(picture.view().Pixel(8, 80)[2], 60);
  EXPECT_LT(picture.view().Pixel(80, 8)[2], 60);
  // (400, 320) of the ramp.
  EXPECT_NEAR(picture.view().Pixel(80, 80)[0], 255 * 400 / 1000, 6);
  EXPECT_NEAR(picture.view().Pixel(80, 80)[1], 255 * 320 / 800, 6);
}

TEST(FacePicture, ASmallFaceIsNotMadeLarger) {
  const Image picture = MustMake(Ramp(640, 480), {100, 100, 20, 24});
  EXPECT_EQ(picture.width(), 36);
  EXPECT_EQ(picture.height(), 36);
}

TEST(FacePicture, StaysInsideOfThePicture) {
  for (const RectF& box :
       {RectF{-30, -40, 100, 100}, RectF{580, 420, 90, 90},
        RectF{0, 0, 640, 480}, RectF{-500, -500, 1500, 1500}}) {
    const Image picture = MustMake(Ramp(640, 480), box);
    EXPECT_EQ(picture.width(), picture.height());
  }
  EXPECT_EQ(MustMake(Ramp(1, 1), {0, 0, 1, 1}).width(), 1);
  EXPECT_EQ(MustMake(Ramp(4000, 3), {10, 0, 3, 3}).width(), 3);
}

TEST(FacePicture, OfNoiseIsSmallEnoughToo) {
  Image image(160, 160, PixelFormat::kRgb8);
  std::uint32_t state = 1;
  for (int y = 0; y < 160; ++y) {
    for (int i = 0; i < 3 * 160; ++i) {
      state = state * 1664525u + 1013904223u;
      image.view().Row(y)[i] = static_cast<std::uint8_t>(state >> 24);
    }
  }
  MustMake(image, {0, 0, 160, 160});
}

TEST(FacePicture, WhatIsNotInThePictureHasNone) {
  const Image image = Ramp(640, 480);
  for (const RectF& box :
       {RectF{700, 100, 50, 50}, RectF{-100, 0, 50, 50}, RectF{10, 10, 0, 50},
        RectF{NAN, 10, 50, 50}, RectF{10, 10, NAN, 50},
        RectF{10, 10, INFINITY, 50}}) {
    EXPECT_EQ(MakeFacePicture(image, box).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(MakeFacePicture({}, {0, 0, 1, 1}));
}

}  // namespace
}  // namespace ocelli
