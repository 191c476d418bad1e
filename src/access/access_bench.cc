#include <benchmark/benchmark.h>

#include "access/access.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

// What every request with a key pays.
void BM_CallerOfKey(benchmark::State& state) {
  const TestFolder folder;
  const auto store = AccessStore::Open(folder / "access.sqlite").value();
  std::string key;
  for (int i = 0; i < 100; ++i) {
    key = store
              ->CreateKey(Caller::Owner(),
                          {"key " + std::to_string(i), Scope::kRead, {}})
              .value()
              .text;
  }
  for (auto _ : state) {
    if (!store->CallerOfKey(key)) state.SkipWithError("unknown key");
  }
}
BENCHMARK(BM_CallerOfKey)->Unit(benchmark::kMicrosecond);

// One hash, as a log-in computes it.
void BM_Password(benchmark::State& state) {
  const auto hasher = MakePasswordHasher();
  for (auto _ : state) {
    if (!hasher->Hash("correct horse")) state.SkipWithError("no memory");
  }
}
BENCHMARK(BM_Password)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
