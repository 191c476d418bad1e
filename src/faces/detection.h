#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "core/geometry.h"

namespace ocelli {

// What a detector says of one face, in pixels of the picture.
struct Detection {
  RectF box;
  float score = 0;  // 0 to 1.
  // Right eye, left eye, nose tip, mouth, right ear, left ear: the person's
  // own right.
  std::array<PointF, 6> keypoints;

  bool operator==(const Detection&) const = default;
};

struct Overlap {
  float union_ratio = 2;    // Intersection over union; 2: any.
  float smaller_ratio = 2;  // Intersection over the smaller of the two.
};

// Which detections are the best of each heap of boxes that overlap more than
// `limit` by either measure: indices, best first.
std::vector<std::size_t> FindBest(std::span<const Detection> detections,
                                  const Overlap& limit);

// Those alone.
std::vector<Detection> Suppress(std::vector<Detection> detections,
                                const Overlap& limit);
std::vector<Detection> SuppressByUnion(std::vector<Detection> detections,
                                       float union_limit);

// The same where each heap becomes its
// score-weighted mean with the best score (MediaPipe's
// non_max_suppression_calculator.cc, WEIGHTED). Best first.
std::vector<Detection> SuppressWeighted(std::vector<Detection> detections,
                                        float union_limit);

}  // namespace ocelli
