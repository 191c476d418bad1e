#include "faces/sampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace ocelli {
namespace {

using testing::Each;
using testing::FloatEq;
using testing::FloatNear;

// Noise, so that a wrong neighbour shows.
Image Noise(int width, int height, PixelFormat format) {
  Image image(width, height, format);
  std::uint32_t state = 12345;
  for (int y = 0; y < height; ++y) {
    std::uint8_t* row = image.view().Row(y);
    for (int i = 0; i < width * Channels(format); ++i) {
      state = state * 1664525u + 1013904223u;
      row[i] = static_cast<std::uint8_t>(state >> 24);
    }
  }
  return image;
}

// The definition, in double and without tricks.
double NaiveSample(ImageView image, double x, double y, int channel,
                   Border border) {
  if (border == Border::kBlack &&
      (x < 0 || y < 0 || x > image.width || y > image.height)) {
    return 0;
  }
  const double u = x - .5, v = y - .5;
  const int left = static_cast<int>(std::floor(u));
  const int top = static_cast<int>(std::floor(v));
  const auto pixel = [&](int px, int py) {
    return static_cast<double>(image.Pixel(
        std::clamp(px, 0, image.width - 1),
        std::clamp(py, 0, image.height - 1))[channel % Channels(image.format)]);
  };
  const double right = u - left, lower = v - top;
  return (1 - lower) *
             ((1 - right) * pixel(left, top) + right * pixel(left + 1, top)) +
         lower * ((1 - right) * pixel(left, top + 1) +
                  right * pixel(left + 1, top + 1));
}

struct Case {
  PixelFormat format;
  Border border;
  PixelEncoding encoding;
};

class SampleTest : public testing::TestWithParam<Case> {};

TEST_P(SampleTest, EqualsTheDefinitionInDouble) {
  const auto& [format, border, encoding] = GetParam();
  const Image image = Noise(101, 67, format);
  constexpr int kWidth = 150, kHeight = 41;
  const double turn = .4;
  const Affine to_image{static_cast<float>(.9 * std::cos(turn)),
                        static_cast<float>(-1.7 * std::sin(turn)),
                        -8.25f,
                        static_cast<float>(.9 * std::sin(turn)),
                        static_cast<float>(1.7 * std::cos(turn)),
                        -5.5f};
  std::vector<float> out(3 * kWidth * kHeight);
  Sample(image, to_image, kWidth, kHeight, border, encoding, out);
  double worst = 0;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const PointF at = {static_cast<float>(x) + .5f,
                         static_cast<float>(y) + .5f};
      const double px =
          double{to_image.a} * at.x + double{to_image.b} * at.y + to_image.tx;
      const double py =
          double{to_image.c} * at.x + double{to_image.d} * at.y + to_image.ty;
      // On the very border rounding decides between black and not.
      if (std::min({std::abs(px), std::abs(py), std::abs(px - 101),
                    std::abs(py - 67)}) < 1e-4) {
        continue;
      }
      for (int channel = 0; channel < 3; ++channel) {
        const double value =
            (NaiveSample(image, px, py, channel, border) - encoding.mean) *
            encoding.scale;
        const int place = encoding.blue_first ? 2 - channel : channel;
        const int index = encoding.planar ? (place * kHeight + y) * kWidth + x
                                          : (y * kWidth + x) * 3 + place;
        worst = std::max(
            worst, std::abs(value - out[static_cast<std::size_t>(index)]));
      }
    }
  }
  EXPECT_LT(worst, 2e-2 * encoding.scale);
}

INSTANTIATE_TEST_SUITE_P(
    All, SampleTest,
    testing::Values(
        Case{PixelFormat::kRgb8, Border::kReplicate, {}},
        Case{PixelFormat::kRgb8, Border::kBlack, {}},
        Case{PixelFormat::kGrey8, Border::kReplicate, {}},
        Case{PixelFormat::kRgb8, Border::kReplicate, {.planar = true}},
        Case{PixelFormat::kRgb8,
             Border::kBlack,
             {.planar = true,
              .blue_first = true,
              .mean = 127.5f,
              .scale = 1 / 127.5f}},
        Case{PixelFormat::kGrey8,
             Border::kBlack,
             {.mean = 127.5f, .scale = 1 / 127.5f}}));

