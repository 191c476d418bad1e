#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "core/mapped_file.h"
#include "core/vector_csv.h"

namespace ocelli {
namespace {

constexpr int kDimension = 1280;

// As pandas writes embeddings: doubles with all of their digits.
std::string EmbeddingsCsv(int rows) {
  std::string text = "path,embedding\n";
  std::uint32_t seed = 1;
  for (int row = 0; row < rows; ++row) {
    text += "img_" + std::to_string(row) + ".jpg,";
    for (int i = 0; i < kDimension; ++i) {
      seed = seed * 1664525 + 1013904223;
      const float value = (static_cast<float>(seed >> 8) / (1 << 24) - .5f) / 9;
      char number[32];
      std::snprintf(number, sizeof(number), i ? " %.17g" : "%.17g",
                    static_cast<double>(value));
      text += number;
    }
    text += '\n';
  }
  return text;
}

void ReadVectors(benchmark::State& state, std::string_view text) {
  VectorCsvOptions options;
  options.threads = static_cast<int>(state.range(0));
  std::size_t rows = 0;
  for (auto _ : state) {
    const auto csv = VectorCsv::Open(text, options);
    std::vector<float> matrix;
    const auto read = csv->Read([&](VectorCsvRows part) -> Result<> {
      matrix.insert(matrix.end(), part.values.begin(), part.values.end());
      return {};
    });
    if (!read) state.SkipWithError("Read failed");
    rows = matrix.size() / csv->dimension();
    benchmark::DoNotOptimize(matrix.data());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(text.size()));
  state.counters["rows"] = static_cast<double>(rows);
}

// A matrix out of text, on as many threads as the argument says.
void BM_ReadVectorCsv(benchmark::State& state) {
  static const std::string text = EmbeddingsCsv(1000);
  ReadVectors(state, text);
}
BENCHMARK(BM_ReadVectorCsv)
    ->Arg(1)
    ->Arg(2)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// The same out of the file that $OCELLI_BENCH_CSV names, opened each time.
void BM_ReadVectorCsvFile(benchmark::State& state) {
  const char* path = std::getenv("OCELLI_BENCH_CSV");
  const auto file = MappedFile::Open(path ? path : "");
  if (!file) return state.SkipWithError("set OCELLI_BENCH_CSV to a file");
  ReadVectors(state, {reinterpret_cast<const char*>(file->bytes().data()),
                      file->bytes().size()});
}
BENCHMARK(BM_ReadVectorCsvFile)
    ->Arg(1)
    ->Arg(2)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// What finding the records alone costs.
void BM_SplitCsv(benchmark::State& state) {
  static const std::string text = EmbeddingsCsv(1000);
  for (auto _ : state) {
    auto reader = CsvReader::Open(text);
    while (const auto record = reader->Next()) {
      benchmark::DoNotOptimize(record);
    }
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_SplitCsv);

}  // namespace
}  // namespace ocelli
