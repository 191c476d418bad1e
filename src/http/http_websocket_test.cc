#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/test_http_handler.h"
#include "http/test_tls_client.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kLong = 60s;

enum Opcode { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct Frame {
  int opcode = 0;  // 0: the connection ended.
  std::string payload;

  // Of a kClose.
  int code() const {
    if (opcode != kClose || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) << 8 |
           static_cast<unsigned char>(payload[1]);
  }
};

// Frames of RFC 6455, byte by byte.
class WebSocketClient {
 public:
  explicit WebSocketClient(ByteChannel& channel) : http_(channel) {}

  ReceivedResponse Open(const std::string& path,
                        const std::string& fields = {}) {
    http_.Request("GET " + path, "",
                  "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                      fields);
    return http_.ReadHead();
  }

  void Send(int opcode, std::string payload, bool masked = true) {
    std::string frame(1, static_cast<char>(0x80 | opcode));
    const char mask_bit = masked ? '\x80' : '\0';
    if (payload.size() < 126) {
      frame += static_cast<char>(mask_bit | static_cast<char>(payload.size()));
    } else {
      const bool is_long = payload.size() > 0xffff;
      frame += static_cast<char>(mask_bit | (is_long ? 127 : 126));
      for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) {
        frame += static_cast<char>(payload.size() >> shift & 0xff);
      }
    }
    const std::string mask = "mask";
    if (masked) {
      frame += mask;
      for (std::size_t i = 0; i < payload.size(); ++i) {
        payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
      }
    }
    http_.Send(frame + payload);
  }

  Frame Read() {
    const std::string head = http_.ReadBytes(2);
    if (head.empty()) return {};
    std::uint64_t size = static_cast<unsigned char>(head[1]);
    if (size >= 126) {
      const std::string bytes = http_.ReadBytes(size == 126 ? 2 : 8);
      size = 0;
      for (const char c : bytes)
        size = size << 8 | static_cast<unsigned char>(c);
    }
    return {head[0] & 0x0f, size > 0 ? http_.ReadBytes(size) : ""};
  }

 private:
  TestHttpClient http_;
};

// What happened to a WebSocket, in its order.
class Events {
 public:
  void Add(std::string event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }
  // Once there are so many.
  std::vector<std::string> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLong, [&] { return events_.size() >= count; });
    return events_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

// Sends back what comes; "binary" so, "close" ends it.
class EchoSocket final : public WebSocketHandler {
 public:
  explicit EchoSocket(Events& events) : events_(events) {}
  void Open(std::shared_ptr<HttpStream> stream) override {
    stream_ = std::move(stream);
    events_.Add("open");
    stream_->Send("welcome");
  }
  void Message(std::string text) override {
    events_.Add(text.substr(0, 20));
    if (text == "binary") {
      stream_->SendBinary(text);
    } else if (text == "close") {
      stream_->Close();
    } else {
      stream_->Send(std::move(text));
    }
  }
  void Gone() override { events_.Add("gone"); }

 private:
  Events& events_;
  std::shared_ptr<HttpStream> stream_;
};

struct EchoService {
  explicit EchoService(HttpServerOptions options = {}) {
    service = std::make_unique<TestHttpService>(std::move(options));
    Serve(*service);
  }
  void Serve(TestHttpService& served) {
    served.handler.open =
        [this](const HttpHead& head) -> std::unique_ptr<WebSocketHandler> {
      if (head.path != "/echo") return nullptr;
      return std::make_unique<EchoSocket>(events);
    };
  }
  std::uint16_t port() const { return service->port(); }