TEST(Sample, OfTheSameSizeCopiesPixels) {
  const Image image = Noise(70, 3, PixelFormat::kRgb8);
  std::vector<float> out(3 * 70 * 3);
  Sample(image, {}, 70, 3, Border::kBlack, {}, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_FLOAT_EQ(out[i], image.view().data[i]);
  }
}

TEST(Sample, ReadsNothingOutsideAViewOfOnePixel) {
  const Image image = Noise(1, 1, PixelFormat::kRgb8);
  std::vector<float> out(3 * 8 * 8);
  Sample(image, {100, 0, -400, 0, 100, -400}, 8, 8, Border::kReplicate,
         {.planar = true}, out);
  EXPECT_THAT(std::span(out).first(64),
              Each(FloatNear(image.view().data[0], 1e-3f)));
}

TEST(Sample, TakesCoordinatesThatAreNoNumbers) {
  const Image image = Noise(4, 4, PixelFormat::kRgb8);
  std::vector<float> out(3 * 4 * 4);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  Sample(image, {nan, 0, 0, 0, infinity, 0}, 4, 4, Border::kBlack, {}, out);
}

TEST(Shrink, AveragesCellsAndWhatIsLeftAtTheBorder) {
  const Image image = Noise(7, 5, PixelFormat::kRgb8);
  const Image small = Shrink(image, 3);
  ASSERT_EQ(small.width(), 3);
  ASSERT_EQ(small.height(), 2);
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 3; ++column) {
      double sum = 0;
      int count = 0;
      for (int y = 3 * row; y < std::min(3 * row + 3, 5); ++y) {
        for (int x = 3 * column; x < std::min(3 * column + 3, 7); ++x) {
          sum += image.view().Pixel(x, y)[1];
          ++count;
        }
      }
      EXPECT_NEAR(small.view().Pixel(column, row)[1], sum / count, .51);
    }
  }
}

TEST(Shrink, DoesNotOverflowAtItsLargestFactor) {
  Image image(300, 300, PixelFormat::kGrey8);
  std::fill_n(image.view().data, image.size_bytes(), std::uint8_t{255});
  const Image small = Shrink(image, 256);
  EXPECT_THAT(std::span(small.view().data, small.size_bytes()), Each(255));
}

TEST(SampleReduced, CountsEveryPixel) {
  // Black and white columns: sampled plainly, one of them wins.
  Image image(640, 640, PixelFormat::kGrey8);
  for (int y = 0; y < 640; ++y) {
    for (int x = 0; x < 640; ++x) {
      *image.view().Pixel(x, y) = x % 2 == 0 ? 255 : 0;
    }
  }
  std::vector<float> out(3 * 64 * 64);
  SampleReduced(image, {10, 0, 0, 0, 10, 0}, 64, 64, Border::kBlack, {}, out);
  EXPECT_THAT(out, Each(FloatNear(127.5f, .6f)));
}

TEST(SampleReduced, IsSampleWhereNothingIsReduced) {
  const Image image = Noise(50, 40, PixelFormat::kRgb8);
  const Affine to_image{1.5f, .2f, 3, -.2f, 1.5f, 4};
  std::vector<float> a(3 * 20 * 20), b(a.size());
  Sample(image, to_image, 20, 20, Border::kReplicate, {}, a);
  SampleReduced(image, to_image, 20, 20, Border::kReplicate, {}, b);
  EXPECT_EQ(a, b);
}

TEST(SampleReduced, SeesTheSamePlaceAsSample) {
  // A ramp looks the same whether averaged or not, but for rounding.
  Image image(400, 300, PixelFormat::kGrey8);
  for (int y = 0; y < 300; ++y) {
    for (int x = 0; x < 400; ++x) {
      *image.view().Pixel(x, y) = static_cast<std::uint8_t>(x / 4 + y / 3);
    }
  }
  const float c = 4 * std::cos(.5f), s = 4 * std::sin(.5f);
  const Affine to_image{c, -s, 150, s, c, 20};
  std::vector<float> a(3 * 40 * 40), b(a.size());
  Sample(image, to_image, 40, 40, Border::kReplicate, {}, a);
  SampleReduced(image, to_image, 40, 40, Border::kReplicate, {}, b);
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1.5);
}

}  // namespace
}  // namespace ocelli
