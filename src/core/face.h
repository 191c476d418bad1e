#pragma once

#include <array>
#include <vector>

#include "core/geometry.h"

namespace ocelli {

// Each from 0 (useless) to 1 (ideal).
struct FaceQuality {
  float size = 0;
  float sharpness = 0;
  float frontality = 0;
  float overall = 0;
};

// One face in one picture, in pixels of that picture.
struct Face {
  RectF box;
  float score = 0;  // 0 to 1.
  // Right eye, left eye, nose tip, mouth, right ear, left ear: the person's
  // own right, as MediaPipe orders them.
  std::array<PointF, 6> keypoints;
  std::vector<Point3F> mesh;      // 478 points, or none.
  std::vector<float> descriptor;  // Unit length, or none.
  FaceQuality quality;
};

}  // namespace ocelli
