#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <memory>
#include <string>

#include "archive/spool.h"
#include "archive/test_spool.h"

namespace ocelli {
namespace {

double CpuMilliseconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) +
           1e-3 * static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// A frame of 1080p from Append() to Release(), synced eight at a time on the
// disk below the current folder; its picture is not read. Reading it for the
// upload is extra where the argument is 1.
void BM_SpoolFrame(benchmark::State& state) {
  constexpr std::size_t kBytes = 300 << 10;
  std::string folder =
      (std::filesystem::current_path() / "spool-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) return state.SkipWithError("no folder");
  double cpu = 0;
  {
    const auto files = OpenSpoolFolder(folder);
    auto spool = files ? Spool::Open(**files, {}, std::nullopt)
                       : Result<std::unique_ptr<Spool>>(files.Failure());
    if (!spool) return state.SkipWithError(spool.error().message.c_str());
    TestFrame frame = MakeTestFrame(0, kBytes);
    std::vector<std::byte> body(64 << 10);
    const double before = CpuMilliseconds();
    for (auto _ : state) {
      frame.record.seq = (*spool)->next_seq();
      bool fine = bool((*spool)->Append(frame.record, frame.picture));
      if (frame.record.seq % 8 == 7) {
        fine = fine && (*spool)->Sync();
        for (int i = 0; i < 8; ++i) {
          const auto given = (*spool)->Next();
          fine = fine && given && *given;
          for (std::size_t at = 0; fine && state.range(0) && at < kBytes;
               at += body.size()) {
            fine = bool((*given)->body.read(at, body));
          }
        }
        fine = fine && (*spool)->Release(frame.record.seq);
      }
      if (!fine) {
        state.SkipWithError("the spool failed");
        break;
      }
    }
    cpu = CpuMilliseconds() - before;
  }
  std::filesystem::remove_all(folder);
  state.counters["cpu_ms_per_frame"] =
      benchmark::Counter(cpu, benchmark::Counter::kAvgIterations);
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(kBytes));
}
BENCHMARK(BM_SpoolFrame)
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
