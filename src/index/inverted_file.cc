#include "index/inverted_file.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/invlists/InvertedLists.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <utility>

namespace ocelli {
namespace {

using faiss::Index;

// More of either changes recall by less than it costs time.
constexpr std::size_t kSamplesOfList = 40;
constexpr int kRounds = 6;
constexpr std::size_t kRowsAtOnce = 4096;

// FAISS throws; we return. OpenMP's threads are this calling thread's setting.
template <typename Call>
Result<> CallFaiss(const char* doing, int threads, Call call) {
  try {
    omp_set_num_threads(threads);
    call();
    return {};
  } catch (const faiss::FaissException& e) {
    return Fail(ErrorCode::kInternal, std::string(doing) + ": " + e.what());
  } catch (const std::bad_alloc&) {
    return Fail(ErrorCode::kResourceExhausted,
                std::string(doing) + ": not enough memory");
  }
}

faiss::MetricType FaissMetric(Metric metric) {
  return metric == Metric::kCosine ? faiss::METRIC_INNER_PRODUCT
                                   : faiss::METRIC_L2;
}

// Evenly spread over the rows.
std::vector<float> Sample(const IndexFile& file, std::size_t count) {
  std::vector<float> sample;
  sample.reserve(count * file.dimension());
  for (std::size_t i = 0; i < count; ++i) {
    const auto vector = file.vectors().subspan(
        i * file.rows() / count * file.dimension(), file.dimension());
    sample.insert(sample.end(), vector.begin(), vector.end());
  }
  return sample;
}

// The lists of an index file where they lie; the ids are rows.
class MappedLists final : public faiss::ReadOnlyInvertedLists {
 public:
  explicit MappedLists(const IndexFile& file)
      : ReadOnlyInvertedLists(file.list_ends().size(),
                              file.dimension() * sizeof(float)),
        file_(file),
        rows_(file.rows()) {
    std::iota(rows_.begin(), rows_.end(), Index::idx_t{0});
  }

  std::size_t list_size(std::size_t list) const override {
    return static_cast<std::size_t>(file_.list_ends()[list]) - Begin(list);
  }
  const std::uint8_t* get_codes(std::size_t list) const override {
    return reinterpret_cast<const std::uint8_t*>(
        file_.vectors().data() + Begin(list) * file_.dimension());
  }
  const idx_t* get_ids(std::size_t list) const override {
    return rows_.data() + Begin(list);
  }

 private:
  std::size_t Begin(std::size_t list) const {
    return list == 0 ? 0
                     : static_cast<std::size_t>(file_.list_ends()[list - 1]);
  }

  const IndexFile& file_;
  std::vector<idx_t> rows_;
};

}  // namespace

Result<Division> Divide(const IndexFile& file, std::size_t lists) {
  const std::size_t dimension = file.dimension(), rows = file.rows();
  const auto signed_dimension = static_cast<int>(dimension);
  const int threads =
      static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  Division division;
  faiss::IndexFlat coarse(signed_dimension, FaissMetric(file.metric()));
  auto trained = CallFaiss("clustering", threads, [&] {
    faiss::ClusteringParameters parameters;
    parameters.niter = kRounds;
    parameters.spherical = file.metric() == Metric::kCosine;
    parameters.min_points_per_centroid = 1;  // Fewer are no mistake.
    faiss::Clustering clustering(signed_dimension, static_cast<int>(lists),
                                 parameters);
    const std::size_t samples = std::min(rows, lists * kSamplesOfList);
    clustering.train(static_cast<Index::idx_t>(samples),
                     Sample(file, samples).data(), coarse);
    division.centroids = std::move(clustering.centroids);
  });
  if (!trained) return trained.Failure();

  division.list_of_row.resize(rows);
  std::atomic<std::size_t> next = 0;
  std::vector<Result<>> results(static_cast<std::size_t>(threads));
  const auto assign = [&](Result<>& result) {
    result = CallFaiss("assigning to lists", 1, [&] {
      std::vector<Index::idx_t> nearest(kRowsAtOnce);
      std::vector<float> distances(kRowsAtOnce);
      for (std::size_t at; (at = next.fetch_add(kRowsAtOnce)) < rows;) {
        const std::size_t count = std::min(kRowsAtOnce, rows - at);
        coarse.search(static_cast<Index::idx_t>(count),
                      file.vectors().data() + at * dimension, 1,
                      distances.data(), nearest.data());
        for (std::size_t i = 0; i < count; ++i) {
          // None is nearest to a vector with NaN.
          division.list_of_row[at + i] =
              static_cast<std::uint32_t>(std::max<Index::idx_t>(nearest[i], 0));
        }
      }
    });
  };
  {
    std::vector<std::jthread> workers;
    for (auto& result : results) workers.emplace_back(assign, std::ref(result));
  }
  for (auto& result : results) {
    if (!result) return result.Failure();
  }
  return division;
}

struct InvertedFile::State {
  explicit State(std::shared_ptr<const IndexFile> its_file)
      : file(std::move(its_file)),
        lists(*file),
        coarse(static_cast<Index::idx_t>(file->dimension()),
               FaissMetric(file->metric())),
        index(&coarse, file->dimension(), file->list_ends().size(),
              FaissMetric(file->metric())) {
    coarse.add(static_cast<Index::idx_t>(file->list_ends().size()),
               file->centroids().data());
    index.replace_invlists(&lists, false);
    index.ntotal = static_cast<Index::idx_t>(file->rows());
    index.is_trained = true;
  }

  const std::shared_ptr<const IndexFile> file;  // And those who opened it.
  MappedLists lists;
  faiss::IndexFlat coarse;
  faiss::IndexIVFFlat index;
};

InvertedFile::InvertedFile(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
InvertedFile::~InvertedFile() = default;

Result<std::shared_ptr<const InvertedFile>> InvertedFile::Over(
    std::shared_ptr<const IndexFile> file) {
  std::unique_ptr<State> state;
  auto made = CallFaiss("opening the lists", 1, [&] {
    state = std::make_unique<State>(std::move(file));
  });
  if (!made) return made.Failure();
  return std::shared_ptr<const InvertedFile>(
      new InvertedFile(std::move(state)));
}

Result<std::vector<std::uint32_t>> InvertedFile::Nearest(
    std::span<const float> query, std::size_t k, std::size_t probes,
    const RowSet* live) const {
  std::vector<Index::idx_t> found(k);
  std::vector<float> distances(k);
  auto searched = CallFaiss("searching the lists", 1, [&] {
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = probes;
    // Rows in files are those before the end of the set.
    faiss::IDSelectorBitmap selector(live ? live->bytes().size() : 0,
                                     live ? live->bytes().data() : nullptr);
    if (live) parameters.sel = &selector;
    state_->index.search(1, query.data(), static_cast<Index::idx_t>(k),
                         distances.data(), found.data(), &parameters);
  });
  if (!searched) return searched.Failure();
  std::vector<std::uint32_t> rows;
  for (const Index::idx_t row : found) {
    if (row >= 0) rows.push_back(static_cast<std::uint32_t>(row));
  }
  return rows;
}

}  // namespace ocelli
