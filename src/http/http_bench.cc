#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http/test_http_client.h"
#include "http/test_tls_client.h"

namespace ocelli {
namespace {

// A picture of a usual size.
constexpr std::size_t kPicture = 200'000;

// Sends `request` over one connection again and again.
void Ask(benchmark::State& state, ByteChannel& channel,
         const std::string& request) {
  TestHttpClient client(channel);
  std::vector<double> micros;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    client.Send(request);
    if (client.ReadResponse().status != 200) state.SkipWithError("no answer");
    micros.push_back(std::chrono::duration<double, std::micro>(
                         std::chrono::steady_clock::now() - begin)
                         .count());
  }
  std::sort(micros.begin(), micros.end());
  state.counters["p50_us"] = micros[micros.size() / 2];
  state.counters["p99_us"] = micros[micros.size() * 99 / 100];
}

std::string Get() { return "GET /x HTTP/1.1\r\nHost: t\r\n\r\n"; }
std::string Post() {
  return "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: " +
         std::to_string(kPicture) + "\r\n\r\n" + std::string(kPicture, 'x');
}

void AnswerBriefly(TestHttpService& service, bool at_once) {
  if (!at_once) service.handler.UseWorkers();
  service.handler.handle = [](const HttpHead&, std::string body,
                              const std::stop_token&) {
    HttpResponse response;
    response.body = std::to_string(body.size());
    return response;
  };
}

void BM_Plain(benchmark::State& state, const std::string& request,
              bool at_once) {
  TestHttpService service;
  AnswerBriefly(service, at_once);
  TcpChannel channel(service.port());
  Ask(state, channel, request);
}
BENCHMARK_CAPTURE(BM_Plain, get_at_once, Get(), true)->UseRealTime();
BENCHMARK_CAPTURE(BM_Plain, get_worker, Get(), false)->UseRealTime();
BENCHMARK_CAPTURE(BM_Plain, post_200kB_at_once, Post(), true)->UseRealTime();
BENCHMARK_CAPTURE(BM_Plain, post_200kB_worker, Post(), false)->UseRealTime();

void BM_Tls(benchmark::State& state, const std::string& request) {
  const TestTlsService tls;
  AnswerBriefly(*tls.service, true);
  TlsChannel channel(tls.port());
  Ask(state, channel, request);
}
BENCHMARK_CAPTURE(BM_Tls, get_at_once, Get())->UseRealTime();
BENCHMARK_CAPTURE(BM_Tls, post_200kB_at_once, Post())->UseRealTime();

}  // namespace
}  // namespace ocelli
