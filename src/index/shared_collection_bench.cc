// Collections in Redis 8 beside an embedded one of the same vectors: how long a
// search takes, how many of the nearest ten it finds, how much memory a vector
// takes. Redis is what $OCELLI_DEPS has. OCELLI_BENCH_COUNT: how many vectors.
// With OCELLI_VECTORS, what precedes _base.fvecs and _query.fvecs, those too.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/check.h"
#include "core/test_folder.h"
#include "index/collection.h"
#include "index/test_shared_index.h"
#include "index/test_vector_world.h"
#include "index/test_vectors.h"
#include "index/vector_files.h"

namespace ocelli {
namespace {

constexpr std::size_t kQueries = 200;

struct Vectors {
  int dimension = 0;
  std::vector<float> base;
  std::vector<float> queries;
  std::span<const float> Query(std::size_t i) const {
    const auto size = static_cast<std::size_t>(dimension);
    return std::span(queries).subspan(i % (queries.size() / size) * size, size);
  }
};

std::size_t Count() {
  const char* count = std::getenv("OCELLI_BENCH_COUNT");
  return count ? std::strtoul(count, nullptr, 10) : 10'000;
}

// Of a dimension; 0: those of the files.
const Vectors& VectorsOf(int dimension) {
  static std::map<int, Vectors> made;
  const auto [at, added] = made.try_emplace(dimension);
  Vectors& vectors = at->second;
  if (!added) return vectors;
  if (dimension > 0) {
    vectors.dimension = dimension;
    VectorWorld world(dimension);
    const auto draw = [&](std::size_t count, std::vector<float>& into) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto one = world.Draw();
        into.insert(into.end(), one.begin(), one.end());
      }
    };
    draw(kQueries, vectors.queries);
    draw(Count(), vectors.base);
    return vectors;
  }
  const std::string prefix = std::getenv("OCELLI_VECTORS");
  const auto read = [&](const std::string& path, std::vector<float>& into) {
    auto file = VectorFile::Open(path).value();
    vectors.dimension = file.dimension();
    into.resize(file.rows() * static_cast<std::size_t>(file.dimension()));
    OCELLI_CHECK(file.Read(0, into));
  };
  read(prefix + "_base.fvecs", vectors.base);
  read(prefix + "_query.fvecs", vectors.queries);
  return vectors;
}

void Fill(Collection& collection, const Vectors& vectors) {
  const auto size = static_cast<std::size_t>(vectors.dimension);
  constexpr std::size_t kAtOnce = 512;
  std::vector<Entry> entries;
  for (std::size_t at = 0; at < vectors.base.size(); at += size) {
    const auto vector = std::span(vectors.base).subspan(at, size);
    entries.push_back({{std::to_string(at / size), {}, "", {}},
                       {vector.begin(), vector.end()}});
    if (entries.size() < kAtOnce && at + size < vectors.base.size()) continue;
    collection.Put(entries).value();
    entries.clear();
  }
  OCELLI_CHECK(collection.UpdateIndex());
}

// One of each kind, made when it is first measured.
struct Sample {
  std::unique_ptr<TestFolder> folder = std::make_unique<TestFolder>();
  std::unique_ptr<Collection> collection;
  double fill_seconds = 0;
};

// `quantization`: -1 embedded, compared exactly; -2 embedded, by lists.
Sample& SampleOf(int dimension, int quantization) {
  static std::map<std::tuple<int, int>, Sample> made;
  Sample& sample = made[{dimension, quantization}];
  if (sample.collection) return sample;
  const Vectors& vectors = VectorsOf(dimension);
  CollectionSpec spec = Spec(vectors.dimension);
  spec.name += std::to_string(dimension) + "-" + std::to_string(quantization);
  CollectionOptions options;
  if (quantization == -2) options.approximate_from_bytes = 1;
  options.shared_approximate_from_numbers = 1;
  const auto begin = std::chrono::steady_clock::now();
  sample.collection =
      quantization < 0
          ? Collection::Create(sample.folder->path(), spec, options).value()
          : Collection::CreateShared(
                sample.folder->path(), spec,
                {.address = Redis8().url(),
                 .quantization = static_cast<Quantization>(quantization)},
                options)
                .value();
  Fill(*sample.collection, vectors);
  sample.fill_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return sample;
}

double RecallAt10(Collection& collection, Collection& exact,
                  const Vectors& vectors) {
  const auto size = static_cast<std::size_t>(vectors.dimension);
  std::size_t right = 0, all = 0;
  for (std::size_t i = 0; i < vectors.queries.size() / size; ++i) {
    const auto best =
        exact.Search(vectors.Query(i), {.k = 10, .exact = true}).value();
    const auto found = collection.Search(vectors.Query(i)).value();
    all += best.size();
    for (const Hit& hit : best) {
      right += std::any_of(found.begin(), found.end(), [&](const Hit& one) {
        return one.item.id == hit.item.id;
      });
    }
  }
  return static_cast<double>(right) / static_cast<double>(all);
}

void BM_Shared(benchmark::State& state) {
  if (!HasRedis8()) return state.SkipWithError(kNoRedis8);
  const auto dimension = static_cast<int>(state.range(0));
  const Vectors& vectors = VectorsOf(dimension);
  Sample& sample = SampleOf(dimension, static_cast<int>(state.range(1)));
  const bool exact = state.range(2) != 0;
  std::size_t i = 0;
  for (auto _ : state) {
    auto hits = sample.collection->Search(vectors.Query(i++), {.exact = exact});
    if (!hits || hits->size() != 10) state.SkipWithError("no ten hits");
  }
  const CollectionStats stats = sample.collection->Stats().value();
  state.counters["bytes"] =
      static_cast<double>(stats.bytes) / static_cast<double>(stats.items);
  state.counters["fill_us"] =
      sample.fill_seconds / static_cast<double>(stats.items) * 1e6;
  state.counters["effort"] = stats.effort;
  if (!exact) {
    state.counters["recall"] = RecallAt10(
        *sample.collection, *SampleOf(dimension, -1).collection, vectors);
  }
}

void Kinds(benchmark::internal::Benchmark* benchmark) {
  std::vector<int> dimensions = {512, 768};
  if (std::getenv("OCELLI_VECTORS")) dimensions.push_back(0);
  for (const int dimension : dimensions) {
    for (const int kind : {-1, -2, 0, 1, 2}) {
      if (dimension == 0 && kind == 2) continue;  // All signs are the same.
      benchmark->Args({dimension, kind, 0});
      if (kind >= 0) benchmark->Args({dimension, kind, 1});
    }
  }
}
BENCHMARK(BM_Shared)
    ->ArgNames({"dimension", "kind", "exact"})
    ->Apply(Kinds)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace ocelli
