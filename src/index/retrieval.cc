#include "index/retrieval.h"

#include <algorithm>

#include "index/agreement.h"

namespace ocelli {

RetrievalScore ScoreRetrieval(std::span<const float> vectors,
                              std::size_t dimension,
                              std::span<const int> labels) {
  RetrievalScore score;
  for (std::size_t query = 0; query < labels.size(); ++query) {
    const auto alike =
        static_cast<std::size_t>(std::ranges::count(labels, labels[query]) - 1);
    if (alike == 0) continue;
    const Ranking ranking = RankOthers(vectors, dimension, query);
    const std::size_t ten = std::min<std::size_t>(10, ranking.order.size());
    std::size_t found = 0;
    double precision = 0;
    for (std::size_t i = 0; i < ranking.order.size(); ++i) {
      if (labels[ranking.order[i]] == labels[query]) {
        ++found;
        precision += static_cast<double>(found) / static_cast<double>(i + 1);
        score.p_at_1 += i == 0;
      }
      if (i + 1 == ten) {
        score.p_at_10 += static_cast<double>(found) / static_cast<double>(ten);
      }
    }
    score.map += precision / static_cast<double>(alike);
    ++score.queries;
  }
  if (score.queries > 0) {
    for (double* mean : {&score.p_at_1, &score.p_at_10, &score.map}) {
      *mean /= static_cast<double>(score.queries);
    }
  }
  return score;
}

}  // namespace ocelli
