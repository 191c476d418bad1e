#include "effects/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace ocelli {
namespace {

// `opacity` from 0 to 256.
std::uint8_t Mix(int under, int over, int opacity) {
  return static_cast<std::uint8_t>(under +
                                   ((over - under) * opacity + 128) / 256);
}

// Pixels from (left, top) to before (right, bottom).
struct Bounds {
  int left, top, right, bottom;
};

// Those of the surface that `box` touches.
Bounds BoundsOf(const RectF& box, const Surface& surface) {
  const RectF clipped = ClipTo(box, surface.width(), surface.height());
  return {
      static_cast<int>(clipped.x), static_cast<int>(clipped.y),
      std::min(static_cast<int>(std::ceil(clipped.right())), surface.width()),
      std::min(static_cast<int>(std::ceil(clipped.bottom())),
               surface.height())};
}

// From 0 to 256.
int Opacity(float coverage, const Paint& paint) {
  return static_cast<int>(std::min(coverage, 1.f) * paint.opacity * 256);
}

template <typename Coverage>
void PaintPixels(const MutableImageView& image, const Bounds& bounds,
                 const Paint& paint, Coverage coverage) {
  // Luma of ITU-R BT.601.
  const int grey =
      (299 * paint.red + 587 * paint.green + 114 * paint.blue) / 1000;
  for (int y = bounds.top; y < bounds.bottom; ++y) {
    for (int x = bounds.left; x < bounds.right; ++x) {
      const float covered = coverage(x, y);
      if (!(covered > 0)) continue;
      const int opacity = Opacity(covered, paint);
      std::uint8_t* pixel = image.Pixel(x, y);
      if (image.format == PixelFormat::kGrey8) {
        *pixel = Mix(*pixel, grey, opacity);
      } else {
        pixel[0] = Mix(pixel[0], paint.red, opacity);
        pixel[1] = Mix(pixel[1], paint.green, opacity);
        pixel[2] = Mix(pixel[2], paint.blue, opacity);
      }
    }
  }
}

template <typename Coverage>
void PaintPixels(const MutableYuvView& image, const Bounds& bounds,
                 const Paint& paint, Coverage coverage) {
  const YuvPixel over = ToYuv(paint.red, paint.green, paint.blue, image.color);
  for (int y = bounds.top & ~1; y < bounds.bottom; y += 2) {
    const int top = std::max(y, bounds.top);
    const int bottom = std::min(y + 2, bounds.bottom);
    std::uint8_t* u = image.u + y / 2 * image.uv_stride;
    std::uint8_t* v = image.v + y / 2 * image.uv_stride;
    for (int x = bounds.left & ~1; x < bounds.right; x += 2) {
      const int left = std::max(x, bounds.left);
      const int right = std::min(x + 2, bounds.right);
      int sum = 0;
      for (int row = top; row < bottom; ++row) {
        for (int column = left; column < right; ++column) {
          const float covered = coverage(column, row);
          if (!(covered > 0)) continue;
          const int opacity = Opacity(covered, paint);
          std::uint8_t* luma = image.y + row * image.y_stride + column;
          *luma = Mix(*luma, over.y, opacity);
          sum += opacity;
        }
      }
      if (sum == 0) continue;
      const int samples = (std::min(x + 2, image.width) - x) *
                          (std::min(y + 2, image.height) - y);
      u[x / 2] = Mix(u[x / 2], over.u, sum / samples);
      v[x / 2] = Mix(v[x / 2], over.v, sum / samples);
    }
  }
}

float Length(float x, float y) { return std::sqrt(x * x + y * y); }

// Blends each pixel that `box` touches by coverage(its centre).
template <typename Coverage>
void PaintWithin(const Surface& surface, const RectF& box, const Paint& paint,
                 Coverage coverage) {
  std::visit(
      [&](const auto& pixels) {
        PaintPixels(pixels, BoundsOf(box, surface), paint, [&](int x, int y) {
          return coverage(
              PointF{static_cast<float>(x) + .5f, static_cast<float>(y) + .5f});
        });
      },
      surface.pixels());
}

// Signed distance to the edge, negative inside.
inline float DistanceToRoundedBox(PointF p, const RectF& box, float radius) {
  const PointF center = box.center();
  const float x = std::abs(p.x - center.x) - box.width / 2 + radius;
  const float y = std::abs(p.y - center.y) - box.height / 2 + radius;
  // Not at a corner: no root to draw.
  if (x <= 0 || y <= 0) return std::max(x, y) - radius;
  return Length(x, y) - radius;
}

// Distance to the corner arms. By symmetry one corner stands for all four; x
// and y are how far inside its two edges the point lies.
inline float DistanceToCorners(PointF p, const RectF& box, float radius,
                               float length) {
  const PointF center = box.center();
  const float x = box.width / 2 - std::abs(p.x - center.x);
  const float y = box.height / 2 - std::abs(p.y - center.y);
  if (x <= length && y <= length) {
    return std::abs(DistanceToRoundedBox(p, box, radius));
  }
  return std::sqrt(std::min((x - length) * (x - length) + y * y,
                            x * x + (y - length) * (y - length)));
}

float LineCoverage(float distance, const Line& line) {
  const float inside = line.width / 2 + line.softness / 2 - distance;
  return inside > 0 ? inside / line.softness : 0;
}

// The pixels within `reach` of the box's edge, and those of its corners, in
// rectangles of which no two overlap; their borders are even, so that no
// chroma sample is in two.
std::array<RectF, 8> EdgeStrips(const RectF& box, float radius, float reach) {
  const auto down = [](float value) { return 2 * std::floor(value / 2); };
  const auto up = [](float value) { return 2 * std::ceil(value / 2); };
  struct Cuts {
    float ends[6];
  };
  // Outside, inside the near edge, behind its corner, before the far corner,
  // inside the far edge, outside.
  const auto cut = [&](float from, float to) {
    const float outside = down(from - reach - 1);
    const float end = std::max(up(to + reach + 1), outside);
    const float inside = std::min(up(from + reach + 1), end);
    const float corner = std::min(up(from + radius + reach + 1), end);
    const float far_corner = std::max(down(to - radius - reach - 1), corner);
    const float far_inside = std::max(down(to - reach - 1), inside);
    const Cuts cuts = {{outside, inside, corner, far_corner, far_inside, end}};
    return cuts;
  };
  const auto [x] = cut(box.x, box.right());
  const auto [y] = cut(box.y, box.bottom());
  const auto between = [](float left, float top, float right, float bottom) {
    return RectF{left, top, right - left, bottom - top};
  };
  return {{between(x[0], y[0], x[2], y[2]), between(x[2], y[0], x[3], y[1]),
           between(x[3], y[0], x[5], y[2]), between(x[0], y[2], x[1], y[3]),
           between(x[4], y[2], x[5], y[3]), between(x[0], y[3], x[2], y[5]),
           between(x[2], y[4], x[3], y[5]), between(x[3], y[3], x[5], y[5])}};
}

float FittingRadius(const RectF& box, float radius) {
  return std::clamp(radius, 0.f, std::min(box.width, box.height) / 2);
}

// In EdgeStrips(): above, left, right, below.
constexpr std::size_t kSides[] = {1, 3, 4, 6};
bool IsLevel(std::size_t side) { return side == 1 || side == 6; }

}  // namespace

