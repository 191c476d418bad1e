#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/connection_counts.h"
#include "http/test_http_client.h"
#include "http/test_http_handler.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;

constexpr auto kSoon = 50ms;
constexpr auto kLong = 60s;

// Whether something comes, or the end, within `patience`.
bool Readable(const TcpChannel& channel, int patience_ms) {
  pollfd polled{channel.number(), POLLIN, 0};
  return poll(&polled, 1, patience_ms) == 1;
}

TEST(HttpLimitsTest, LargeHeadsAreRefused) {
  HttpServerOptions options;
  options.max_head_bytes = 1000;
  TestHttpService service(options);
  // With the end of the head and without; to the byte.
  const auto head = [](std::size_t size) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: t\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{
           {head(1000), 200},
           {head(1001), 431},
           {head(50'000), 431},
           {head(1004).substr(0, 1000), 431},
           {"GET /" + std::string(2000, 'x'), 414}}) {
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    client.Send(bytes);
    EXPECT_EQ(client.ReadResponse().status, status) << bytes.size();
  }
  EXPECT_THAT(
      service.metrics.Text(),
      HasSubstr("ocelli_http_refused_total{reason=\"head_too_large\"} 4"));
}

TEST(HttpLimitsTest, ASlowHeadIsRefusedHoweverSteadilyItComes) {
  HttpServerOptions options;
  options.head_timeout = kSoon;
  TestHttpService service(options);
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send("GET / HTTP/1.1\r\nX: ");
  while (!Readable(channel, 5)) client.Send("x");
  EXPECT_EQ(client.ReadResponse().status, 408);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpLimitsTest, ConnectionsThatSayNothingEnd) {
  HttpServerOptions options;
  options.head_timeout = kSoon;
  TestHttpService service(options);
  TcpChannel channel(service.port());
  EXPECT_EQ(TestHttpClient(channel).ReadAll(), "");
}

TEST(HttpLimitsTest, IdleConnectionsEnd) {
  HttpServerOptions options;
  options.idle_timeout = kSoon;
  TestHttpService service(options);
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  EXPECT_EQ(client.ReadResponse().status, 200);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpLimitsTest, LargeBodiesAreRefusedBeforeTheyCome) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1048577\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 413);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpLimitsTest, ALengthOfAllBytesThereAreIsRefused) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: "
      "18446744073709551615\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 413);
}

TEST(HttpLimitsTest, ChunkedBodiesWithoutEndAreRefused) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
  std::size_t sent = 0;
  while (!Readable(channel, 0) && client.Send(chunk)) sent += 4096;
  EXPECT_EQ(client.ReadResponse().status, 413);
  EXPECT_GE(sent, 1u << 20);
}

TEST(HttpLimitsTest, OneHugeChunkIsRefusedByItsSize) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "100001\r\n");
  EXPECT_EQ(client.ReadResponse().status, 413);
}

TEST(HttpLimitsTest, ChunkHeadsWithoutEndAreRefused) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1;x=" +
      std::string(20'000, 'y'));
  EXPECT_EQ(client.ReadResponse().status, 400);
}

TEST(HttpLimitsTest, SlowBodiesAreRefused) {
  for (const std::string framing :
       {"Content-Length: 100000", "Transfer-Encoding: chunked"}) {
    HttpServerOptions options;
    options.body_timeout = kSoon;
    options.least_body_rate = 1 << 30;
    TestHttpService service(options);
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    client.Send("POST / HTTP/1.1\r\nHost: t\r\n" + framing + "\r\n\r\n");
    client.Send(framing.front() == 'C' ? "1" : "5\r\n1");
    EXPECT_EQ(client.ReadResponse().status, 408);
    EXPECT_EQ(client.ReadAll(), "");
  }
}

TEST(HttpLimitsTest, BodiesMayTakeLongerAtTheLeastRate) {
  HttpServerOptions options;
  options.body_timeout = 1ms;
  options.least_body_rate = 1;
  TestHttpService service(options);
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 200\r\n\r\n" +
              std::string(100, 'a'));
  // Nothing comes, though the time for a body without a rate is over.
  EXPECT_FALSE(Readable(channel, 50));
  client.Send(std::string(100, 'b'));
  EXPECT_EQ(client.ReadResponse().status, 200);
}

