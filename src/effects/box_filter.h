#pragma once

#include <vector>

namespace ocelli {

// Means of squares of 2 * radius + 1 pixels, for planes of numbers. Its time
// does not depend on the radius. Keeps its memory from one use to the next.
class BoxFilter {
 public:
  // In place. `plane` is width x height, without gaps; beyond its border the
  // pixels there go on. Needs width, height, radius >= 1.
  void Apply(std::vector<float>& plane, int width, int height, int radius);

 private:
  std::vector<float> columns_;
  std::vector<float> sums_;
};

}  // namespace ocelli
