#pragma once

#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/geometry.h"
#include "effects/canvas.h"
#include "effects/lettering.h"

namespace ocelli {

// What to show of one face.
struct OverlayFace {
  RectF box;                  // Pixels of the picture.
  std::string label;          // A name, UTF-8; empty: none.
  std::string detail;         // Paler, after the label, "0.71"; may be empty.
  bool known = false;         // In the colour of its name; others are white.
  std::vector<Point3F> mesh;  // Drawn as dots; may be empty.
  bool show_box = true;
  float opacity = 1;  // Of everything, 0 to 1.
};

// Draws boxes, dots and names in place, in sizes that suit the picture and the
// faces. Takes any numbers and any text. Thread-safe on different pictures.
void DrawOverlay(const Surface& surface, std::span<const OverlayFace> faces);

// The same for the pictures of a video: keeps lettered names from one picture
// to the next. For one thread at a time.
class OverlayPainter {
 public:
  void Draw(const Surface& surface, std::span<const OverlayFace> faces);

 private:
  const LetteredLine& Letter(const Lettering& lettering,
                             const std::string& text, float size,
                             int max_width);

  // By text, size and greatest width.
  std::map<std::tuple<std::string, float, int>, LetteredLine> lines_;
};

}  // namespace ocelli
