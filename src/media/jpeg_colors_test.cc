#include "media/jpeg_colors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::AsText;

struct Case {
  YuvColor color;
  int width;
  int height;
};

// Smooth, with colours that fit into RGB, in rows longer than they need be.
YuvImage Smooth(int width, int height, YuvColor color) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(128 + 120 * std::sin(x * .07));
      pixel[1] = static_cast<std::uint8_t>(128 + 120 * std::cos(y * .05));
      pixel[2] = static_cast<std::uint8_t>(128 + 90 * std::sin((x + y) * .06));
    }
  }
  return ToYuv(image, color);
}

struct Difference {
  double mean = 0;
  int most = 0;
};

Difference Compare(const Image& a, const Image& b) {
  Difference difference;
  if (a.width() != b.width() || a.height() != b.height()) return {255, 255};
  for (std::size_t i = 0; i < a.size_bytes(); ++i) {
    const int one = std::abs(a.view().data[i] - b.view().data[i]);
    difference.mean += one / static_cast<double>(a.size_bytes());
    difference.most = std::max(difference.most, one);
  }
  return difference;
}

class JpegOfPlanes : public testing::TestWithParam<Case> {};

TEST_P(JpegOfPlanes, ShowsTheFramesColours) {
  const auto [color, width, height] = GetParam();
  const YuvImage frame = Smooth(width, height, color);
  const auto jpeg = EncodeJpeg(frame.view(), 98);
  ASSERT_TRUE(jpeg) << jpeg.error().message;
  const auto decoded = DecodeImage(*jpeg);
  ASSERT_TRUE(decoded) << decoded.error().message;
  // The decoder smooths chroma, ToRgb() does not.
  const Difference difference = Compare(*decoded, ToRgb(frame));
  EXPECT_LT(difference.mean, 2);
  EXPECT_LE(difference.most, 20);
}

TEST_P(JpegOfPlanes, ConvertedPlanesAreRightToOneStep) {
  const auto [color, width, height] = GetParam();
  const YuvImage frame = Smooth(width, height, color);
  YuvImage converted((width + 1) / 2 * 2, (height + 1) / 2 * 2,
                     {YuvColor::Matrix::kBt601, true});
  ToJpegColors(frame, converted.MutableView());
  const YuvView to = converted;
  YuvView shown = to;
  shown.width = width;
  shown.height = height;
  EXPECT_LE(Compare(ToRgb(shown), ToRgb(frame)).most, 4);
  for (int y = 0; y < to.height; ++y) {
    EXPECT_EQ(to.y[y * to.y_stride + to.width - 1],
              to.y[y * to.y_stride + width - 1]);
  }
}

constexpr YuvColor kColors[] = {{YuvColor::Matrix::kBt601, false},
                                {YuvColor::Matrix::kBt601, true},
                                {YuvColor::Matrix::kBt709, false},
                                {YuvColor::Matrix::kBt709, true}};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const YuvColor color : kColors) {
    cases.push_back({color, 160, 96});
    cases.push_back({color, 97, 61});
  }
  cases.push_back({kColors[2], 1, 1});
  cases.push_back({kColors[1], 3, 200});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, JpegOfPlanes, testing::ValuesIn(Cases()),
                         [](const auto& one_of) {
                           const Case& one = one_of.param;
                           return std::string(one.color.matrix ==
                                                      YuvColor::Matrix::kBt601
                                                  ? "Bt601"
                                                  : "Bt709") +
                                  (one.color.full_range ? "Full" : "Limited") +
                                  std::to_string(one.width) + "x" +
                                  std::to_string(one.height);
                         });

