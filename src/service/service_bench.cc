#include <benchmark/benchmark.h>

#include "ocelli/v1/vision.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

// A request for a picture of 200 kB whose faces are known already: everything
// but the transport. `faces` in the picture, 100 people enrolled.
void BM_RecognizeCached(benchmark::State& state) {
  TestService service;
  const std::string picture(200'000, 'p');
  std::vector<Face> faces;
  for (int i = 0; i < state.range(0); ++i) {
    faces.push_back(TestFace(i, static_cast<float>(20 + 120 * i)));
    faces.back().mesh.assign(478, {1.5f, 2.5f, 3.5f});
  }
  service.Know(picture, faces);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "person " + std::to_string(i);
    OCELLI_CHECK(
        service.gallery->Add(name, TestFace(i), Sha256(name), "bench"));
  }
  const Operation& operation =
      *service.service->operations().Find("ocelli.v1.Vision.Recognize");
  const CallContext context = service.ContextOf(Scope::kRead);
  for (auto _ : state) {
    state.PauseTiming();
    v1::RecognizeRequest request;
    request.mutable_image()->set_data(picture);
    v1::RecognizeResponse response;
    state.ResumeTiming();
    if (!Call(operation, context, request, response)) {
      state.SkipWithError("Recognize failed");
    }
    benchmark::DoNotOptimize(response);
  }
}
BENCHMARK(BM_RecognizeCached)
    ->Arg(0)
    ->Arg(1)
    ->Arg(5)
    ->Unit(benchmark::kMicrosecond);

// What of it is the hash of the bytes.
void BM_HashPicture(benchmark::State& state) {
  const std::string picture(200'000, 'p');
  for (auto _ : state) {
    benchmark::DoNotOptimize(Sha256(picture));
  }
}
BENCHMARK(BM_HashPicture)->Unit(benchmark::kMicrosecond);

// Counting a request from its beginning to its end.
void BM_CountRequest(benchmark::State& state) {
  MetricsRegistry metrics;
  RequestCounters requests(metrics, SystemClock());
  for (auto _ : state) {
    RequestCounters::Running running(requests, "Vision.Recognize", "grpc");
    running.Ended("ok");
  }
}
BENCHMARK(BM_CountRequest);

}  // namespace
}  // namespace ocelli
