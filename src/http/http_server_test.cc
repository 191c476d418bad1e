#include "http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <iterator>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "http/test_http_client.h"
#include "http/test_http_handler.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Longer than any test waits for something that does come.
constexpr auto kLong = 60s;

std::size_t EntriesOf(const char* folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(HttpServerTest, ARequestIsAnswered) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /a%20b?x=1");
  const auto response = client.ReadResponse();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "GET /a b ");
  EXPECT_EQ(response.Field("Connection"), "keep-alive");
  EXPECT_THAT(response.Field("Date"), HasSubstr(" GMT"));
  EXPECT_THAT(response.Field("X-Request-Id"), Not(""));
}

TEST(HttpServerTest, TheHandlerLearnsWhatWasAsked) {
  TestHttpService service;
  HttpHead seen;
  service.handler.handle = [&](const HttpHead& head, std::string,
                               const std::stop_token&) {
    seen = head;
    return HttpResponse();
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("PUT /people/%C3%A4?q=a+b&q=", "xyz", "X-Who: me\r\n");
  EXPECT_EQ(client.ReadResponse().status, 200);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/people/\xc3\xa4");
  EXPECT_EQ(seen.query, (HttpFields{{"q", "a b"}, {"q", ""}}));
  EXPECT_EQ(seen.Field("x-who"), "me");
  EXPECT_EQ(seen.client, "127.0.0.1");
  EXPECT_FALSE(seen.secure);
  EXPECT_EQ(seen.content_length, 3u);
}

TEST(HttpServerTest, ALargeBodyComesWhole) {
  for (const bool at_once : {true, false}) {
    TestHttpService service;
    if (!at_once) service.handler.UseWorkers();
    service.handler.handle = [](const HttpHead&, std::string body,
                                const std::stop_token&) {
      HttpResponse response;
      response.body = std::move(body);
      return response;
    };
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    for (std::size_t size : {1u, 4000u, 5000u, 300'000u, 1u << 20}) {
      std::string body(size, '\0');
      for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7);
      client.Request("POST /", body);
      EXPECT_TRUE(client.ReadResponse().body == body) << size;
    }
  }
}

TEST(HttpServerTest, AChunkedBodyComesWhole) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n");
  client.Send("A;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nGET /next");
  EXPECT_EQ(client.ReadResponse().body, "POST /c abc0123456789");
  client.Send(" HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().body, "GET /next ");
}

TEST(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  for (const bool at_once : {true, false}) {
    TestHttpService service;
    if (!at_once) service.handler.UseWorkers();
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    std::string requests;
    for (int i = 0; i < 200; ++i) {
      requests += "POST /" + std::to_string(i) +
                  " HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    }
    std::thread sender([&] { client.Send(requests); });
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(client.ReadResponse().body,
                "POST /" + std::to_string(i) + " abc");
    }
    sender.join();
  }
}

TEST(HttpServerTest, BytesMayComeOneByOne) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  for (const char c :
       std::string_view("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: "
                        "4\r\n\r\nabcd")) {
    client.Send({&c, 1});
  }
  EXPECT_EQ(client.ReadResponse().body, "POST /x abcd");
}

TEST(HttpServerTest, HeadIsAnsweredWithoutABody) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("HEAD /x");
  client.Request("GET /y");
  const auto head = client.ReadHead();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Field("Content-Length"), "8");
  EXPECT_EQ(client.ReadResponse().body, "GET /y ");
}