int Surface::width() const {
  return std::visit([](const auto& pixels) { return pixels.width; }, pixels_);
}

int Surface::height() const {
  return std::visit([](const auto& pixels) { return pixels.height; }, pixels_);
}

bool IsDrawable(const RectF& box) {
  // Far beyond any picture, and near enough for float to tell pixels apart.
  constexpr float kFarthest = 1e7f;
  return std::abs(box.x) <= kFarthest && std::abs(box.y) <= kFarthest &&
         box.width >= 0 && box.width <= kFarthest && box.height >= 0 &&
         box.height <= kFarthest;
}

void FillRoundedBox(const Surface& surface, const RectF& box, float radius,
                    const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  const RectF bounds = {box.x - 1, box.y - 1, box.width + 2, box.height + 2};
  PaintWithin(surface, bounds, paint, [&](PointF p) {
    return .5f - DistanceToRoundedBox(p, box, fitting);
  });
}

void StrokeRoundedBox(const Surface& surface, const RectF& box, float radius,
                      const Line& line, const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  const float reach = line.width / 2 + line.softness / 2;
  const auto coverage = [&](PointF p) {
    return LineCoverage(std::abs(DistanceToRoundedBox(p, box, fitting)), line);
  };
  std::array<RectF, 8> strips = EdgeStrips(box, fitting, reach);
  std::vector<float> profile;
  for (const std::size_t side : kSides) {
    const RectF strip = std::exchange(strips[side], {});
    const Bounds bounds = BoundsOf(strip, surface);
    if (bounds.left >= bounds.right || bounds.top >= bounds.bottom) continue;
    const bool level = IsLevel(side);
    const PointF center = box.center();
    const int from = level ? bounds.top : bounds.left;
    const int to = level ? bounds.bottom : bounds.right;
    profile.clear();
    for (int i = from; i < to; ++i) {
      const float at = static_cast<float>(i) + .5f;
      profile.push_back(
          coverage(level ? PointF{center.x, at} : PointF{at, center.y}));
    }
    std::visit(
        [&](const auto& pixels) {
          PaintPixels(pixels, bounds, paint, [&](int x, int y) {
            return profile[static_cast<std::size_t>((level ? y : x) - from)];
          });
        },
        surface.pixels());
  }
  for (const RectF& strip : strips) {
    PaintWithin(surface, strip, paint, coverage);
  }
}