  Events events;
  std::unique_ptr<TestHttpService> service;
};

TEST(HttpWebSocketTest, MessagesGoThereAndBack) {
  EchoService echo;
  TcpChannel channel(echo.port());
  WebSocketClient client(channel);
  const auto response = client.Open("/echo");
  EXPECT_EQ(response.status, 101);
  // RFC 6455, 1.3.
  EXPECT_EQ(response.Field("Sec-WebSocket-Accept"),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_THAT(response.head, Not(HasSubstr("Beast")));
  EXPECT_EQ(client.Read().payload, "welcome");
  for (const std::size_t size : {1u, 125u, 126u, 60'000u}) {
    client.Send(kText, std::string(size, 'x'));
    const Frame frame = client.Read();
    EXPECT_EQ(frame.opcode, kText);
    EXPECT_TRUE(frame.payload == std::string(size, 'x')) << size;
  }
  client.Send(kText, "binary");
  EXPECT_EQ(client.Read().opcode, kBinary);
  client.Send(kPing, "are you there");
  const Frame pong = client.Read();
  EXPECT_EQ(pong.opcode, kPong);
  EXPECT_EQ(pong.payload, "are you there");
  client.Send(kClose, "\x03\xe8");
  EXPECT_EQ(client.Read().code(), 1000);
  EXPECT_EQ(echo.events.Await(7).back(), "gone");
}

TEST(HttpWebSocketTest, ItWorksOverTls) {
  EchoService echo;
  const TestTlsService tls;
  echo.Serve(*tls.service);
  TlsChannel channel(tls.port());
  WebSocketClient client(channel);
  EXPECT_EQ(client.Open("/echo").status, 101);
  EXPECT_EQ(client.Read().payload, "welcome");
  client.Send(kText, std::string(50'000, 'y'));
  EXPECT_TRUE(client.Read().payload == std::string(50'000, 'y'));
  client.Send(kText, "close");
  EXPECT_EQ(client.Read().code(), 1000);
  client.Send(kClose, "\x03\xe8");
  EXPECT_EQ(client.Read().opcode, 0);
  EXPECT_TRUE(channel.EndedProperly());
}

TEST(HttpWebSocketTest, OnlyWhatIsThereAndAdmittedIsOpened) {
  EchoService echo;
  TcpChannel channel(echo.port());
  WebSocketClient client(channel);
  EXPECT_EQ(client.Open("/nothing").status, 404);
  echo.service->handler.admit = [](const HttpHead& head) {
    HttpVerdict verdict;
    if (head.Field("Origin") == "https://evil.example") {
      verdict.refusal = HttpResponse();
      verdict.refusal->status = 403;
    }
    return verdict;
  };
  TcpChannel other(echo.port());
  WebSocketClient evil(other);
  EXPECT_EQ(evil.Open("/echo", "Origin: https://evil.example\r\n").status, 403);
  TcpChannel third(echo.port());
  WebSocketClient good(third);
  EXPECT_EQ(good.Open("/echo", "Origin: https://good.example\r\n").status, 101);
}

TEST(HttpWebSocketTest, ProtocolErrorsEndIt) {
  const auto code_after = [](auto misbehave) {
    EchoService echo;
    TcpChannel channel(echo.port());
    WebSocketClient client(channel);
    client.Open("/echo");
    client.Read();
    misbehave(client);
    const int code = client.Read().code();
    client.Send(kClose, "\x03\xe8");
    channel.Close();
    EXPECT_THAT(echo.events.Await(2), ElementsAre("open", "gone"));
    return code;
  };
  EXPECT_EQ(code_after([](auto& client) {
              client.Send(kText, std::string(70'000, 'x'));
            }),
            1009);
  EXPECT_EQ(code_after([](auto& client) { client.Send(kBinary, "x"); }), 1003);
  EXPECT_EQ(code_after([](auto& client) { client.Send(kText, "x", false); }),
            1002);
  EXPECT_EQ(code_after([](auto& client) { client.Send(kText, "\xff"); }), 1007);
  EXPECT_EQ(code_after([](auto& client) { client.Send(5, "x"); }), 1002);
}

TEST(HttpWebSocketTest, WhatIsNoHandshakeIsRefused) {
  EchoService echo;
  for (const std::string fields :
       {"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"}) {
    TcpChannel channel(echo.port());
    TestHttpClient client(channel);
    client.Request("GET /echo", "",
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n" + fields);
    const auto response = client.ReadResponse();
    EXPECT_EQ(response.status, 426) << fields;
    EXPECT_EQ(response.Field("Sec-WebSocket-Version"), "13");
  }
}

TEST(HttpWebSocketTest, DrainSaysThatTheServerGoesAway) {
  EchoService echo;
  TcpChannel channel(echo.port());
  WebSocketClient client(channel);
  client.Open("/echo");
  client.Read();
  auto drained = std::async(std::launch::async,
                            [&] { return echo.service->server->Drain(kLong); });
  EXPECT_EQ(client.Read().code(), 1001);
  client.Send(kClose, "\x03\xe9");
  EXPECT_EQ(client.Read().opcode, 0);
  EXPECT_TRUE(drained.get());
  EXPECT_THAT(echo.events.Await(2), ElementsAre("open", "gone"));
}

TEST(HttpWebSocketTest, DeadPeersAreFound) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  EchoService echo(options);
  TcpChannel channel(echo.port());
  WebSocketClient client(channel);
  client.Open("/echo");
  EXPECT_EQ(client.Read().payload, "welcome");
  // An answer keeps it; none does not.
  EXPECT_EQ(client.Read().opcode, kPing);
  client.Send(kPong, "");
  EXPECT_EQ(client.Read().opcode, kPing);
  EXPECT_EQ(client.Read().opcode, 0);
  EXPECT_THAT(echo.events.Await(2), ElementsAre("open", "gone"));
}

TEST(HttpWebSocketTest, APeerThatLeavesIsGone) {
  EchoService echo;
  for (const bool reset : {false, true}) {
    TcpChannel channel(echo.port());
    WebSocketClient client(channel);
    client.Open("/echo");
    client.Read();
    reset ? channel.Reset() : channel.Close();
    EXPECT_EQ(echo.events.Await(reset ? 4 : 2).back(), "gone");
  }
}

TEST(HttpWebSocketTest, TheEndOfTheServerIsTheEndOfItsSockets) {
  EchoService echo;
  TcpChannel channel(echo.port());
  WebSocketClient client(channel);
  client.Open("/echo");
  client.Read();
  echo.service.reset();
  EXPECT_THAT(echo.events.Await(2), ElementsAre("open", "gone"));
  EXPECT_EQ(client.Read().opcode, 0);
}

TEST(HttpWebSocketTest, APeerThatDoesNotReadIsCutOff) {
  HttpServerOptions options;
  options.write_timeout = 50ms;
  EchoService echo(options);
  std::promise<std::shared_ptr<HttpStream>> opened;
  struct Source final : WebSocketHandler {
    explicit Source(std::promise<std::shared_ptr<HttpStream>>& promise)
        : opened(promise) {}
    void Open(std::shared_ptr<HttpStream> stream) override {
      opened.set_value(std::move(stream));
    }
    void Message(std::string) override {}
    void Gone() override {}
    std::promise<std::shared_ptr<HttpStream>>& opened;
  };
  echo.service->handler.open = [&](const HttpHead&) {
    return std::make_unique<Source>(opened);
  };
  TcpChannel channel(echo.port(), 4096);
  WebSocketClient client(channel);
  client.Open("/source");
  const auto stream = opened.get_future().get();
  const std::string message(1 << 20, 'x');
  while (stream->Send(message)) std::this_thread::yield();
  EXPECT_TRUE(stream->gone());
}

}  // namespace
}  // namespace ocelli
