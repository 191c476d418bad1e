#include "core/geometry.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace ocelli {

float IntersectionArea(const RectF& a, const RectF& b) {
  const float width = std::min(a.right(), b.right()) - std::max(a.x, b.x);
  const float height = std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

float IntersectionOverUnion(const RectF& a, const RectF& b) {
  const float both = IntersectionArea(a, b);
  return both > 0 ? both / (a.area() + b.area() - both) : 0;
}

float IntersectionOverSmaller(const RectF& a, const RectF& b) {
  const float both = IntersectionArea(a, b);
  return both > 0 ? both / std::min(a.area(), b.area()) : 0;
}

RectF ClipTo(const RectF& rect, int width, int height) {
  const float left = std::clamp(rect.x, 0.f, static_cast<float>(width));
  const float top = std::clamp(rect.y, 0.f, static_cast<float>(height));
  return {left, top,
          std::clamp(rect.right(), left, static_cast<float>(width)) - left,
          std::clamp(rect.bottom(), top, static_cast<float>(height)) - top};
}

Affine Inverse(const Affine& m) {
  const float determinant = m.a * m.d - m.b * m.c;
  if (determinant == 0) return {};
  const float a = m.d / determinant;
  const float b = -m.b / determinant;
  const float c = -m.c / determinant;
  const float d = m.a / determinant;
  return {a, b, -(a * m.tx + b * m.ty), c, d, -(c * m.tx + d * m.ty)};
}

Affine FitSimilarity(std::span<const PointF> from, std::span<const PointF> to) {
  OCELLI_CHECK(from.size() == to.size() && from.size() >= 2);
  const double n = static_cast<double>(from.size());
  double from_x = 0, from_y = 0, to_x = 0, to_y = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    from_x += from[i].x / n;
    from_y += from[i].y / n;
    to_x += to[i].x / n;
    to_y += to[i].y / n;
  }
  // In the plane the rotation of Umeyama's closed form is the direction of
  // sum(conj(from) * to), read as complex numbers.
  double real = 0, imaginary = 0, spread = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double fx = from[i].x - from_x, fy = from[i].y - from_y;
    const double tx = to[i].x - to_x, ty = to[i].y - to_y;
    real += fx * tx + fy * ty;
    imaginary += fx * ty - fy * tx;
    spread += fx * fx + fy * fy;
  }
  if (spread == 0) {
    return {1, 0, static_cast<float>(to_x - from_x),
            0, 1, static_cast<float>(to_y - from_y)};
  }
  const double a = real / spread, c = imaginary / spread;
  return {static_cast<float>(a),
          static_cast<float>(-c),
          static_cast<float>(to_x - (a * from_x - c * from_y)),
          static_cast<float>(c),
          static_cast<float>(a),
          static_cast<float>(to_y - (c * from_x + a * from_y))};
}

Affine Region::FromUnit() const {
  const float cosine = std::cos(rotation), sine = std::sin(rotation);
  const float a = width * cosine, b = -height * sine;
  const float c = width * sine, d = height * cosine;
  return {a, b, center.x - (a + b) / 2, c, d, center.y - (c + d) / 2};
}

}  // namespace ocelli
