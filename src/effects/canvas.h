#pragma once

#include <cstdint>

#include "core/geometry.h"
#include "core/image.h"

namespace ocelli {

struct Paint {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  float opacity = 1;  // 0 to 1.
};

// Smooth-edged shapes on grey or RGB pixels, in place. Coordinates are of the
// picture, a pixel's centre at .5. What lies outside is cut off; what is not
// IsDrawable() is left out.

// False where a number is not finite, negative as a size, or beyond ten
// million.
bool IsDrawable(const RectF& box);

void FillRoundedBox(MutableImageView image, const RectF& box, float radius,
                    const Paint& paint);

// A line of `width` along the edge; it fades over `softness` pixels.
struct Line {
  float width = 1;
  float softness = 1;
};
void StrokeRoundedBox(MutableImageView image, const RectF& box, float radius,
                      const Line& line, const Paint& paint);

// Only the corners of that edge, each arm `length` long, with round ends.
void StrokeCorners(MutableImageView image, const RectF& box, float radius,
                   float length, const Line& line, const Paint& paint);

void FillDisc(MutableImageView image, PointF center, float radius,
              const Paint& paint);

// Paints through the grey `mask`, 0 to 255, whose upper left corner comes to
// lie on (x, y).
void PaintMask(MutableImageView image, ImageView mask, int x, int y,
               const Paint& paint);

}  // namespace ocelli
