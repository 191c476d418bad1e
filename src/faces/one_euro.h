#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "core/geometry.h"

namespace ocelli {

// After MediaPipe's for faces (face_landmarks_smoothing: beta 80, derivative
// cutoff 1), which lag 1.8 px behind a head that moves fast at 720p. These stay
// within 1.5 px of still pictures there, and within 0.3 px RMS on a still face.
struct OneEuroOptions {
  float min_cutoff = .05f;      // Hz, of what stands still.
  float beta = 120;             // Hz for each face's size a second.
  float derivative_cutoff = 2;  // Hz, of the velocity.
  float initial_rate = 30;      // Hz, until two times are known.
};

// Steadies the points of one face from frame to frame: much where they stand
// still, little where they move. Casiez, Roussel, Vogel: 1 Euro Filter, CHI
// 2012.
class OneEuroFilter {
 public:
  explicit OneEuroFilter(const OneEuroOptions& options = {});

  // `points` of the frame at `time`, steadied. `size` is the face's, in their
  // unit. Another number of points begins anew. A coordinate that is not
  // finite is answered with its last value, or 0; a time that does not grow,
  // with the last points.
  std::vector<Point3F> Apply(std::chrono::microseconds time, float size,
                             std::span<const Point3F> points);

  void Reset();

 private:
  struct Value {
    float raw = 0;
    float velocity = 0;  // Sizes a second.
    float smooth = 0;
    bool known = false;
  };

  OneEuroOptions options_;
  std::optional<std::chrono::microseconds> time_;
  std::vector<Value> values_;  // x, y, z of each point.
};

}  // namespace ocelli
