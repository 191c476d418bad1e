#pragma once

#include <cstdint>
#include <variant>

#include "core/geometry.h"
#include "core/image.h"
#include "core/yuv_image.h"

namespace ocelli {

struct Paint {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  float opacity = 1;  // 0 to 1.
};

// Pixels to paint on that somebody else owns: grey, RGB, or I420. A chroma
// sample is covered as much as the luma samples it belongs to are on average.
class Surface {
 public:
  Surface(MutableImageView image) : pixels_(image) {}
  Surface(const MutableYuvView& image) : pixels_(image) {}

  int width() const;
  int height() const;
  const std::variant<MutableImageView, MutableYuvView>& pixels() const {
    return pixels_;
  }

 private:
  std::variant<MutableImageView, MutableYuvView> pixels_;
};

// Smooth-edged shapes, in place. Coordinates are of the picture, a pixel's
// centre at .5. What lies outside is cut off; what is not IsDrawable() is left
// out.

// False where a number is not finite, negative as a size, or beyond ten
// million.
bool IsDrawable(const RectF& box);

void FillRoundedBox(const Surface& surface, const RectF& box, float radius,
                    const Paint& paint);

// A line of `width` along the edge; it fades over `softness` pixels.
struct Line {
  float width = 1;
  float softness = 1;
};
void StrokeRoundedBox(const Surface& surface, const RectF& box, float radius,
                      const Line& line, const Paint& paint);

// Only the corners of that edge, each arm `length` long, with round ends.
void StrokeCorners(const Surface& surface, const RectF& box, float radius,
                   float length, const Line& line, const Paint& paint);

void FillDisc(const Surface& surface, PointF center, float radius,
              const Paint& paint);

// Paints through the grey `mask`, 0 to 255, whose upper left corner comes to
// lie on (x, y).
void PaintMask(const Surface& surface, ImageView mask, int x, int y,
               const Paint& paint);

}  // namespace ocelli