void StrokeCorners(const Surface& surface, const RectF& box, float radius,
                   float length, const Line& line, const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  const float reach = line.width / 2 + line.softness / 2;
  const auto coverage = [&](PointF p) {
    return LineCoverage(DistanceToCorners(p, box, fitting, length), line);
  };
  // Between the arms there is nothing to paint.
  const float arm = 2 * std::ceil((length + reach + 1) / 2);
  std::array<RectF, 8> strips = EdgeStrips(box, fitting, reach);
  for (const std::size_t side : kSides) {
    const RectF strip = strips[side];
    const bool level = IsLevel(side);
    const float near_end = 2 * std::ceil(((level ? box.x : box.y) + arm) / 2);
    const float far_end =
        2 * std::floor(((level ? box.right() : box.bottom()) - arm) / 2);
    if (near_end >= far_end) continue;
    const float begin = level ? strip.x : strip.y;
    const float end = level ? strip.right() : strip.bottom();
    const auto part = [&](float from, float to) {
      RectF cut = strip;
      (level ? cut.x : cut.y) = from;
      (level ? cut.width : cut.height) = std::max(to - from, 0.f);
      return cut;
    };
    strips[side] = {};
    PaintWithin(surface, part(begin, std::min(near_end, end)), paint, coverage);
    PaintWithin(surface, part(std::max(far_end, begin), end), paint, coverage);
  }
  for (const RectF& strip : strips) {
    PaintWithin(surface, strip, paint, coverage);
  }
}

void FillDisc(const Surface& surface, PointF center, float radius,
              const Paint& paint) {
  const RectF box = {center.x - radius, center.y - radius, 2 * radius,
                     2 * radius};
  FillRoundedBox(surface, box, radius, paint);
}

void PaintMask(const Surface& surface, ImageView mask, int x, int y,
               const Paint& paint) {
  const auto end = [](int from, int length, int most) {
    return static_cast<int>(
        std::clamp<std::int64_t>(std::int64_t{from} + length, 0, most));
  };
  const Bounds bounds = {std::max(x, 0), std::max(y, 0),
                         end(x, mask.width, surface.width()),
                         end(y, mask.height, surface.height())};
  std::visit(
      [&](const auto& pixels) {
        PaintPixels(pixels, bounds, paint, [&](int column, int row) {
          return static_cast<float>(*mask.Pixel(column - x, row - y)) / 255;
        });
      },
      surface.pixels());
}

}  // namespace ocelli
