#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "api/test_grpc.h"
#include "api/test_grpc_client.h"
#include "core/digest.h"
#include "core/log.h"

namespace ocelli {
namespace {

// What a cached answer costs: a picture of 200 kB in, its hash, a small answer.
// One client, which waits for each. p50 and p99 in microseconds.
void BM_CachedRecognize(benchmark::State& state) {
  ConfigureLog({.level = LogLevel::kOff});
  TestGrpc grpc;
  const bool hash = state.range(1) != 0;
  grpc.service.recognize =
      [hash](const CallContext&,
             v1::RecognizeRequest& request) -> Result<v1::RecognizeResponse> {
    v1::RecognizeResponse response;
    if (hash) {
      response.mutable_analysis()->set_digest(
          Sha256(request.image().data()).ToHex());
    }
    return response;
  };
  GrpcClient client(grpc.target());
  v1::RecognizeRequest request;
  request.mutable_image()->set_data(
      std::string(static_cast<std::size_t>(state.range(0)), 'x'));
  std::vector<double> times;
  for (auto _ : state) {
    const auto began = std::chrono::steady_clock::now();
    if (!client
             .Call<v1::RecognizeResponse>("/ocelli.v1.Vision/Recognize",
                                          request)
             .ok()) {
      state.SkipWithError("the call failed");
      break;
    }
    times.push_back(std::chrono::duration<double, std::micro>(
                        std::chrono::steady_clock::now() - began)
                        .count());
  }
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
}
BENCHMARK(BM_CachedRecognize)
    ->Args({200'000, 1})
    ->Args({200'000, 0})
    ->Args({100, 0})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace ocelli
