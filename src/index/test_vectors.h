#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "index/collection.h"

namespace ocelli {

// For tests and benchmarks.

inline CollectionSpec Spec(int dimension, Metric metric = Metric::kCosine) {
  return {"flags", "lite0", Sha256("card"), dimension, metric};
}

// Gaussian, one after the other.
inline std::vector<float> RandomVectors(std::size_t count, int dimension,
                                        std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> vectors(count * static_cast<std::size_t>(dimension));
  for (float& value : vectors) value = normal(random);
  return vectors;
}

// With the ids "0", "1", ...
inline std::vector<Entry> RandomEntries(std::size_t count, int dimension,
                                        std::mt19937& random) {
  std::vector<Entry> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].item.id = std::to_string(i);
    entries[i].vector = RandomVectors(1, dimension, random);
  }
  return entries;
}

inline std::vector<std::string> Ids(const std::vector<Hit>& hits) {
  std::vector<std::string> ids;
  for (const Hit& hit : hits) ids.push_back(hit.item.id);
  return ids;
}

}  // namespace ocelli
