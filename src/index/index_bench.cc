// Searching collections of synthetic vectors.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/test_folder.h"
#include "index/collection.h"
#include "index/index_file.h"
#include "index/similarity.h"
#include "index/test_vector_world.h"
#include "index/test_vectors.h"
#include "index/vector_files.h"

namespace ocelli {
namespace {

constexpr std::size_t kQueries = 200;  // Not in the collection.

// A collection of such vectors, made once, and queries from the same world.
struct Sample {
  Sample(std::size_t count, int dimension) {
    VectorWorld world(dimension);
    for (std::size_t i = 0; i < kQueries; ++i) {
      const auto query = world.Draw();
      queries.insert(queries.end(), query.begin(), query.end());
    }
    auto made = Collection::Create(folder.path(), Spec(dimension)).value();
    for (std::size_t at = 0; at < count;) {
      std::vector<Entry> entries(std::min<std::size_t>(count - at, 20000));
      for (Entry& entry : entries) {
        entry.item.id = std::to_string(at);
        entry.item.metadata = {{"percent", std::to_string(at++ % 100)}};
        entry.vector = world.Draw();
      }
      made->Put(entries).value();
    }
    OCELLI_CHECK(made->UpdateIndex());
    made.reset();
    collection = Open();
  }
  std::unique_ptr<Collection> Open() const {
    auto opened = Collection::Open(folder.path(), "flags").value();
    opened->Stats().value();
    return opened;
  }
  std::span<const float> Query(std::size_t i) const {
    const auto dimension =
        static_cast<std::size_t>(collection->spec().dimension);
    return std::span(queries).subspan(i % kQueries * dimension, dimension);
  }

