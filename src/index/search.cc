#include "index/search.h"

#include <algorithm>
#include <optional>

#include "index/inverted_file.h"
#include "index/ranking.h"

namespace ocelli {
namespace {

// Below this share of the rows, reading them one by one is quicker than
// reading all.
constexpr std::size_t kSparse = 8;

// Lists hold the nearest ten of almost every query, but not the nearest
// thousand.
constexpr std::size_t kMaxApproximate = 101;

using Rankings = std::vector<std::vector<RankedRow>>;

// The lists first, and whatever came after them.
Result<Rankings> RankApproximately(const Snapshot& snapshot,
                                   std::span<const float> queries,
                                   std::size_t k) {
  const std::size_t probes = snapshot.file()->probing().probes;
  auto rankings =
      RankAll(snapshot, queries, k, snapshot.live(), snapshot.file_rows());
  for (std::size_t i = 0; i < rankings.size(); ++i) {
    const auto query = queries.subspan(i * snapshot.dimension(),  //
                                       snapshot.dimension());
    auto rows = snapshot.inverted_file()->Nearest(query, k, probes,  //
                                                  snapshot.live());
    if (!rows) return rows.Failure();
    for (const RankedRow& one : rankings[i]) rows->push_back(one.row);
    // Small lists, or much removed from them: then all are compared, so that
    // there are never fewer than k hits for want of looking.
    rankings[i] = rows->size() < k
                      ? RankAll(snapshot, query, k, snapshot.live()).front()
                      : RankRows(snapshot, query, *rows, k);
  }
  return rankings;
}

Result<Rankings> Rank(Store& store, const Snapshot& snapshot,
                      std::span<const float> queries,
                      const SearchOptions& options, std::size_t k) {
  if (options.where.empty()) {
    if (snapshot.inverted_file() && !options.exact && k <= kMaxApproximate) {
      return RankApproximately(snapshot, queries, k);
    }
    return RankAll(snapshot, queries, k, snapshot.live());
  }
  auto slots = store.Matching(options.where);
  if (!slots) return slots.Failure();
  std::vector<std::uint32_t> rows;
  for (const std::int64_t slot : *slots) {
    if (const auto row = snapshot.RowOf(slot)) rows.push_back(*row);
  }
  if (rows.size() < snapshot.rows() / kSparse) {
    Rankings rankings;
    for (std::size_t at = 0; at < queries.size(); at += snapshot.dimension()) {
      rankings.push_back(RankRows(
          snapshot, queries.subspan(at, snapshot.dimension()), rows, k));
    }
    return rankings;
  }
  RowSet matching = RowSet::None(snapshot.rows());
  for (const std::uint32_t row : rows) matching.Add(row);
  return RankAll(snapshot, queries, k, &matching);
}

// The first k, those equally similar by id, without the excluded.
Result<std::vector<Hit>> Hits(Store& store, const Snapshot& snapshot,
                              std::span<const RankedRow> ranking,
                              const SearchOptions& options,
                              const std::string& exclude_id) {
  struct Named {
    float similarity;
    std::string id;
    std::int64_t slot;
  };
  std::vector<Named> named;
  for (const RankedRow& ranked : ranking) {
    const std::int64_t slot = snapshot.SlotAt(ranked.row);
    auto id = store.IdAt(slot);
    if (!id) return id.Failure();
    if (!exclude_id.empty() && *id == exclude_id) continue;
    named.push_back({ranked.similarity, std::move(*id), slot});
  }
  std::sort(named.begin(), named.end(), [](const Named& a, const Named& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity
                                        : a.id < b.id;
  });
  named.resize(std::min(named.size(), static_cast<std::size_t>(options.k)));
  std::vector<Hit> hits;
  for (const Named& one : named) {
    auto item = store.ItemAt(one.slot);
    if (!item) return item.Failure();
    const bool identical = options.query_digest == item->digest;
    hits.push_back({std::move(*item), one.similarity, identical});
  }
  return hits;
}

}  // namespace

Result<std::vector<std::vector<Hit>>> SearchSnapshot(
    Store& store, const Snapshot& snapshot, std::span<const float> queries,
    const SearchOptions& options, std::span<const std::string> exclude_ids) {
  // One more, which may be excluded.
  const auto k = static_cast<std::size_t>(options.k) + 1;
  auto rankings = Rank(store, snapshot, queries, options, k);
  if (!rankings) return rankings.Failure();
  std::vector<std::vector<Hit>> answers;
  for (std::size_t i = 0; i < rankings->size(); ++i) {
    auto hits = Hits(store, snapshot, (*rankings)[i], options,
                     exclude_ids.empty() ? options.exclude_id : exclude_ids[i]);
    if (!hits) return hits.Failure();
    answers.push_back(std::move(*hits));
  }
  return answers;
}

}  // namespace ocelli
