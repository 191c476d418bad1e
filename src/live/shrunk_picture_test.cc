#include "live/shrunk_picture.h"

#include <gtest/gtest.h>

#include <cstring>

#include "media/test_pictures.h"

namespace ocelli {
namespace {

TEST(ShrunkPicture, ShowsTheSame) {
  const YuvImage picture = ToYuv(test::Quarters(645, 483, "RGBY"), {});
  for (const int side : {644, 320, 101, 40}) {
    const YuvImage smaller = Within(picture, side);
    EXPECT_EQ(smaller.width(), side);
    EXPECT_EQ(smaller.color(), picture.color());
    EXPECT_EQ(test::CornersOf(ToRgb(smaller)), "RGBY") << side;
  }
}

TEST(ShrunkPicture, EveryPixelCountsAsMuchAsItShows) {
  // Lines of one pixel, black and white, become grey and stay even.
  YuvImage picture(300, 200, {YuvColor::Matrix::kBt601, true});
  const MutableYuvView view = picture.MutableView();
  for (int y = 0; y < 200; ++y) {
    for (int x = 0; x < 300; ++x) {
      view.y[y * view.y_stride + x] = (x + y) % 2 ? 255 : 0;
    }
  }
  std::memset(view.u, 128, static_cast<std::size_t>(view.uv_stride) * 100);
  std::memset(view.v, 128, static_cast<std::size_t>(view.uv_stride) * 100);
  for (const int side : {150, 100, 30}) {
    const YuvImage smaller = Within(picture, side);
    for (int x = 0; x < side; ++x) {
      EXPECT_NEAR(smaller.view().y[x], 127.5, 15) << side << " " << x;
    }
    EXPECT_EQ(smaller.view().u[0], 128);
  }
}

TEST(ShrunkPicture, WhatFitsStaysAsItIs) {
  const YuvImage picture = ToYuv(test::Quarters(64, 48, "RGBY"), {});
  for (const int side : {0, 64, 1000}) {
    EXPECT_EQ(Within(picture, side).view().y, picture.view().y);
  }
  EXPECT_TRUE(Within(YuvImage(), 10).empty());
}

TEST(ShrunkPicture, NoSideIsLost) {
  EXPECT_EQ(SizeWithin({1000, 3}, 10), (ImageSize{10, 1}));
  const YuvImage line = Within(ToYuv(test::Quarters(1000, 3, "RRRR"), {}), 10);
  EXPECT_EQ(line.height(), 1);
  EXPECT_TRUE(test::Near(test::PixelOf(ToRgb(line), 5, 0), {255, 0, 0}, 4));
}

}  // namespace
}  // namespace ocelli
