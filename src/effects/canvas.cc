#include "effects/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ocelli {
namespace {

// `opacity` from 0 to 256.
std::uint8_t Mix(int under, int over, int opacity) {
  return static_cast<std::uint8_t>(under +
                                   ((over - under) * opacity + 128) / 256);
}

void Blend(std::uint8_t* pixel, PixelFormat format, const Paint& paint,
           float coverage) {
  const auto opacity = static_cast<int>(coverage * paint.opacity * 256);
  if (format == PixelFormat::kGrey8) {
    // Luma of ITU-R BT.601.
    const int grey =
        (299 * paint.red + 587 * paint.green + 114 * paint.blue) / 1000;
    *pixel = Mix(*pixel, grey, opacity);
    return;
  }
  pixel[0] = Mix(pixel[0], paint.red, opacity);
  pixel[1] = Mix(pixel[1], paint.green, opacity);
  pixel[2] = Mix(pixel[2], paint.blue, opacity);
}

float Length(float x, float y) { return std::sqrt(x * x + y * y); }

// Blends each pixel that `bounds` touches by coverage(its centre).
template <typename Coverage>
void PaintWithin(MutableImageView image, const RectF& bounds,
                 const Paint& paint, Coverage coverage) {
  const RectF clipped = ClipTo(bounds, image.width, image.height);
  const int right = static_cast<int>(std::ceil(clipped.right()));
  const int bottom = static_cast<int>(std::ceil(clipped.bottom()));
  for (int y = static_cast<int>(clipped.y); y < std::min(bottom, image.height);
       ++y) {
    for (int x = static_cast<int>(clipped.x); x < std::min(right, image.width);
         ++x) {
      const float covered = coverage(
          PointF{static_cast<float>(x) + .5f, static_cast<float>(y) + .5f});
      if (covered > 0) {
        Blend(image.Pixel(x, y), image.format, paint, std::min(covered, 1.f));
      }
    }
  }
}

// Signed distance to the edge, negative inside.
float DistanceToRoundedBox(PointF p, const RectF& box, float radius) {
  const PointF center = box.center();
  const float x = std::abs(p.x - center.x) - box.width / 2 + radius;
  const float y = std::abs(p.y - center.y) - box.height / 2 + radius;
  return std::min(std::max(x, y), 0.f) +
         Length(std::max(x, 0.f), std::max(y, 0.f)) - radius;
}

// Distance to the corner arms. By symmetry one corner stands for all four; x
// and y are how far inside its two edges the point lies.
float DistanceToCorners(PointF p, const RectF& box, float radius,
                        float length) {
  const PointF center = box.center();
  const float x = box.width / 2 - std::abs(p.x - center.x);
  const float y = box.height / 2 - std::abs(p.y - center.y);
  if (x <= length && y <= length) {
    return std::abs(DistanceToRoundedBox(p, box, radius));
  }
  return std::min(Length(x - length, y), Length(x, y - length));
}

float LineCoverage(float distance, const Line& line) {
  return (line.width / 2 + line.softness / 2 - distance) / line.softness;
}

// The four strips of pixels within `reach` of the box's edge, or beyond the
// arc of its corners; no two overlap.
std::array<RectF, 4> EdgeStrips(const RectF& box, float radius, float reach) {
  const float outside = std::ceil(reach);
  const float thickness = outside + std::ceil(reach + radius) + 1;
  const float left = std::floor(box.x - outside);
  const float right = std::ceil(box.right() + outside);
  const float top = std::floor(box.y - outside);
  const float bottom = std::ceil(box.bottom() + outside);
  const float inner_left = std::min(left + thickness, right);
  const float inner_right = std::max(right - thickness, inner_left);
  const float inner_top = std::min(top + thickness, bottom);
  const float inner_bottom = std::max(bottom - thickness, inner_top);
  return {{{left, top, right - left, inner_top - top},
           {left, inner_bottom, right - left, bottom - inner_bottom},
           {left, inner_top, inner_left - left, inner_bottom - inner_top},
           {inner_right, inner_top, right - inner_right,
            inner_bottom - inner_top}}};
}

float FittingRadius(const RectF& box, float radius) {
  return std::clamp(radius, 0.f, std::min(box.width, box.height) / 2);
}

template <typename Distance>
void Stroke(MutableImageView image, const RectF& box, float radius,
            const Line& line, const Paint& paint, Distance distance) {
  const float reach = line.width / 2 + line.softness / 2;
  for (const RectF& strip : EdgeStrips(box, radius, reach)) {
    PaintWithin(image, strip, paint,
                [&](PointF p) { return LineCoverage(distance(p), line); });
  }
}

}  // namespace

bool IsDrawable(const RectF& box) {
  // Far beyond any picture, and near enough for float to tell pixels apart.
  constexpr float kFarthest = 1e7f;
  return std::abs(box.x) <= kFarthest && std::abs(box.y) <= kFarthest &&
         box.width >= 0 && box.width <= kFarthest && box.height >= 0 &&
         box.height <= kFarthest;
}

void FillRoundedBox(MutableImageView image, const RectF& box, float radius,
                    const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  const RectF bounds = {box.x - 1, box.y - 1, box.width + 2, box.height + 2};
  PaintWithin(image, bounds, paint, [&](PointF p) {
    return .5f - DistanceToRoundedBox(p, box, fitting);
  });
}

void StrokeRoundedBox(MutableImageView image, const RectF& box, float radius,
                      const Line& line, const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  Stroke(image, box, fitting, line, paint, [&](PointF p) {
    return std::abs(DistanceToRoundedBox(p, box, fitting));
  });
}

void StrokeCorners(MutableImageView image, const RectF& box, float radius,
                   float length, const Line& line, const Paint& paint) {
  if (!IsDrawable(box)) return;
  const float fitting = FittingRadius(box, radius);
  Stroke(image, box, fitting, line, paint,
         [&](PointF p) { return DistanceToCorners(p, box, fitting, length); });
}

void FillDisc(MutableImageView image, PointF center, float radius,
              const Paint& paint) {
  const RectF box = {center.x - radius, center.y - radius, 2 * radius,
                     2 * radius};
  FillRoundedBox(image, box, radius, paint);
}

void PaintMask(MutableImageView image, ImageView mask, int x, int y,
               const Paint& paint) {
  const MutableImageView target = image.Crop(x, y, mask.width, mask.height);
  const ImageView source =
      mask.Crop(std::max(-x, 0), std::max(-y, 0), target.width, target.height);
  for (int row = 0; row < source.height; ++row) {
    for (int column = 0; column < source.width; ++column) {
      Blend(target.Pixel(column, row), target.format, paint,
            static_cast<float>(*source.Pixel(column, row)) / 255);
    }
  }
}

}  // namespace ocelli
