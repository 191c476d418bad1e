#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

#include "http/test_http_client.h"
#include "http/test_http_handler.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""s;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kLong = 60s;

// A service whose answers are streams.
class HttpStreamTest : public testing::Test {
 protected:
  explicit HttpStreamTest(HttpServerOptions options = {})
      : service_(std::make_unique<TestHttpService>(std::move(options))) {
    service_->handler.handle = [this](const HttpHead& head, std::string,
                                      const std::stop_token&) {
      HttpResponse response;
      if (head.path == "/plain") return response;
      response.stream = [this](std::shared_ptr<HttpStream> stream) {
        streams_.set_value(std::move(stream));
      };
      return response;
    };
  }

  std::shared_ptr<HttpStream> NextStream() {
    auto stream = streams_.get_future().get();
    streams_ = {};
    return stream;
  }

  std::promise<std::shared_ptr<HttpStream>> streams_;
  std::unique_ptr<TestHttpService> service_;
};

TEST_F(HttpStreamTest, MessagesComeAsChunksUntilTheEnd) {
  TcpChannel channel(service_->port());
  TestHttpClient client(channel);
  client.Request("GET /");
  EXPECT_EQ(client.ReadHead().Field("Transfer-Encoding"), "chunked");
  const auto stream = NextStream();
  EXPECT_TRUE(stream->Send("one"));
  EXPECT_EQ(client.ReadChunk(), "one");
  EXPECT_TRUE(stream->Send(""));
  EXPECT_TRUE(stream->Send(std::string(300'000, 'x')));
  EXPECT_TRUE(stream->Send("last"));
  stream->Close();
  EXPECT_FALSE(stream->Send("too late"));
  EXPECT_TRUE(client.ReadChunk() == std::string(300'000, 'x'));
  EXPECT_EQ(client.ReadChunk(), "last");
  EXPECT_EQ(client.ReadChunk(), "");
  client.Request("GET /plain");
  EXPECT_EQ(client.ReadResponse().status, 200);
  EXPECT_TRUE(stream->gone());
}

TEST_F(HttpStreamTest, OldClientsGetTheBytesAsTheyAre) {
  TcpChannel channel(service_->port());
  TestHttpClient client(channel);
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadHead().head, Not(HasSubstr("chunked")));
  const auto stream = NextStream();
  stream->Send("ab");
  stream->Send("cd");
  stream->Close();
  EXPECT_EQ(client.ReadAll(), "abcd");
}

TEST_F(HttpStreamTest, HeadStartsNoStream) {
  TcpChannel channel(service_->port());
  TestHttpClient client(channel);
  client.Request("HEAD /");
  client.Request("GET /plain");
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadResponse().status, 200);
}

TEST_F(HttpStreamTest, ForAClientThatDoesNotReadTheOldestGo) {
  TcpChannel channel(service_->port(), 4096);
  TestHttpClient client(channel);
  client.Request("GET /");
  const auto stream = NextStream();
  // Far more than sockets hold.
  constexpr int kMessages = 400;
  for (int i = 0; i < kMessages; ++i) {
    EXPECT_TRUE(
        stream->Send(std::to_string(i) + " " + std::string(256 << 10, 'x')));
  }
  stream->Close();
  client.ReadHead();
  int received = 0;
  int last = -1;
  for (std::string chunk; !(chunk = client.ReadChunk()).empty(); ++received) {
    const int number = std::atoi(chunk.c_str());
    EXPECT_GT(number, last);
    last = number;
  }
  EXPECT_EQ(last, kMessages - 1);
  EXPECT_LT(received, kMessages);
}

TEST_F(HttpStreamTest, AClientThatLeavesIsNoticed) {
  for (const bool reset : {false, true}) {
    TcpChannel channel(service_->port());
    TestHttpClient client(channel);
    client.Request("GET /");
    const auto stream = NextStream();
    reset ? channel.Reset() : channel.Close();
    while (!stream->gone()) std::this_thread::yield();
    EXPECT_FALSE(stream->Send("x"));
  }
}

TEST_F(HttpStreamTest, AStreamMayOutliveItsServer) {
  TcpChannel channel(service_->port());
  TestHttpClient client(channel);
  client.Request("GET /");
  const auto stream = NextStream();
  service_.reset();
  EXPECT_TRUE(stream->gone());
  EXPECT_FALSE(stream->Send("x"));
  stream->Close();
}

TEST_F(HttpStreamTest, DrainEndsStreamsProperly) {
  TcpChannel channel(service_->port());
  TestHttpClient client(channel);
  client.Request("GET /");
  client.ReadHead();
  const auto stream = NextStream();
  stream->Send("last");
  auto drained = std::async(std::launch::async,
                            [&] { return service_->server->Drain(kLong); });
  EXPECT_THAT(client.ReadAll(), StartsWith("4\r\nlast\r\n0\r\n\r\n"));
  channel.Close();
  EXPECT_TRUE(drained.get());
  EXPECT_TRUE(stream->gone());
}

class StalledStreamTest : public HttpStreamTest {
 protected:
  StalledStreamTest() : HttpStreamTest(Options()) {}
  static HttpServerOptions Options() {
    HttpServerOptions options;
    options.write_timeout = std::chrono::milliseconds(50);
    return options;
  }
};

TEST_F(StalledStreamTest, AClientThatNeverReadsIsCutOff) {
  TcpChannel channel(service_->port(), 4096);
  TestHttpClient client(channel);
  client.Request("GET /");
  const auto stream = NextStream();
  const std::string message(1 << 20, 'x');
  while (stream->Send(message)) std::this_thread::yield();
  EXPECT_TRUE(stream->gone());
}

}  // namespace
}  // namespace ocelli
