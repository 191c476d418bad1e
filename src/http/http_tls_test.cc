#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "http/test_http_handler.h"
#include "http/test_tls_client.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;

constexpr auto kLong = 60s;

TEST(HttpTlsTest, RequestsAreAnswered) {
  const TestTlsService tls;
  bool secure = false;
  tls.service->handler.handle = [&](const HttpHead& head, std::string body,
                                    const std::stop_token&) {
    secure = head.secure;
    HttpResponse response;
    response.body = std::move(body);
    return response;
  };
  TlsChannel channel(tls.port());
  ASSERT_TRUE(channel.connected());
  TestHttpClient client(channel);
  for (const std::size_t size : {1u, 20'000u, 1'000'000u}) {
    const std::string body(size, 'x');
    client.Request("POST /", body);
    EXPECT_TRUE(client.ReadResponse().body == body) << size;
  }
  EXPECT_TRUE(secure);
}

TEST(HttpTlsTest, ConnectionsEndProperly) {
  const TestTlsService tls;
  for (const bool at_once : {true, false}) {
    if (!at_once) tls.service->handler.UseWorkers();
    TlsChannel channel(tls.port());
    TestHttpClient client(channel);
    client.Request("GET /", "", "Connection: close\r\n");
    EXPECT_EQ(client.ReadResponse().status, 200);
    EXPECT_EQ(client.ReadAll(), "");
    EXPECT_TRUE(channel.EndedProperly()) << at_once;
  }
}

TEST(HttpTlsTest, ARefusalReachesAClientThatStillSends) {
  const TestTlsService tls;
  TlsChannel channel(tls.port());
  TestHttpClient client(channel);
  client.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000\r\n\r\n");
  client.Send(std::string(200'000, 'x'));
  EXPECT_EQ(client.ReadResponse().status, 413);
}

TEST(HttpTlsTest, AClientThatLeavesStopsItsRequest) {
  const TestTlsService tls;
  tls.service->handler.UseWorkers();
  std::promise<void> begun;
  std::promise<bool> stopped;
  tls.service->handler.handle = [&](const HttpHead&, std::string,
                                    const std::stop_token& stop) {
    begun.set_value();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    stopped.set_value(std::condition_variable_any().wait_for(
        lock, stop, kLong, [&] { return stop.stop_requested(); }));
    return HttpResponse();
  };
  TlsChannel channel(tls.port());
  TestHttpClient(channel).Request("GET /");
  begun.get_future().wait();
  channel.Shutdown();
  EXPECT_TRUE(stopped.get_future().get());
}

TEST(HttpTlsTest, OldVersionsAreRefused) {
  const TestTlsService tls;
  EXPECT_FALSE(TlsChannel(tls.port(), TLS1_1_VERSION).connected());
  EXPECT_TRUE(TlsChannel(tls.port(), TLS1_2_VERSION).connected());
}

TEST(HttpTlsTest, WhoeverDoesNotShakeHandsIsCutOff) {
  HttpServerOptions options;
  options.handshake_timeout = 50ms;
  const TestTlsService tls(options);
  TcpChannel silent(tls.port());
  EXPECT_EQ(TestHttpClient(silent).ReadAll(), "");
  TcpChannel plain(tls.port());
  TestHttpClient client(plain);
  client.Request("GET /");
  client.ReadAll();
  EXPECT_TRUE(tls.service->server->Drain(kLong));
  EXPECT_THAT(
      tls.service->metrics.Text(),
      HasSubstr("ocelli_http_refused_total{reason=\"handshake_timeout\"} 1"));
}

TEST(HttpTlsTest, NewCertificatesCountWithoutARestart) {
  HttpServerOptions options;
  options.reload_every = 1ms;
  const TestTlsService tls(options);
  TlsChannel old(tls.port());
  EXPECT_EQ(old.PeerName(), "first");
  const TestCertificate second(tls.certificate(), tls.private_key(), "second");
  while (TlsChannel(tls.port()).PeerName() != "second") {
  }
  TestHttpClient client(old);
  client.Request("GET /");
  EXPECT_EQ(client.ReadResponse().status, 200);
}

TEST(HttpTlsTest, BadNewCertificatesAreLoggedAndTheOldStays) {
  HttpServerOptions options;
  options.reload_every = 1ms;
  const TestTlsService tls(options);
  testing::internal::CaptureStderr();
  std::ofstream(tls.certificate()) << "no certificate";
  std::string log;
  while (log.find("old certificate stays") == log.npos) {
    EXPECT_EQ(TlsChannel(tls.port()).PeerName(), "first");
    log += testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
  }
  testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("cert.pem"));
  const TestCertificate third(tls.certificate(), tls.private_key(), "third");
  while (TlsChannel(tls.port()).PeerName() != "third") {
  }
}

TEST(HttpTlsTest, FilesThatCannotBeUsedAreNamed) {
  const TestFolder folder;
  TestHttpHandler handler;
  MetricsRegistry metrics;
  const TestCertificate a(folder / "a.pem", folder / "a.key", "a");
  const TestCertificate b(folder / "b.pem", folder / "b.key", "b");
  std::ofstream(folder / "junk.pem") << "junk";
  for (const auto& [certificate, key, named] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"none.pem", "a.key", "none.pem"},
           {"a.pem", "none.key", "none.key"},
           {"junk.pem", "a.key", "junk.pem"},
           {"a.pem", "junk.pem", "junk.pem"},
           {"a.pem", "b.key", "b.key"}}) {
    HttpServerOptions options;
    options.port = 0;
    options.certificate = folder / certificate;
    options.private_key = folder / key;
    const auto server = HttpServer::Start(options, handler, metrics);
    ASSERT_FALSE(server) << named;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(server.error().message, HasSubstr(named));
  }
}

TEST(HttpTlsTest, NothingIsLeftBehind) {
  const auto files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         {});
  };
  { const TestTlsService warm_up; }
  const auto before = files();
  {
    const TestTlsService tls;
    std::vector<std::unique_ptr<TlsChannel>> channels;
    for (int i = 0; i < 10; ++i) {
      channels.push_back(std::make_unique<TlsChannel>(tls.port()));
      TestHttpClient client(*channels.back());
      client.Request("GET /");
      EXPECT_EQ(client.ReadResponse().status, 200);
    }
    const TcpChannel half(tls.port());
  }
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace ocelli
