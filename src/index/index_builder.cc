#include "index/index_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "index/inverted_file.h"
#include "index/ranking.h"
#include "index/snapshot.h"

namespace ocelli {
namespace {

constexpr std::size_t kNeighbours = 10;
constexpr std::size_t kQueries = 200;
// Of stored vectors; queries from outside do a little worse.
constexpr float kWantedRecall = 0.98f;
constexpr std::array<std::size_t, 13> kProbes = {1,  2,  3,  4,  6,  8, 12,
                                                 16, 24, 32, 48, 64, 96};
// Reading more than this share of the lists is hardly faster than all.
constexpr std::size_t kMinGain = 8;

// Twice as many as vectors in each: finding the lists costs about as much as
// reading those that a query needs.
// `rows` at least 1.
std::size_t ListsFor(std::size_t rows) {
  const double lists = 2 * std::sqrt(static_cast<double>(rows));
  return std::min(static_cast<std::size_t>(lists), rows);
}

// The similarity of the last neighbour of each query, and how many there are.
struct Truth {
  std::size_t row = 0;  // The query itself.
  float last = 0;
  std::size_t neighbours = 0;
};

std::vector<RankedRow> Without(std::size_t row,
                               std::vector<RankedRow> ranking) {
  std::erase_if(ranking,
                [row](const RankedRow& one) { return one.row == row; });
  ranking.resize(std::min(ranking.size(), kNeighbours));
  return ranking;
}

std::vector<Truth> FindTruth(const Snapshot& snapshot) {
  const std::size_t count = std::min(kQueries, snapshot.rows());
  std::vector<Truth> truths(count);
  std::vector<float> queries;
  for (std::size_t i = 0; i < count; ++i) {
    truths[i].row = (2 * i + 1) * snapshot.rows() / (2 * count);
    const auto vector = snapshot.VectorAt(truths[i].row);
    queries.insert(queries.end(), vector.begin(), vector.end());
  }
  auto rankings = RankAll(snapshot, queries, kNeighbours + 1, nullptr);
  for (std::size_t i = 0; i < count; ++i) {
    const auto ranking = Without(truths[i].row, std::move(rankings[i]));
    truths[i].neighbours = ranking.size();
    truths[i].last = ranking.empty() ? 0 : ranking.back().similarity;
  }
  return truths;
}

Result<float> MeasureRecall(const Snapshot& snapshot, const InvertedFile& lists,
                            std::span<const Truth> truths, std::size_t probes) {
  std::size_t found = 0, wanted = 0;
  for (const Truth& truth : truths) {
    const auto query = snapshot.VectorAt(truth.row);
    auto rows = lists.Nearest(query, kNeighbours + 1, probes, nullptr);
    if (!rows) return rows.Failure();
    for (const RankedRow& one : Without(
             truth.row, RankRows(snapshot, query, *rows, kNeighbours + 1))) {
      found += one.similarity >= truth.last ? 1 : 0;
    }
    wanted += truth.neighbours;
  }
  return wanted ? static_cast<float>(found) / static_cast<float>(wanted) : 1;
}

Result<Probing> ChooseProbing(const std::shared_ptr<const IndexFile>& file) {
  auto snapshot = Snapshot::Of(file);
  if (!snapshot) return snapshot.Failure();
  auto lists = InvertedFile::Over(file);
  if (!lists) return lists.Failure();
  const auto truths = FindTruth(*snapshot);
  Probing probing;
  probing.queries = static_cast<std::uint32_t>(truths.size());
  for (const std::size_t probes : kProbes) {
    if (probes * kMinGain > file->list_ends().size()) break;
    auto recall = MeasureRecall(*snapshot, **lists, truths, probes);
    if (!recall) return recall.Failure();
    probing.recall = *recall;
    if (*recall >= kWantedRecall) {
      probing.probes = static_cast<std::uint32_t>(probes);
      break;
    }
  }
  return probing;
}

}  // namespace

Result<std::shared_ptr<const IndexFile>> WriteIndexFile(
    Store& store, const std::filesystem::path& place) {
  const CollectionSpec& spec = store.spec();
  auto writer = IndexFileWriter::Create(place, spec.metric, spec.dimension);
  if (!writer) return writer.Failure();
  auto now = store.Now();
  if (!now) return now.Failure();
  auto written = store.VectorsAfter(
      0, [&](std::int64_t slot, std::span<const float> vector) {
        return writer->Append(slot, vector);
      });
  if (written) written = writer->Finish(*now);
  if (written) written = writer->Publish();
  if (!written) return written.Failure();
  return IndexFile::Open(place, spec.metric, spec.dimension);
}

Result<std::shared_ptr<const IndexFile>> DivideIndexFile(
    const std::shared_ptr<const IndexFile>& file,
    const std::filesystem::path& place) {
  const std::size_t lists = ListsFor(file->rows());
  auto division = Divide(*file, lists);
  if (!division) return division.Failure();
  std::vector<std::uint64_t> ends(lists);
  for (const std::uint32_t list : division->list_of_row) ++ends[list];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  std::vector<std::uint32_t> order(file->rows());
  auto next = ends;
  for (std::size_t row = file->rows(); row-- > 0;) {
    order[--next[division->list_of_row[row]]] = static_cast<std::uint32_t>(row);
  }

  const auto dimension = static_cast<int>(file->dimension());
  auto writer = IndexFileWriter::Create(place, file->metric(), dimension);
  if (!writer) return writer.Failure();
  for (const std::uint32_t row : order) {
    auto written = writer->Append(
        file->SlotAt(row),
        file->vectors().subspan(row * file->dimension(), file->dimension()));
    if (!written) return written.Failure();
  }
  auto written = writer->Finish(file->moment(), ends, division->centroids);
  if (!written) return written.Failure();
  auto divided =
      IndexFile::Open(writer->unpublished(), file->metric(), dimension);
  if (!divided) return divided.Failure();
  auto probing = ChooseProbing(*divided);
  if (!probing) return probing.Failure();
  if (auto done = writer->Publish(*probing); !done) return done.Failure();
  return IndexFile::Open(place, file->metric(), dimension);
}

}  // namespace ocelli
