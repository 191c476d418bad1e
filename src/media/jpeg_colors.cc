#include "media/jpeg_colors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/check.h"

namespace ocelli {
namespace {

// Values are 1/64 in 16 bits, so that SSE2 takes eight at a time; factors are
// 1/65536 and lie within -0.5 and 0.5.
using Fixed = std::int16_t;
constexpr int kOne = 64;

Fixed Product(Fixed value, Fixed factor) {
  return static_cast<Fixed>((int{value} * int{factor}) >> 16);
}

std::uint8_t Byte(int value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 256 * kOne - 1) / kOne);
}

// y' = y + luma y + luma_u u + luma_v v + black,
// u' = u + u_u u + u_v v, v' = v + v_u u + v_v v, with u and v around 0.
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
  const auto fixed = [](double value) {
    OCELLI_CHECK(std::abs(value) < .5);
    return static_cast<Fixed>(std::lround(value * 65536));
  };
  const auto new_u = [](double b, double y) { return (b - y) / (2 * .886); };
  const auto new_v = [](double r, double y) { return (r - y) / (2 * .701); };
  return {
      fixed(luma - 1),
      fixed(chroma * y_u),
      fixed(chroma * y_v),
      fixed(chroma * new_u(of_u[2], y_u) - 1),
      fixed(chroma * new_u(of_v[2], y_v)),
      fixed(chroma * new_v(of_u[0], y_u)),
      fixed(chroma * new_v(of_v[0], y_v) - 1),
      static_cast<Fixed>(
          kOne / 2 - (color.full_range ? 0 : std::lround(16 * luma * kOne)))};
}

// `shift` is what the chroma adds to each of its two columns of luma.
void ConvertChroma(const std::uint8_t* __restrict u,
                   const std::uint8_t* __restrict v, int count,
                   const Factors& factors, std::uint8_t* __restrict to_u,
                   std::uint8_t* __restrict to_v, Fixed* __restrict shift) {
  constexpr int kMiddle = 128 * kOne + kOne / 2;
  for (int i = 0; i < count; ++i) {
    const auto a = static_cast<Fixed>((u[i] - 128) * kOne);
    const auto b = static_cast<Fixed>((v[i] - 128) * kOne);
    to_u[i] =
        Byte(a + Product(a, factors.u_u) + Product(b, factors.u_v) + kMiddle);
    to_v[i] =
        Byte(b + Product(a, factors.v_u) + Product(b, factors.v_v) + kMiddle);
    const auto one =
        static_cast<Fixed>(Product(a, factors.luma_u) +
                           Product(b, factors.luma_v) + factors.black);
    shift[2 * i] = one;
    shift[2 * i + 1] = one;
  }
}

void ConvertLuma(const std::uint8_t* __restrict luma, int count, Fixed factor,
                 const Fixed* __restrict shift, std::uint8_t* __restrict to) {
  for (int i = 0; i < count; ++i) {
    const auto value = static_cast<Fixed>(luma[i] * kOne);
    to[i] = Byte(static_cast<Fixed>(value + Product(value, factor) + shift[i]));
  }
}

}  // namespace

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
