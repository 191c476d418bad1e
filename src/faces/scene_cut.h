#pragma once

#include <array>

#include "core/image.h"

namespace ocelli {

// Tells where a video jumps to another scene, by a coarse picture of its
// brightness. What only becomes brighter or darker is no cut; white or black
// all over is.
class SceneCut {
 public:
  // Whether the luma plane shows another scene than the last one did.
  bool IsCut(ImageView luma);

 private:
  static constexpr int kColumns = 24, kRows = 16;
  using Grid = std::array<float, kColumns * kRows>;

  Grid last_{};
  bool any_ = false;
};

}  // namespace ocelli