TEST(HttpLimitsTest, AClientThatStopsInTheMiddleOfABodyLeavesNothing) {
  TestHttpService service;
  service.handler.handle = [](const HttpHead&, std::string,
                              const std::stop_token&) {
    ADD_FAILURE() << "half a request was handled";
    return HttpResponse();
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Send(
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("100 Continue"));
  client.Send(std::string(300'000, 'x'));
  channel.Close();
  EXPECT_TRUE(service.server->Drain(kLong));
}

TEST(HttpLimitsTest, AClientThatDoesNotReadIsCutOff) {
  static const std::string body(64 << 20, 'x');
  HttpServerOptions options;
  options.write_timeout = kSoon;
  TestHttpService service(options);
  service.handler.handle = [](const HttpHead&, std::string,
                              const std::stop_token&) {
    HttpResponse response;
    response.constant_body = body;
    return response;
  };
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /");
  ASSERT_TRUE(Readable(channel, 20'000));
  EXPECT_TRUE(service.server->Drain(kLong));
  EXPECT_THAT(
      service.metrics.Text(),
      HasSubstr("ocelli_http_refused_total{reason=\"write_timeout\"} 1"));
}

TEST(HttpLimitsTest, MoreConnectionsWait) {
  HttpServerOptions options;
  options.max_connections = 2;
  TestHttpService service(options);
  auto first = std::make_unique<TcpChannel>(service.port());
  TestHttpClient client(*first);
  client.Request("GET /1");
  EXPECT_EQ(client.ReadResponse().status, 200);
  TcpChannel second(service.port());
  TestHttpClient second_client(second);
  second_client.Request("GET /2");
  EXPECT_EQ(second_client.ReadResponse().status, 200);
  TcpChannel third(service.port());
  TestHttpClient third_client(third);
  third_client.Request("GET /3");
  EXPECT_FALSE(Readable(third, 50));
  EXPECT_EQ(service.server->connections(), 2u);
  first.reset();
  EXPECT_EQ(third_client.ReadResponse().body, "GET /3 ");
}

TEST(HttpLimitsTest, ConnectionsAreCountedByClient) {
  MetricsRegistry registry;
  ConnectionCounts counts(2, registry.AddGauge("g", "g"));
  const std::string one = ClientGroup("198.51.100.1");
  EXPECT_TRUE(counts.Add(one));
  EXPECT_TRUE(counts.Add(one));
  EXPECT_FALSE(counts.Add(one));
  EXPECT_TRUE(counts.Add(ClientGroup("198.51.100.2")));
  counts.Remove(one);
  EXPECT_TRUE(counts.Add(one));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(counts.Add(ClientGroup("::1")));
  EXPECT_EQ(counts.total(), 103u);
}

TEST(HttpLimitsTest, ANetworkOfIpv6IsOneClient) {
  EXPECT_EQ(ClientGroup("2001:db8:1:2::1"),
            ClientGroup("2001:db8:1:2:ffff::9"));
  EXPECT_NE(ClientGroup("2001:db8:1:2::1"), ClientGroup("2001:db8:1:3::1"));
  EXPECT_EQ(ClientGroup("127.0.0.1"), "");
  EXPECT_EQ(ClientGroup("::1"), "");
}

TEST(HttpLimitsTest, AmbiguousRequestsAreRefused) {
  TestHttpService service;
  const std::string host = "Host: t\r\n";
  for (const std::string& request : std::vector<std::string>{
           "POST / HTTP/1.1\r\n" + host +
               "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host +
               "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host +
               "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host +
               "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: 3, 3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x3\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host +
               "Content-Length: 18446744073709551616\r\n\r\nabc",
           "POST / HTTP/1.1\r\n" + host +
               "Transfer-Encoding: gzip, chunked\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host +
               "Transfer-Encoding: chunked\r\n"
               "Transfer-Encoding: chunked\r\n\r\n",
           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc",
           "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "X: a\r\n\tb\r\n\r\n",
           "GET / HTTP/1.1\r\n X: a\r\n" + host + "\r\n",
           "GET / HTTP/1.1\n" + host + "\r\n",
           "GET / HTTP/1.1\r\n" + host + "X: a\nY: b\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "X: a\rY: b\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10),
           "GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + ": no name\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + host + "\r\n",
           "GET http://t/ HTTP/1.1\r\n" + host + "\r\n",
           "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
           "CONNECT t:80 HTTP/1.1\r\n" + host + "\r\n",
           "GET t HTTP/1.1\r\n" + host + "\r\n",
           "GET /a#b HTTP/1.1\r\n" + host + "\r\n",
           "GET /%zz HTTP/1.1\r\n" + host + "\r\n",
           "GET /%2 HTTP/1.1\r\n" + host + "\r\n",
           "GET /?a=%2 HTTP/1.1\r\n" + host + "\r\n",
           "GET /%00 HTTP/1.1\r\n" + host + "\r\n",
           "GET /%ff HTTP/1.1\r\n" + host + "\r\n",
           "GET /\xff HTTP/1.1\r\n" + host + "\r\n",
           "GET /a/../b HTTP/1.1\r\n" + host + "\r\n",
           "GET /.. HTTP/1.1\r\n" + host + "\r\n",
           "GET /./b HTTP/1.1\r\n" + host + "\r\n",
           "GET /a/%2e%2E/b HTTP/1.1\r\n" + host + "\r\n",
           "GET /a%2f..%2fb HTTP/1.1\r\n" + host + "\r\n",
           "GET /a%2Fb HTTP/1.1\r\n" + host + "\r\n",
           "GET /a\\b HTTP/1.1\r\n" + host + "\r\n",
           "GET /a%5Cb HTTP/1.1\r\n" + host + "\r\n",
           "GET /a%0ab HTTP/1.1\r\n" + host + "\r\n",
           "GET /  HTTP/1.1\r\n" + host + "\r\n",
           "GET / HTTP/2.0\r\n" + host + "\r\n",
           "GET / HTTP/0.9\r\n" + host + "\r\n",
           "GET /\r\n" + host + "\r\n",
           "G T / HTTP/1.1\r\n" + host + "\r\n",
           "\r\n\r\n",
           "\x16\x03\x01 a handshake of TLS\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host +
               "Connection: upgrade\r\nUpgrade: websocket\r\n"
               "Content-Length: 2\r\n\r\n",
       }) {
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    client.Send(request);
    const auto response = client.ReadResponse();
    EXPECT_EQ(response.status, 400) << request;
    EXPECT_EQ(response.Field("Connection"), "close") << request;
    EXPECT_EQ(client.ReadAll(), "") << request;
  }
}

TEST(HttpLimitsTest, MalformedChunksAreRefused) {
  TestHttpService service;
  for (const std::string chunk :
       {"x\r\n", "-1\r\na\r\n", "1\r\nab\r\n0\r\n\r\n", "\r\n", "1 \r\na\r\n",
        "0x1\r\na\r\n\r\n", "ffffffffffffffffff\r\n", "1\r\naXX0\r\n\r\n",
        "0\r\nbad trailer\r\n\r\n"}) {
    TcpChannel channel(service.port());
    TestHttpClient client(channel);
    client.Send(
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" +
        chunk);
    EXPECT_EQ(client.ReadResponse().status, 400) << chunk;
    EXPECT_EQ(client.ReadAll(), "") << chunk;
  }
}

TEST(HttpLimitsTest, UnknownExpectationsAreRefused) {
  TestHttpService service;
  TcpChannel channel(service.port());
  TestHttpClient client(channel);
  client.Request("GET /", "", "Expect: wonders\r\n");
  EXPECT_EQ(client.ReadResponse().status, 417);
}

}  // namespace
}  // namespace ocelli
