#include "faces/scene_cut.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ocelli {

bool SceneCut::IsCut(ImageView luma) {
  if (luma.empty()) return false;
  // 6 x 6 pixels stand for each cell.
  constexpr int kSamples = 6;
  Grid now;
  std::size_t cell = 0;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column, ++cell) {
      int sum = 0;
      for (int i = 0; i < kSamples; ++i) {
        const auto* line =
            luma.Row((row * kSamples + i) * luma.height / (kRows * kSamples));
        for (int k = 0; k < kSamples; ++k) {
          sum += line[(column * kSamples + k) * luma.width /
                      (kColumns * kSamples)];
        }
      }
      now[cell] = static_cast<float>(sum) / (kSamples * kSamples);
    }
  }
  constexpr float kCells = kColumns * kRows;
  float mean = 0, last_mean = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    mean += now[i] / kCells;
    last_mean += last_[i] / kCells;
  }
  float both = 0, square = 0, last_square = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const float a = now[i] - mean, b = last_[i] - last_mean;
    both += a * b / kCells;
    square += a * a / kCells;
    last_square += b * b / kCells;
  }
  const bool had_one = any_;
  any_ = true;
  last_ = now;
  // Scenes without contrast, as in the dark, are too uncertain to compare.
  constexpr float kLeastVariance = 36, kMostAlike = .4f;
  if (!had_one || std::max(square, last_square) < kLeastVariance) return false;
  return both < kMostAlike * std::sqrt(square * last_square) ||
         std::min(square, last_square) < .02f * std::max(square, last_square);
}

}  // namespace ocelli
