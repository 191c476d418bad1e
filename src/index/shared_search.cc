#include "index/shared_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "index/filter_expression.h"
#include "index/similarity.h"

namespace ocelli {
namespace {

constexpr std::size_t kQueriesAtOnce = 32;
constexpr std::size_t kGrowth = 4;

// How many candidates are ranked for k hits at first.
std::size_t FirstCount(Quantization quantization, std::size_t k) {
  switch (quantization) {
    case Quantization::kInt8:
      return 2 * k + 16;
    case Quantization::kBinary:
      return 8 * k + 64;
    case Quantization::kNone:
      break;
  }
  return k + 8;
}

// How far Redis's reckoning, with a query that it rounds too, may be off.
float Slack(Quantization quantization, std::span<const float> query) {
  constexpr float kFloats = 1e-5f;
  switch (quantization) {
    case Quantization::kNone:
      return kFloats;
    case Quantization::kBinary:
      return std::numeric_limits<float>::infinity();
    case Quantization::kInt8:
      break;
  }
  float largest = 0;
  for (const float value : query) largest = std::max(largest, std::abs(value));
  double squares = 0;
  for (const float value : query) {
    const double scaled = value / largest * 127.0;
    const double lost = (scaled - std::round(scaled)) * largest / 127;
    squares += lost * lost;
  }
  // By Cauchy and Schwarz for the query; the lengths of rounded vectors differ
  // from 1 by much less.
  return static_cast<float>(std::sqrt(squares)) + 0.003f;
}

// One query on its way to its hits.
struct Pursuit {
  std::span<const float> query;
  const std::string* exclude_id = nullptr;
  std::size_t count = 0;
  int effort = 0;
  std::vector<Hit> hits = {};
  bool done = false;
};

class Search {
 public:
  Search(SharedStore& store, const SearchOptions& options, std::uint64_t most)
      : store_(store),
        options_(options),
        most_(most),
        filter_(FilterExpression(options.where)) {}

  // Brings every pursuit one step further.
  Result<> Step(std::span<Pursuit* const> pursuits) {
    std::vector<SharedStore::NearestQuery> questions;
    for (const Pursuit* one : pursuits) {
      questions.push_back({one->query, one->count, one->effort, filter_});
    }
    auto nearest = store_.FindNearest(questions);
    if (!nearest) return nearest.Failure();
    // What several have found is read once.
    std::vector<std::string> ids;
    std::unordered_map<std::string_view, std::size_t> places;
    for (const auto& found : *nearest) {
      for (const std::string& id : found.ids) {
        if (places.emplace(id, ids.size()).second) ids.push_back(id);
      }
    }
    auto kept = store_.Read(ids, /*with_vectors=*/true);
    if (!kept) return kept.Failure();
    for (std::size_t i = 0; i < pursuits.size(); ++i) {
      std::vector<const SharedStore::Kept*> candidates;
      for (const std::string& id : (*nearest)[i].ids) {
        // Gone since, unless there.
        const auto& one = (*kept)[places.at(id)];
        if (one) candidates.push_back(&*one);
      }
      Rank(candidates, *pursuits[i]);
      Decide((*nearest)[i], *pursuits[i]);
    }
    return {};
  }

 private:
  bool Satisfies(const Item& item) const {
    return std::all_of(options_.where.begin(), options_.where.end(),
                       [&](const Condition& condition) {
                         const auto found = item.metadata.find(condition.key);
                         return found == item.metadata.end()
                                    ? condition.HoldsWithoutKey()
                                    : condition.Holds(found->second);
                       });
  }

  void Rank(std::span<const SharedStore::Kept* const> candidates,
            Pursuit& pursuit) const {
    struct Ranked {
      float similarity;
      const SharedStore::Kept* kept;
    };
    std::vector<Ranked> ranked;
    for (const SharedStore::Kept* kept : candidates) {
      const Item& item = kept->record.item;
      if (item.id == *pursuit.exclude_id || !Satisfies(item)) continue;
      ranked.push_back(
          {Similarity(Metric::kCosine, pursuit.query, kept->vector), kept});
    }
    std::sort(ranked.begin(), ranked.end(),
              [](const Ranked& a, const Ranked& b) {
                return a.similarity != b.similarity
                           ? a.similarity > b.similarity
                           : a.kept->record.item.id < b.kept->record.item.id;
              });
    ranked.resize(
        std::min(ranked.size(), static_cast<std::size_t>(options_.k)));
    pursuit.hits.clear();
    for (const Ranked& one : ranked) {
      const Item& item = one.kept->record.item;
      pursuit.hits.push_back(
          {item, one.similarity, options_.query_digest == item.digest});
    }
  }

  // Whether that was enough, and otherwise how to go on.
  void Decide(const SharedStore::Nearest& nearest, Pursuit& pursuit) const {
    const bool all =
        pursuit.hits.size() == static_cast<std::size_t>(options_.k);
    if (pursuit.effort > 0) {
      // A graph may not lead everywhere: never fewer than k for want of
      // looking.
      pursuit.done = all;
      pursuit.effort = 0;
      return;
    }
    pursuit.done = !nearest.beyond || pursuit.count >= most_ ||
                   (all && *nearest.beyond + Slack(store_.spec().quantization,
                                                   pursuit.query) <
                               pursuit.hits.back().similarity);
    pursuit.count = std::min<std::size_t>(pursuit.count * kGrowth, most_);
  }

  SharedStore& store_;
  const SearchOptions& options_;
  const std::uint64_t most_;  // Items of one partition.
  const std::string filter_;
};

}  // namespace

Result<std::vector<std::vector<Hit>>> SearchShared(
    SharedStore& store, std::span<const float> queries,
    const SearchOptions& options, std::span<const std::string> exclude_ids,
    std::span<const std::uint64_t> counts, int effort) {
  const std::uint64_t most =
      counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  const auto dimension = static_cast<std::size_t>(store.spec().spec.dimension);
  const auto k = static_cast<std::size_t>(options.k) + 1;
  std::vector<Pursuit> pursuits(queries.size() / dimension);
  for (std::size_t i = 0; i < pursuits.size(); ++i) {
    pursuits[i] = {.query = queries.subspan(i * dimension, dimension),
                   .exclude_id = exclude_ids.empty() ? &options.exclude_id
                                                     : &exclude_ids[i],
                   .count = FirstCount(store.spec().quantization, k),
                   .effort = effort};
  }
  Search search(store, options, most);
  for (std::size_t at = 0; at < pursuits.size(); at += kQueriesAtOnce) {
    const auto some = std::span(pursuits).subspan(
        at, std::min(kQueriesAtOnce, pursuits.size() - at));
    while (true) {
      std::vector<Pursuit*> going;
      for (Pursuit& pursuit : some) {
        if (!pursuit.done) going.push_back(&pursuit);
      }
      if (going.empty()) break;
      if (auto stepped = search.Step(going); !stepped) return stepped.Failure();
    }
  }
  std::vector<std::vector<Hit>> answers;
  for (Pursuit& pursuit : pursuits) answers.push_back(std::move(pursuit.hits));
  return answers;
}

}  // namespace ocelli