  TestFolder folder;
  std::vector<float> queries;
  std::unique_ptr<Collection> collection;
};

const Sample& Photos() {
  static const Sample kSample(100'000, 512);
  return kSample;
}

const Sample& Million() {
  static const Sample kSample(1'000'000, 128);
  return kSample;
}

void Search(benchmark::State& state, const Sample& sample,
            const SearchOptions& options) {
  std::size_t i = 0;
  for (auto _ : state) {
    auto hits = sample.collection->Search(sample.Query(i++), options);
    if (!hits || hits->size() != 10) state.SkipWithError("no ten hits");
  }
}

using Words = std::uint64_t __attribute__((vector_size(64)));

// What no exact search can be faster than.
void ReadOnce(benchmark::State& state, const Sample& sample) {
  const auto file =
      IndexFile::Open(sample.folder / "flags/vectors.index", Metric::kCosine,
                      sample.collection->spec().dimension)
          .value();
  const auto* words =
      reinterpret_cast<const std::uint64_t*>(file->vectors().data());
  const std::size_t count = file->vectors().size() / 2;
  for (auto _ : state) {
    Words sums[4] = {};
    for (std::size_t i = 0; i + 32 <= count; i += 32) {
      for (std::size_t lane = 0; lane < 4; ++lane) {
        Words values;
        std::memcpy(&values, words + i + 8 * lane, sizeof(values));
        sums[lane] += values;
      }
    }
    benchmark::DoNotOptimize(sums);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(count * 8));
}

void BM_Read100k(benchmark::State& state) { ReadOnce(state, Photos()); }
BENCHMARK(BM_Read100k)->Unit(benchmark::kMillisecond);

void BM_Exact100k(benchmark::State& state) { Search(state, Photos(), {}); }
BENCHMARK(BM_Exact100k)->Unit(benchmark::kMillisecond);

void BM_ExactMany100k(benchmark::State& state) {
  const auto queries = std::span(Photos().queries).first(64 * 512);
  for (auto _ : state) {
    if (!Photos().collection->SearchMany(queries)) state.SkipWithError("none");
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(BM_ExactMany100k)->Unit(benchmark::kMillisecond);

// So many percent of the items satisfy the condition.
void BM_Where100k(benchmark::State& state) {
  const auto where =
      Condition::Parse("percent<" + std::to_string(state.range(0)));
  Search(state, Photos(), {.where = {*where}});
}
BENCHMARK(BM_Where100k)->Arg(1)->Arg(50)->Unit(benchmark::kMillisecond);

std::size_t ResidentBytes() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

// With the check of every byte. memory: what the process grows by until the
// first answer, in sizes of the vectors.
void BM_Open100k(benchmark::State& state) {
  const Sample& sample = Photos();
  for (auto _ : state) {
    const auto opened = sample.Open();
    benchmark::DoNotOptimize(opened.get());
  }
  const std::size_t before = ResidentBytes();
  const auto opened = sample.Open();
  opened->Search(sample.Query(0)).value();
  state.counters["memory"] =
      static_cast<double>(ResidentBytes() - before) / (100'000 * 512 * 4.0);
}
BENCHMARK(BM_Open100k)->Unit(benchmark::kMillisecond);

void BM_Put100k(benchmark::State& state) {
  Entry entry{{"new", {}, "", {}}, {}};
  std::size_t i = 0;
  for (auto _ : state) {
    const auto vector = Photos().Query(i++);
    entry.vector.assign(vector.begin(), vector.end());
    if (!Photos().collection->Put({{entry}})) state.SkipWithError("Put");
  }
  Photos().collection->Remove({{"new"}}).value();
}
BENCHMARK(BM_Put100k)->Unit(benchmark::kMillisecond);

void BM_ExactMillion(benchmark::State& state) {
  Search(state, Million(), {.exact = true});
}
BENCHMARK(BM_ExactMillion)->Unit(benchmark::kMillisecond);

// recall: at 10, of queries that are not in the collection.
void BM_Million(benchmark::State& state) {
  Search(state, Million(), {});
  Collection& collection = *Million().collection;
  const auto exact =
      collection.SearchMany(Million().queries, {.exact = true}).value();
  const auto found = collection.SearchMany(Million().queries).value();
  std::size_t right = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    for (const Hit& hit : found[i]) {
      right += hit.similarity >= exact[i].back().similarity ? 1 : 0;
    }
  }
  const CollectionStats stats = collection.Stats().value();
  state.counters["recall"] = static_cast<double>(right) / (10.0 * kQueries);
  state.counters["measured"] = stats.recall_at_10;
  state.counters["probes"] = stats.probes;
  state.counters["lists"] = stats.lists;
}
BENCHMARK(BM_Million)->Unit(benchmark::kMillisecond);

std::vector<float> ReadAll(const std::string& path, int& dimension) {
  auto file = VectorFile::Open(path).value();
  dimension = file.dimension();
  std::vector<float> vectors(file.rows() * static_cast<std::size_t>(dimension));
  OCELLI_CHECK(file.Read(0, vectors));
  return vectors;
}

// right: of `lists` lists of Euclidean neighbours in a published ground truth,
// how many an exact search finds; those as far away may stand for each other.
// Runs where OCELLI_VECTORS is what precedes _base.fvecs, _query.fvecs and
// _groundtruth.ivecs.
void GroundTruth(benchmark::State& state, const std::string& prefix) {
  int dimension = 0;
  const auto base = ReadAll(prefix + "_base.fvecs", dimension);
  const auto queries = ReadAll(prefix + "_query.fvecs", dimension);
  const IntTable truth = ReadIvecs(prefix + "_groundtruth.ivecs").value();
  const auto size = static_cast<std::size_t>(dimension);
  const auto vector_at = [size](std::span<const float> from, std::size_t row) {
    return from.subspan(row * size, size);
  };
  const TestFolder folder;
  const auto collection =
      Collection::Create(folder.path(), Spec(dimension, Metric::kL2)).value();
  std::vector<Entry> entries(base.size() / size);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto vector = vector_at(base, i);
    entries[i] = {{std::to_string(i), {}, "", {}},
                  {vector.begin(), vector.end()}};
  }
  collection->Put(entries).value();
  const SearchOptions options{.k = static_cast<int>(truth.columns),
                              .exact = true};
  std::size_t right = 0;
  for (auto _ : state) {
    const auto found = collection->SearchMany(queries, options).value();
    right = 0;
    for (std::size_t i = 0; i < truth.rows; ++i) {
      bool same = found[i].size() == truth.columns;
      for (std::size_t n = 0; same && n < truth.columns; ++n) {
        const auto neighbour =
            static_cast<std::size_t>(truth.values[i * truth.columns + n]);
        same = found[i][n].similarity == Similarity(Metric::kL2,
                                                    vector_at(queries, i),
                                                    vector_at(base, neighbour));
      }
      right += same ? 1 : 0;
    }
  }
  state.counters["right"] = static_cast<double>(right);
  state.counters["lists"] = static_cast<double>(truth.rows);
}
const char* const kVectors = std::getenv("OCELLI_VECTORS");
[[maybe_unused]] const auto* const kGroundTruth =
    kVectors ? benchmark::RegisterBenchmark("BM_GroundTruth", GroundTruth,
                                            std::string(kVectors))
             : nullptr;

}  // namespace
}  // namespace ocelli