TEST(HttpServerTest, NoContentHasNoLength) {
  TestHttpService service;
  service.handler.handle = [](const HttpHead&, std::string,
                              const std::stop_token&) {
    HttpResponse response;
    response.status = 204;
    response.body = "ignored";
    return response;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  client.Request("GET /");
  for (int i = 0; i < 2; ++i) {
    const auto response = client.ReadHead();
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(response.Field("Content-Length"), "");
  }
}

TEST(HttpServerTest, ConstantBodiesAreSent) {
  static const std::string page(100'000, 'p');
  TestHttpService service;
  service.handler.handle = [](const HttpHead&, std::string,
                              const std::stop_token&) {
    HttpResponse response;
    response.constant_body = page;
    return response;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  EXPECT_TRUE(client.ReadResponse().body == page);
}

TEST(HttpServerTest, FieldsThatBreakOutOfTheirLineAreLeftOut) {
  TestHttpService service;
  service.handler.handle = [](const HttpHead&, std::string,
                              const std::stop_token&) {
    HttpResponse response;
    response.fields = {{"X-A", "1\r\nSet-Cookie: stolen"},
                       {"X-B\r\nSet-Cookie", "stolen"},
                       {"X-C", "good"}};
    return response;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  const auto response = client.ReadResponse();
  EXPECT_EQ(response.Field("X-C"), "good");
  EXPECT_THAT(response.head, Not(HasSubstr("stolen")));
}

TEST(HttpServerTest, ConnectionsEndWhereTheClientWantsThat) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /", "", "Connection: close\r\n");
  EXPECT_EQ(client.ReadResponse().Field("Connection"), "close");
  EXPECT_EQ(client.ReadAll(), "");
  TcpChannel old(service.port());
  TestHttpClient old_client(old);
  old_client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old_client.ReadAll(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, WhoOnlyEndedSendingIsAnswered) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /1");
  client.Request("GET /2");
  channel.EndSending();
  EXPECT_EQ(client.ReadResponse().body, "GET /1 ");
  EXPECT_EQ(client.ReadResponse().body, "GET /2 ");
}

TEST(HttpServerTest, ARefusalComesBeforeTheBody) {
  TestHttpService service;
  service.handler.admit = [](const HttpHead&) {
    HttpVerdict verdict;
    verdict.refusal = HttpResponse();
    verdict.refusal->status = 401;
    return verdict;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 401);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServerTest, ASmallUnwantedBodyIsSkipped) {
  TestHttpService service;
  service.handler.admit = [](const HttpHead& head) {
    HttpVerdict verdict;
    verdict.at_once = true;
    if (head.method == "POST") {
      verdict.refusal = HttpResponse();
      verdict.refusal->status = 403;
    }
    return verdict;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("POST /", std::string(20'000, 'x'));
  client.Request("GET /after");
  const auto refusal = client.ReadResponse();
  EXPECT_EQ(refusal.status, 403);
  EXPECT_EQ(refusal.Field("Connection"), "keep-alive");
  EXPECT_EQ(client.ReadResponse().body, "GET /after ");
}

TEST(HttpServerTest, ContinueIsSaidOnceTheRequestIsAdmitted) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST /e HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_EQ(client.ReadResponse().body, "POST /e abc");
  service.handler.admit = [](const HttpHead&) {
    HttpVerdict verdict;
    verdict.refusal = HttpResponse();
    verdict.refusal->status = 401;
    return verdict;
  };
  client.Send(
      "POST /e HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 401);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServerTest, AClientThatLeavesStopsItsRequest) {
  for (const bool reset : {false, true}) {
    TestHttpService service;
    service.handler.UseWorkers();
    std::promise<void> begun;
    std::promise<bool> stopped;
    service.handler.handle = [&](const HttpHead&, std::string,
                                 const std::stop_token& stop) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      begun.set_value();
      stopped.set_value(std::condition_variable_any().wait_for(
          lock, stop, kLong, [&] { return stop.stop_requested(); }));
      return HttpResponse();
    };
    TcpChannel channel(service.port());
    TestHttpClient(channel).Request("GET /");
    begun.get_future().wait();
    reset ? channel.Reset() : channel.Close();
    EXPECT_TRUE(stopped.get_future().get());
    EXPECT_TRUE(service.server->Drain(kLong));
  }
}

TEST(HttpServerTest, TheEndOfTheServerStopsRequests) {
  auto service = std::make_unique<TestHttpService>();
  service->handler.UseWorkers();
  std::promise<void> begun;
  service->handler.handle = [&](const HttpHead&, std::string,
                                const std::stop_token& stop) {
    begun.set_value();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    EXPECT_TRUE(std::condition_variable_any().wait_for(
        lock, stop, kLong, [&] { return stop.stop_requested(); }));
    return HttpResponse();
  };
  TcpChannel channel(service->port());
  TestHttpClient client(channel);
  client.Request("GET /");
  begun.get_future().wait();
  service.reset();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServerTest, WhatTheWorkersCannotTakeIsRefused) {
  HttpServerOptions options;
  options.workers = 1;
  TestHttpService service(options);
  service.handler.UseWorkers();
  std::latch go(1);
  std::promise<void> begun;
  service.handler.handle = [&](const HttpHead& head, std::string,
                               const std::stop_token&) {
    if (head.path == "/first") begun.set_value();
    go.wait();
    return HttpResponse();
  };
  std::vector<std::unique_ptr<TcpChannel>> channels;
  const auto ask = [&](const std::string& path) {
    channels.push_back(std::make_unique<TcpChannel>(service.port()));
    TestHttpClient(*channels.back()).Request("GET " + path);
  };
  ask("/first");
  begun.get_future().wait();
  // Four wait; whichever request comes fifth is refused.
  for (int i = 0; i < 5; ++i) ask("/more");
  std::vector<pollfd> polled;
  for (const auto& channel : channels) {
    polled.push_back({channel->number(), POLLIN, 0});
  }
  ASSERT_EQ(poll(polled.data(), polled.size(), 20'000), 1);
  go.count_down();
  int refused = 0;
  for (const auto& channel : channels) {
    if (TestHttpClient(*channel).ReadResponse().status == 503) ++refused;
  }
  EXPECT_EQ(refused, 1);
  EXPECT_THAT(service.metrics.Text(),
              HasSubstr("ocelli_http_refused_total{reason=\"busy\"} 1"));
}

TEST(HttpServerTest, DrainFinishesWhatIsUnderWay) {
  TestHttpService service;
  service.handler.UseWorkers();
  std::promise<void> begun;
  std::latch go(1);
  service.handler.handle = [&](const HttpHead&, std::string,
                               const std::stop_token& stop) {
    begun.set_value();
    go.wait();
    EXPECT_FALSE(stop.stop_requested());
    HttpResponse response;
    response.body = "done";
    return response;
  };
  TcpChannel idle(service.port());
  TestHttpClient idle_client(idle);
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  begun.get_future().wait();
  EXPECT_FALSE(service.server->Drain(1ms));
  EXPECT_EQ(idle_client.ReadAll(), "");
  EXPECT_FALSE(TcpChannel(service.port()).connected());
  go.count_down();
  auto drained = std::async(std::launch::async,
                            [&] { return service.server->Drain(kLong); });
  const auto response = client.ReadResponse();
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.Field("Connection"), "close");
  EXPECT_EQ(client.ReadAll(), "");
  channel.Close();
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(service.server->connections(), 0u);
}

TEST(HttpServerTest, AThousandConnectionsAtOnce) {
  HttpServerOptions options;
  options.io_threads = 2;
  TestHttpService service(options);
  std::vector<std::unique_ptr<TcpChannel>> channels;
  for (int i = 0; i < 1000; ++i) {
    channels.push_back(std::make_unique<TcpChannel>(service.port()));
    ASSERT_TRUE(channels.back()->connected());
  }
  for (int i = 0; i < 1000; ++i) {
    TestHttpClient(*channels[static_cast<std::size_t>(i)])
        .Request("GET /" + std::to_string(i));
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(TestHttpClient(*channels[static_cast<std::size_t>(i)])
                  .ReadResponse()
                  .body,
              "GET /" + std::to_string(i) + " ");
  }
  EXPECT_EQ(service.server->connections(), 1000u);
  EXPECT_THAT(service.metrics.Text(),
              HasSubstr("ocelli_http_connections 1000"));
  EXPECT_THAT(service.metrics.Text(),
              HasSubstr("ocelli_http_requests_total{status=\"2xx\"} 1000"));
}

TEST(HttpServerTest, NothingIsLeftBehind) {
  { const TestHttpService warm_up; }
  const std::size_t files = EntriesOf("/proc/self/fd");
  const std::size_t threads = EntriesOf("/proc/self/task");
  {
    TestHttpService service;
    service.handler.UseWorkers();
    std::vector<std::unique_ptr<TcpChannel>> channels;
    for (int i = 0; i < 20; ++i) {
      channels.push_back(std::make_unique<TcpChannel>(service.port()));
      TestHttpClient client(*channels.back());
      client.Request("GET /");
      // Some stop in the middle of a body.
      if (i % 2 == 0) client.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Len");
      EXPECT_EQ(client.ReadResponse().status, 200);
    }
    EXPECT_GT(EntriesOf("/proc/self/task"), threads);
  }
  EXPECT_EQ(EntriesOf("/proc/self/fd"), files);
  EXPECT_EQ(EntriesOf("/proc/self/task"), threads);
}

TEST(HttpServerTest, APortThatIsTakenIsNamed) {
  const TestHttpService service;
  TestHttpHandler handler;
  MetricsRegistry metrics;
  HttpServerOptions options;
  options.port = service.port();
  const auto second = HttpServer::Start(options, handler, metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message,
              HasSubstr("port " + std::to_string(service.port())));
}

TEST(HttpServerTest, AddressesMustBeThisMachines) {
  TestHttpHandler handler;
  MetricsRegistry metrics;
  for (const char* address : {"localhost", "", "192.0.2.1", "1.2.3"}) {
    HttpServerOptions options;
    options.address = address;
    options.port = 0;
    const auto server = HttpServer::Start(options, handler, metrics);
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument) << address;
  }
}

}  // namespace
}  // namespace ocelli
