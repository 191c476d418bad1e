#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "jobs/job_queue.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

Job SmallJob(const std::string& batch, std::uint64_t index, std::size_t bytes) {
  Job job;
  job.batch = batch;
  job.index = index;
  job.name = "album/" + std::to_string(index) + ".jpg";
  if (bytes == 0) job.reference = "s3://bucket/" + job.name;
  job.image.resize(bytes);
  return job;
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double CpuSecondsOf(const RedisServer& server) {
  const auto said = server.Run({"INFO", "cpu"});
  double seconds = 0;
  for (const std::string name : {"used_cpu_sys:", "used_cpu_user:"}) {
    seconds +=
        std::stod(said->text.substr(said->text.find(name) + name.size()));
  }
  return seconds;
}

// Takes and answers until it is destroyed.
class NoOpWorker {
 public:
  NoOpWorker(JobQueue& queue, std::size_t at_once, bool fetch)
      : thread_([&queue, at_once, fetch](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto jobs = queue.Take("w", at_once, milliseconds(200), stop);
            if (!jobs) return;
            std::vector<const TakenJob*> pointers;
            std::vector<JobOutcome> outcomes;
            for (const TakenJob& job : *jobs) {
              pointers.push_back(&job);
              outcomes.push_back({.job = &job, .value = "ok", .error = {}});
            }
            if (fetch) benchmark::DoNotOptimize(queue.Images(pointers));
            if (!queue.Finish("w", outcomes)) return;
          }
        }) {}

 private:
  std::jthread thread_;
};

struct Queue {
  std::unique_ptr<RedisServer> server;  // Null: in memory.
  std::unique_ptr<RedisClient> client;
  std::unique_ptr<JobQueue> queue;
};

Queue OpenQueue(bool redis) {
  // As the program does: else most of the time goes to touching fresh memory.
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  Queue opened;
  if (!redis) {
    opened.queue = MakeMemoryJobQueue();
    return opened;
  }
  opened.server = std::make_unique<RedisServer>();
  opened.client = OpenTestRedis(opened.server->url());
  opened.queue = std::move(OpenRedisJobQueue(*opened.client).value());
  return opened;
}

// Submits, waits, and returns how many results came.
std::uint64_t RunBatch(JobQueue& queue, std::uint64_t count, std::size_t bytes,
                       std::size_t at_once) {
  const std::string batch = queue.Begin("bench").value();
  std::jthread submitter([&] {
    std::vector<Job> jobs;
    for (std::uint64_t i = 0; i < count; ++i) {
      jobs.push_back(SmallJob(batch, i, bytes));
      if (jobs.size() == at_once || i + 1 == count) {
        if (!queue.Submit(jobs, {})) return;
        jobs.clear();
      }
    }
    if (!queue.Complete(batch, count)) return;
  });
  std::uint64_t used = 0;
  const auto end = queue.Await(batch, 0,
                               [&](const JobResult& result) -> Result<> {
                                 used += result.error ? 0 : 1;
                                 return {};
                               },
                               {});
  submitter.join();
  if (!queue.Purge(batch)) return 0;
  return end ? used : 0;
}

// How many a second go through: submitter, one worker and who waits in one
// process. cpu_us: of this process; redis_cpu_us: of the server, each a job.
void Jobs(benchmark::State& state, bool redis, std::uint64_t count,
          std::size_t bytes) {
  const Queue opened = OpenQueue(redis);
  const NoOpWorker worker(*opened.queue, 64, bytes > 0);
  double cpu = CpuSeconds();
  double redis_cpu = redis ? CpuSecondsOf(*opened.server) : 0;
  for (auto _ : state) {
    if (RunBatch(*opened.queue, count, bytes, bytes > 0 ? 8 : 64) != count) {
      state.SkipWithError("results are missing");
    }
  }
  const auto jobs =
      static_cast<double>(state.iterations()) * static_cast<double>(count);
  state.SetItemsProcessed(static_cast<std::int64_t>(jobs));
  state.counters["cpu_us"] = (CpuSeconds() - cpu) / jobs * 1e6;
  if (redis) {
    state.counters["redis_cpu_us"] =
        (CpuSecondsOf(*opened.server) - redis_cpu) / jobs * 1e6;
  }
}

void BM_NoOpJobsInMemory(benchmark::State& state) {
  Jobs(state, false, 5'000, 0);
}
BENCHMARK(BM_NoOpJobsInMemory)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_NoOpJobsOnRedis(benchmark::State& state) {
  Jobs(state, true, 10'000, 0);
}
BENCHMARK(BM_NoOpJobsOnRedis)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_JobsOf200kBOnRedis(benchmark::State& state) {
  Jobs(state, true, 1'000, 200'000);
}
BENCHMARK(BM_JobsOf200kBOnRedis)->UseRealTime()->Unit(benchmark::kMillisecond);

// From Submit() to the result in Await(), with a worker that waits.
void Latency(benchmark::State& state, bool redis, std::size_t bytes) {
  const Queue opened = OpenQueue(redis);
  JobQueue& queue = *opened.queue;
  const NoOpWorker worker(queue, 8, bytes > 0);
  const std::string batch = queue.Begin("bench").value();
  std::atomic<std::uint64_t> used = 0;
  std::jthread waiter([&](const std::stop_token& stop) {
    const auto end = queue.Await(
        batch, 0,
        [&](const JobResult&) -> Result<> {
          ++used;
          used.notify_all();
          return {};
        },
        stop);
    if (!end) state.SkipWithError(end.error().message.c_str());
  });
  std::vector<Job> jobs = {SmallJob(batch, 0, bytes)};
  for (auto _ : state) {
    if (!queue.Submit(jobs, {})) state.SkipWithError("Submit failed");
    ++jobs[0].index;
    used.wait(jobs[0].index - 1);
  }
}
void BM_OneJobInMemory(benchmark::State& state) { Latency(state, false, 0); }
void BM_OneJobOnRedis(benchmark::State& state) { Latency(state, true, 0); }
void BM_OneJobOf200kBOnRedis(benchmark::State& state) {
  Latency(state, true, 200'000);
}
BENCHMARK(BM_OneJobInMemory)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_OneJobOnRedis)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_OneJobOf200kBOnRedis)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ocelli
