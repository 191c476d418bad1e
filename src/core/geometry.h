#pragma once

#include <span>

namespace ocelli {

// Pixels, origin at the upper left corner of the picture, y down.
struct PointF {
  float x = 0;
  float y = 0;
  bool operator==(const PointF&) const = default;
};

struct Point3F {
  float x = 0;
  float y = 0;
  float z = 0;
  bool operator==(const Point3F&) const = default;
};

struct RectF {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;

  float right() const { return x + width; }
  float bottom() const { return y + height; }
  float area() const { return width > 0 && height > 0 ? width * height : 0; }
  PointF center() const { return {x + width / 2, y + height / 2}; }
  bool operator==(const RectF&) const = default;
};

float IntersectionArea(const RectF& a, const RectF& b);
// 0 to 1; 0 where either is empty.
float IntersectionOverUnion(const RectF& a, const RectF& b);
float IntersectionOverSmaller(const RectF& a, const RectF& b);
RectF ClipTo(const RectF& rect, int width, int height);

// x' = a x + b y + tx, y' = c x + d y + ty.
struct Affine {
  float a = 1;
  float b = 0;
  float tx = 0;
  float c = 0;
  float d = 1;
  float ty = 0;

  PointF Apply(PointF p) const {
    return {a * p.x + b * p.y + tx, c * p.x + d * p.y + ty};
  }
};

// The inverse; the identity where there is none.
Affine Inverse(const Affine& affine);

// The rotation, uniform scale and shift that bring `from` nearest to `to` in
// the least-squares sense. Umeyama, IEEE TPAMI 13(4), 1991, without
// reflection. Both spans have the same size, at least 2.
Affine FitSimilarity(std::span<const PointF> from, std::span<const PointF> to);

// A rectangle turned by `rotation` radians about its centre, clockwise on the
// screen. Models that want an upright face read their input from one.
struct Region {
  PointF center;
  float width = 0;
  float height = 0;
  float rotation = 0;

  // From unit coordinates (0,0 at the region's upper left corner, 1,1 at its
  // lower right) to pixels of the picture.
  Affine FromUnit() const;
};

}  // namespace ocelli
