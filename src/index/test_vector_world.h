#pragma once

#include <cstddef>
#include <random>
#include <vector>

#include "index/test_vectors.h"

namespace ocelli {

// For benchmarks.

// Draws vectors as embeddings are: of few intrinsic dimensions, in clusters of
// uneven size, with some noise.
class VectorWorld {
 public:
  explicit VectorWorld(int dimension)
      : dimension_(dimension),
        axes_(RandomVectors(kLatent, dimension, random_)),
        centres_(RandomVectors(kClusters, kLatent, random_)) {}

  std::vector<float> Draw() {
    // Squared: some clusters are much larger than others.
    std::uniform_real_distribution<double> uniform;
    const double u = uniform(random_);
    const auto cluster = static_cast<std::size_t>(u * u * kClusters);
    std::vector<float> vector(static_cast<std::size_t>(dimension_));
    for (float& value : vector) value = kNoise * normal_(random_);
    const float* axis = axes_.data();
    for (std::size_t i = 0; i < kLatent; ++i) {
      const float at =
          centres_[cluster * kLatent + i] + kWithin * normal_(random_);
      for (float& value : vector) value += at * *axis++;
    }
    return vector;
  }

 private:
  static constexpr int kLatent = 24;  // Dimensions that matter.
  static constexpr int kClusters = 600;
  static constexpr float kWithin =
      0.6f;  // Deviation in a cluster; of them it is 1.
  static constexpr float kNoise = 0.05f;  // In each of the other dimensions.

  const int dimension_;
  std::mt19937 random_{7};
  std::normal_distribution<float> normal_;
  const std::vector<float> axes_;
  const std::vector<float> centres_;
};

}  // namespace ocelli
