#include <benchmark/benchmark.h>

#include <string>

#include "cache/result_cache.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

constexpr int kEntries = 500;

ResultKey Key(std::int64_t n) {
  return {Sha256(std::to_string(n)), Sha256("models")};
}

std::unique_ptr<ResultCache> Filled(std::unique_ptr<ResultCache> cache,
                                    std::int64_t size) {
  for (std::int64_t n = 0; n < kEntries; ++n) {
    if (!cache->Put(Key(n), std::string(static_cast<std::size_t>(size), 'x'))) {
      return nullptr;
    }
  }
  return cache;
}

void Hit(benchmark::State& state, ResultCache* cache) {
  std::vector<ResultKey> keys;
  for (std::int64_t n = 0; n < kEntries; ++n) keys.push_back(Key(n));
  std::size_t n = 0;
  for (auto _ : state) {
    auto value = cache->Get(keys[n++ % keys.size()]);
    if (!value || !*value) state.SkipWithError("no hit");
  }
}

// The measure of the others: what a photo costs before any cache is asked.
void BM_HashPhoto200kB(benchmark::State& state) {
  const std::string photo(200'000, 'p');
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(photo));
}
BENCHMARK(BM_HashPhoto200kB);

// 6 kB: one face with its mesh; 60 kB: ten.
void BM_MemoryHit(benchmark::State& state) {
  Hit(state, Filled(MakeMemoryCache({}), state.range(0)).get());
}
BENCHMARK(BM_MemoryHit)->Arg(6'000)->Arg(60'000);

void BM_SqliteHit(benchmark::State& state) {
  const TestFolder folder;
  const auto file = folder / "results.sqlite";
  Filled(OpenSqliteCache(file, {}).value(), state.range(0));
  const auto cache = OpenSqliteCache(file, {}).value();
  Hit(state, cache.get());
}
BENCHMARK(BM_SqliteHit)->Arg(6'000)->Arg(60'000);

void BM_SqlitePut(benchmark::State& state) {
  const TestFolder folder;
  const auto cache = OpenSqliteCache(folder / "results.sqlite", {}).value();
  std::int64_t n = 0;
  for (auto _ : state) {
    if (!cache->Put(
            Key(n++),
            std::string(static_cast<std::size_t>(state.range(0)), 'x'))) {
      state.SkipWithError("Put failed");
    }
  }
}
BENCHMARK(BM_SqlitePut)->Arg(6'000)->Arg(60'000);

// What a cold process pays for one cached photo.
void BM_SqliteOpenAndHit(benchmark::State& state) {
  const TestFolder folder;
  const auto file = folder / "results.sqlite";
  Filled(OpenSqliteCache(file, {}).value(), 6'000);
  for (auto _ : state) {
    auto value = OpenSqliteCache(file, {}).value()->Get(Key(7));
    if (!value || !*value) state.SkipWithError("no hit");
  }
}
BENCHMARK(BM_SqliteOpenAndHit);

}  // namespace
}  // namespace ocelli
