#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/geometry.h"
#include "core/image.h"

namespace ocelli {

// What to show of one face.
struct OverlayFace {
  RectF box;                  // Pixels of the picture.
  std::string label;          // A name, UTF-8; empty: none.
  std::string detail;         // Paler, after the label, "0.71"; may be empty.
  bool known = false;         // In the colour of its name; others are white.
  std::vector<Point3F> mesh;  // Drawn as dots; may be empty.
};

// Draws boxes, dots and names in place, in sizes that suit the picture and the
// faces. Takes any numbers and any text. Thread-safe on different pictures.
void DrawOverlay(MutableImageView image, std::span<const OverlayFace> faces);

}  // namespace ocelli
