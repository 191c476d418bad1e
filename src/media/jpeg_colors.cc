#include "media/jpeg_colors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/check.h"

namespace ocelli {
namespace {

// All is 16 bits, so that SSE2 takes eight at a time.
using Fixed = std::int16_t;
constexpr int kLumaFraction = 8, kChromaFraction = 9;  // Bits.

// Held to 0 to 255, in a way that GCC 12 vectorises without wider numbers.
std::uint8_t Byte(int value) {
  const auto narrow = static_cast<Fixed>(value);
  const auto sign = static_cast<Fixed>(narrow >> 15);
  const auto least = static_cast<Fixed>(narrow & ~sign);
  return static_cast<std::uint8_t>(std::min(least, Fixed{255}));
}

// With u and v around 0: y' = y + luma y + luma_u u + luma_v v + black,
// u' = u + u_u u + u_v v, v' = v + v_u u + v_v v. Sums fit, see the test of
// what lies beyond the range.
struct Factors {
  Fixed luma, luma_u, luma_v, u_u, u_v, v_u, v_v;
  Fixed black;  // Holds the half that rounds.
};

// From Kr and Kb of ITU-R BT.601-7 and BT.709-6.
Factors FactorsFrom(YuvColor color) {
  const bool same = color.matrix == YuvColor::Matrix::kBt601;
  const double red = same ? .299 : .2126, blue = same ? .114 : .0722;
  const double green = 1 - red - blue;
  const double luma = color.full_range ? 1 : 255. / 219;
  const double chroma = color.full_range ? 1 : 255. / 224;
  // R - Y, G - Y and B - Y of one step of u and v.
  const double of_u[] = {0, -2 * blue * (1 - blue) / green, 2 * (1 - blue)};
  const double of_v[] = {2 * (1 - red), -2 * red * (1 - red) / green, 0};
  const auto luma_of = [](const double(&rgb)[3]) {
    return .299 * rgb[0] + .587 * rgb[1] + .114 * rgb[2];
  };
  const double y_u = luma_of(of_u), y_v = luma_of(of_v);
  const auto fixed = [](double value, int fraction) {
    return static_cast<Fixed>(std::lround(value * (1 << fraction)));
  };
  const double u_v = -y_v / (2 * .886), v_u = -y_u / (2 * .701);
  const double u_u = (of_u[2] - y_u) / (2 * .886);
  const double v_v = (of_v[0] - y_v) / (2 * .701);
  const double black = color.full_range ? 0 : -16 * luma;
  return {fixed(luma - 1, kLumaFraction),
          fixed(chroma * y_u, kLumaFraction),
          fixed(chroma * y_v, kLumaFraction),
          fixed(chroma * u_u - 1, kChromaFraction),
          fixed(chroma * u_v, kChromaFraction),
          fixed(chroma * v_u, kChromaFraction),
          fixed(chroma * v_v - 1, kChromaFraction),
          fixed(black + .5, kLumaFraction)};
}

// `shift` is what the chroma adds to each of its two columns of luma.
void ConvertChroma(const std::uint8_t* __restrict u,
                   const std::uint8_t* __restrict v, int count,
                   const Factors& factors, std::uint8_t* __restrict to_u,
                   std::uint8_t* __restrict to_v, Fixed* __restrict shift) {
  constexpr int kHalf = 1 << (kChromaFraction - 1);
  const auto [luma, luma_u, luma_v, u_u, u_v, v_u, v_v, black] = factors;
  for (int i = 0; i < count; ++i) {
    const auto a = static_cast<Fixed>(u[i] - 128);
    const auto b = static_cast<Fixed>(v[i] - 128);
    const auto more_u = static_cast<Fixed>(a * u_u + b * u_v + kHalf);
    const auto more_v = static_cast<Fixed>(a * v_u + b * v_v + kHalf);
    to_u[i] = Byte(u[i] + (more_u >> kChromaFraction));
    to_v[i] = Byte(v[i] + (more_v >> kChromaFraction));
    const auto one = static_cast<Fixed>(a * luma_u + b * luma_v + black);
    shift[2 * i] = one;
    shift[2 * i + 1] = one;
  }
}

void ConvertLuma(const std::uint8_t* __restrict luma, int count, Fixed factor,
                 const Fixed* __restrict shift, std::uint8_t* __restrict to) {
  for (int i = 0; i < count; ++i) {
    const auto more = static_cast<Fixed>(luma[i] * factor + shift[i]);
    to[i] = Byte(luma[i] + (more >> kLumaFraction));
  }
}

void MeanOf(const std::uint8_t* __restrict a, const std::uint8_t* __restrict b,
            int count, std::uint8_t* __restrict to) {
  for (int i = 0; i < count; ++i) {
    to[i] = static_cast<std::uint8_t>((a[i] + b[i] + 1) / 2);
  }
}

void MeanOfPairs(const std::uint8_t* __restrict a,
                 const std::uint8_t* __restrict b, int pairs,
                 std::uint8_t* __restrict to) {
  for (int i = 0; i < pairs; ++i) {
    to[i] = static_cast<std::uint8_t>(
        (a[2 * i] + a[2 * i + 1] + b[2 * i] + b[2 * i + 1] + 2) / 4);
  }
}

}  // namespace

void HalveChroma(ImageView from, MutableImageView to) {
  const bool columns = from.width > to.width, rows = from.height > to.height;
  OCELLI_CHECK((columns ? (from.width + 1) / 2 : from.width) == to.width);
  OCELLI_CHECK((rows ? (from.height + 1) / 2 : from.height) == to.height);
  for (int y = 0; y < to.height; ++y) {
    const std::uint8_t* above = from.Row(rows ? 2 * y : y);
    const std::uint8_t* below =
        rows ? from.Row(std::min(2 * y + 1, from.height - 1)) : above;
    if (!columns) {
      MeanOf(above, below, to.width, to.Row(y));
      continue;
    }
    const int pairs = from.width / 2;
    MeanOfPairs(above, below, pairs, to.Row(y));
    if (pairs < to.width) {
      MeanOf(above + 2 * pairs, below + 2 * pairs, 1, to.Row(y) + pairs);
    }
  }
}

void ToJpegColors(YuvView from, MutableYuvView to) {
  const int columns = from.chroma_width(), rows = from.chroma_height();
  OCELLI_CHECK(to.width == 2 * columns && to.height == 2 * rows);
  const Factors factors = FactorsFrom(from.color);
  std::vector<Fixed> shift(static_cast<std::size_t>(2 * columns));
  for (int row = 0; row < rows; ++row) {
    ConvertChroma(from.u + row * from.uv_stride, from.v + row * from.uv_stride,
                  columns, factors, to.u + row * to.uv_stride,
                  to.v + row * to.uv_stride, shift.data());
    for (int y = 2 * row; y < 2 * row + 2; ++y) {
      std::uint8_t* line = to.y + y * to.y_stride;
      ConvertLuma(from.y + std::min(y, from.height - 1) * from.y_stride,
                  from.width, factors.luma, shift.data(), line);
      if (from.width < to.width) line[from.width] = line[from.width - 1];
    }
  }
}

}  // namespace ocelli
