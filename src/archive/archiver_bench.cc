#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "archive/test_spool.h"
#include "core/clock.h"
#include "store/object_store.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

// Reads what it is given and forgets it, after a while.
class SlowStore final : public ObjectStore {
 public:
  explicit SlowStore(milliseconds latency)
      : latency_(latency),
        thread_([this](std::stop_token stop) { Answer(stop); }) {}

  Result<> Check(std::stop_token) override { return {}; }
  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::chrono::steady_clock::now() + latency_,
                        std::move(request), std::move(done)});
    changed_.notify_one();
  }
  Result<std::vector<std::byte>> Get(const std::string& key, std::uint64_t,
                                     std::stop_token) override {
    return Fail(ErrorCode::kNotFound, key);
  }
  Result<ObjectInfo> Head(const std::string& key, std::stop_token) override {
    return Fail(ErrorCode::kNotFound, key);
  }
  Result<> List(const std::string&,
                const std::function<Result<>(const ObjectInfo&)>&,
                std::stop_token) override {
    return {};
  }
  Result<> Delete(const std::string&, std::stop_token) override { return {}; }
  std::string UrlOf(const std::string& key) const override { return key; }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds,
      std::chrono::system_clock::time_point) const override {
    return key;
  }
  const std::string& root() const override { return root_; }

 private:
  struct Put {
    Time due;
    PutRequest request;
    std::function<void(PutOutcome)> done;
  };

  void Answer(const std::stop_token& stop) {
    std::vector<std::byte> buffer(64 << 10);
    for (;;) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
        return;
      }
      Put put = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      std::uint64_t at = 0;
      while (at < put.request.body.size) {
        at += put.request.body.read(at, buffer).value();
      }
      std::this_thread::sleep_until(put.due);
      put.done({});
    }
  }

  const milliseconds latency_;
  const std::string root_ = "bench:";
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Put> waiting_;  // Guarded by mutex_.
  std::jthread thread_;
};

double CpuMilliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) +
           1e-3 * static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Frames of 300 kB into a store that answers after so many milliseconds:
// the time until all are delivered, and all CPU time but JPEG and SHA-256.
void BM_Archive(benchmark::State& state) {
  const auto frames = static_cast<std::uint64_t>(state.range(0));
  const milliseconds latency(state.range(1));
  std::vector<TestFrame> pictures;
  for (std::uint64_t i = 0; i < 50; ++i) {
    pictures.push_back(MakeTestFrame(i, 300'000));
  }
  const auto folder =
      std::filesystem::temp_directory_path() / "ocelli_archiver_bench";
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove_all(folder);
    SlowStore store(latency);
    UploadBudget budget(0, SystemClock());
    MetricsRegistry metrics;
    ArchiverOptions options;
    options.name = "bench";
    options.duplicates_within = std::chrono::minutes(0);
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t delivered = 0;
    options.on_lines = [&](std::span<const ManifestLine> lines) {
      const std::lock_guard lock(mutex);
      delivered += lines.size();
      changed.notify_one();
    };
    auto archiver =
        Archiver::Open(std::move(options), OpenSpoolFolder(folder).value(),
                       store, budget, metrics);
    (*archiver)->BeginRun(false);
    const double before = CpuMilliseconds();
    state.ResumeTiming();
    for (std::uint64_t i = 0; i < frames; ++i) {
      TestFrame& frame = pictures[i % pictures.size()];
      frame.record.time += std::chrono::minutes(1);
      if (!(*archiver)->Add({frame.record, frame.picture}, {})) {
        state.SkipWithError("Add failed");
      }
    }
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return delivered == frames; });
    }
    state.PauseTiming();
    cpu += CpuMilliseconds() - before;
    archiver->reset();
    state.ResumeTiming();
  }
  state.counters["cpu_ms_per_frame"] = cpu / static_cast<double>(frames) /
                                       static_cast<double>(state.iterations());
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_Archive)
    ->Args({50, 1050})
    ->Args({2000, 0})
    ->Iterations(3)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ocelli
