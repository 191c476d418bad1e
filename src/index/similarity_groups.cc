#include "index/similarity_groups.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "index/similarity.h"

namespace ocelli {
namespace {

// Disjoint sets, each with its first member as its name.
class Sets {
 public:
  explicit Sets(std::size_t count) : parents_(count), least_(count, 1.f) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }

  std::size_t Find(std::size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void Join(std::size_t a, std::size_t b, float similarity) {
    a = Find(a);
    b = Find(b);
    const auto [first, second] = std::minmax(a, b);
    // Inside of a set, a link tells nothing new.
    if (first == second) return;
    least_[first] = std::min({least_[first], least_[second], similarity});
    parents_[second] = first;
  }
  float least(std::size_t set) const { return least_[set]; }

 private:
  std::vector<std::size_t> parents_;
  std::vector<float> least_;
};

}  // namespace

std::vector<SimilarityGroup> GroupSimilar(
    std::span<const float> vectors, std::size_t dimension, float threshold,
    const std::function<bool()>& advance) {
  const std::size_t count = vectors.size() / dimension;
  Sets sets(count);
  std::vector<float> cosines(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t later = count - i - 1;
    DotProducts(vectors.data() + (i + 1) * dimension, later, dimension,
                vectors.data() + i * dimension, 1, cosines.data());
    for (std::size_t k = 0; k < later; ++k) {
      if (cosines[k] >= threshold) sets.Join(i, i + 1 + k, cosines[k]);
    }
    if (!advance()) break;
  }
  std::map<std::size_t, SimilarityGroup> groups;
  for (std::size_t i = 0; i < count; ++i) {
    groups[sets.Find(i)].members.push_back(i);
  }
  std::vector<SimilarityGroup> found;
  for (auto& [set, group] : groups) {
    if (group.members.size() < 2) continue;
    group.least = std::min(sets.least(set), 1.f);
    found.push_back(std::move(group));
  }
  return found;
}

}  // namespace ocelli