TEST(JpegColors, EveryGreyStaysItself) {
  for (int grey = 0; grey < 256; ++grey) {
    const auto level = static_cast<std::uint8_t>(grey);
    const YuvColor color{YuvColor::Matrix::kBt709, false};
    const YuvPixel pixel = ToYuv(level, level, level, color);
    YuvImage one(2, 2, color);
    const MutableYuvView view = one.MutableView();
    for (int y = 0; y < 2; ++y) {
      std::memset(view.y + y * view.y_stride, pixel.y, 2);
    }
    *view.u = pixel.u;
    *view.v = pixel.v;
    YuvImage converted(2, 2, {YuvColor::Matrix::kBt601, true});
    ToJpegColors(one, converted.MutableView());
    EXPECT_NEAR(*converted.view().y, grey, 1);
    EXPECT_EQ(*converted.view().u, 128);
    EXPECT_EQ(*converted.view().v, 128);
  }
}

TEST(JpegColors, WhatLiesBeyondTheRangeIsClipped) {
  for (const int value : {0, 255}) {
    YuvImage one(2, 2, {YuvColor::Matrix::kBt709, false});
    const MutableYuvView view = one.MutableView();
    for (int y = 0; y < 2; ++y)
      std::memset(view.y + y * view.y_stride, value, 2);
    *view.u = *view.v = static_cast<std::uint8_t>(value);
    YuvImage converted(2, 2, {YuvColor::Matrix::kBt601, true});
    ToJpegColors(one, converted.MutableView());
    EXPECT_EQ(*converted.view().y, value);
    EXPECT_EQ(*converted.view().u, value);
    EXPECT_EQ(*converted.view().v, value);
  }
}

TEST(EncodeJpegOfPlanes, PicturesOfManySizesComeOneAfterTheOther) {
  // Larger and smaller than what the thread keeps, and back.
  for (const int side : {16, 400, 33, 1200, 16}) {
    const YuvImage frame = Smooth(side, side / 2, kColors[2]);
    const auto jpeg = EncodeJpeg(frame.view(), 100);
    ASSERT_TRUE(jpeg);
    const auto decoded = DecodeImage(*jpeg);
    ASSERT_TRUE(decoded);
    EXPECT_LT(Compare(*decoded, ToRgb(frame)).mean, 2) << side;
  }
}

TEST(EncodeJpegOfPlanes, WhatCanNotBeEncodedIsRefused) {
  const YuvImage one(1, 1, {});
  EXPECT_FALSE(EncodeJpeg(one.view(), 0));
  EXPECT_FALSE(EncodeJpeg(one.view(), 101));
  EXPECT_FALSE(EncodeJpeg(YuvView(), 90));
  EXPECT_FALSE(EncodeJpeg(YuvImage(70000, 1, {}).view(), 90));
}

TEST(ReadJpegSize, IsThatOfTheUprightPicture) {
  const std::string jpeg(AsText(EncodeJpeg(Smooth(48, 32, {}).view()).value()));
  EXPECT_EQ(ReadJpegSize(AsBytes(jpeg)).value(), (ImageSize{48, 32}));
  const std::string exif =
      std::string("Exif\0\0", 6) + test::ExifWithOrientation(6);
  const std::string turned = std::string(jpeg).insert(
      2, "\xff\xe1" +
             test::BigEndian(static_cast<std::uint32_t>(exif.size() + 2), 2) +
             exif);
  EXPECT_EQ(ReadJpegSize(AsBytes(turned)).value(), (ImageSize{32, 48}));
}

TEST(ReadJpegSize, TruncatedIsDataLossAtEveryLength) {
  const std::string jpeg(AsText(EncodeJpeg(Smooth(48, 32, {}).view()).value()));
  for (std::size_t length = 3; length < jpeg.size(); ++length) {
    const auto size = ReadJpegSize(AsBytes(jpeg.substr(0, length)));
    ASSERT_FALSE(size) << length;
    EXPECT_EQ(size.error().code, ErrorCode::kDataLoss);
  }
}

TEST(ReadJpegSize, OtherThingsAreRefused) {
  EXPECT_EQ(ReadJpegSize(AsBytes("no picture")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadJpegSize({}).error().code, ErrorCode::kInvalidArgument);
  const std::string jpeg(AsText(EncodeJpeg(Smooth(48, 32, {}).view()).value()));
  ImageLimits limits;
  limits.max_pixels = 100;
  EXPECT_EQ(ReadJpegSize(AsBytes(jpeg), limits).error().code,
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace ocelli
