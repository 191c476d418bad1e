#include "index/agreement.h"

#include <algorithm>
#include <set>

#include "index/similarity.h"

namespace ocelli {

Ranking RankOthers(std::span<const float> vectors, std::size_t dimension,
                   std::size_t query) {
  const std::size_t count = vectors.size() / dimension;
  std::vector<float> cosines(count);
  DotProducts(vectors.data(), count, dimension,
              vectors.data() + query * dimension, 1, cosines.data());
  Ranking ranking;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != query) ranking.order.push_back(i);
  }
  std::ranges::stable_sort(ranking.order, [&](std::size_t a, std::size_t b) {
    return cosines[a] > cosines[b];
  });
  for (const std::size_t i : ranking.order) {
    ranking.similarities.push_back(std::clamp(cosines[i], -1.f, 1.f));
  }
  return ranking;
}

double OverlapAtK(const Ranking& a, const Ranking& b, std::size_t k) {
  k = std::min({k, a.order.size(), b.order.size()});
  if (k == 0) return 1;
  const auto last = static_cast<std::ptrdiff_t>(k);
  const std::set<std::size_t> first(a.order.begin(), a.order.begin() + last);
  const auto common =
      std::count_if(b.order.begin(), b.order.begin() + last,
                    [&](std::size_t i) { return first.contains(i); });
  return static_cast<double>(common) / static_cast<double>(k);
}

double RankCorrelation(const Ranking& a, const Ranking& b) {
  const std::size_t count = a.order.size();
  if (count < 2) return 1;
  // By picture; the query's own place stays unused.
  std::vector<double> place(count + 1);
  for (std::size_t i = 0; i < count; ++i) {
    place[a.order[i]] = static_cast<double>(i);
  }
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double apart = place[b.order[i]] - static_cast<double>(i);
    squares += apart * apart;
  }
  const double n = static_cast<double>(count);
  return 1 - 6 * squares / (n * (n * n - 1));
}

}  // namespace ocelli
