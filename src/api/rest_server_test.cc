// The handler behind the real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_rest.h"
#include "http/http_server.h"
#include "http/test_http_client.h"

namespace ocelli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class RestServerTest : public testing::Test {
 protected:
  RestServerTest()
      : server_(Start(*rest_.handler, rest_.metrics)),
        host_("Host: 127.0.0.1:" + std::to_string(server_->port()) + "\r\n"),
        channel_(server_->port()),
        client_(channel_) {}

  static std::unique_ptr<HttpServer> Start(HttpHandler& handler,
                                           MetricsRegistry& metrics) {
    HttpServerOptions options;
    options.port = 0;
    return HttpServer::Start(options, handler, metrics).value();
  }

  ReceivedResponse Ask(const std::string& line, const std::string& body = {},
                       const std::string& fields = {}) {
    std::string request = line + " HTTP/1.1\r\n" + host_ + fields;
    if (!body.empty()) {
      request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    client_.Send(request + "\r\n" + body);
    return line.starts_with("HEAD") ? client_.ReadHead()
                                    : client_.ReadResponse();
  }

  TestRest rest_;
  const std::unique_ptr<HttpServer> server_;
  const std::string host_;
  TcpChannel channel_;
  TestHttpClient client_;
};

TEST_F(RestServerTest, APictureIsRecognised) {
  rest_.service.answer = [](const google::protobuf::MethodDescriptor&,
                            const CallContext&,
                            google::protobuf::Message& request,
                            google::protobuf::Message& response) -> Result<> {
    const auto& asked = static_cast<v1::RecognizeRequest&>(request);
    EXPECT_TRUE(asked.mesh());
    auto& answer = static_cast<v1::RecognizeResponse&>(response);
    answer.mutable_analysis()->set_digest(Sha256(asked.image().data()).ToHex());
    return {};
  };
  const std::string picture(200'000, 'x');
  const auto response = Ask("POST /v1/recognize?mesh=true", picture,
                            "Content-Type: image/jpeg\r\n");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(json::parse(response.body)["analysis"]["digest"],
            Sha256(picture).ToHex());
  EXPECT_EQ(response.head.find("X-Request-Id"),
            response.head.rfind("X-Request-Id"));
}

TEST_F(RestServerTest, NamesAreReadFromTargets) {
  rest_.service.answer = [](const google::protobuf::MethodDescriptor&,
                            const CallContext&,
                            google::protobuf::Message& request,
                            google::protobuf::Message& response) -> Result<> {
    static_cast<v1::PersonDetails&>(response).mutable_person()->set_name(
        static_cast<v1::GetPersonRequest&>(request).name());
    return {};
  };
  const auto response = Ask("GET /v1/people/%C3%85sa%20%3F%25");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(json::parse(response.body)["person"]["name"], "Åsa ?%");
}

TEST_F(RestServerTest, NoEncodingLeadsOutOfThePage) {
  for (const char* path :
       {"/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc%2fpasswd",
        "/%2e%2e%2fetc/passwd", "/..%5c..%5cetc", "/assets/..%c0%afx",
        "/%00index.html", "/v1/people/..%2f..%2fkeys", "/v1/people/%2e%2e/keys",
        "/./etc/passwd.txt"}) {
    TcpChannel channel(server_->port());
    TestHttpClient client(channel);
    client.Send(std::string("GET ") + path + " HTTP/1.1\r\n" + host_ + "\r\n");
    const auto response = client.ReadResponse();
    EXPECT_TRUE(response.status == 400 || response.status == 404)
        << path << " " << response.status;
    EXPECT_EQ(response.Field("Content-Type"), "application/problem+json");
  }
}

TEST_F(RestServerTest, TooMuchIsRefusedBeforeItComes) {
  client_.Send("POST /v1/keys HTTP/1.1\r\n" + host_ +
               "Content-Type: application/json\r\n"
               "Content-Length: 999999999\r\n\r\n");
  EXPECT_EQ(client_.ReadResponse().status, 403);  // Nor would it be allowed.
  TcpChannel channel(server_->port());
  TestHttpClient client(channel);
  client.Send("POST /v1/recognize HTTP/1.1\r\n" + host_ +
              "Content-Type: image/jpeg\r\nContent-Length: 999999999\r\n\r\n");
  const auto response = client.ReadResponse();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(json::parse(response.body)["code"], "content_too_large");
}

TEST_F(RestServerTest, ThePageIsServed) {
  const auto page = Ask("GET /");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.Field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.Field("Content-Security-Policy"),
              HasSubstr("default-src 'self'"));
  const auto head = Ask("HEAD /");
  EXPECT_EQ(head.Field("Content-Length"), page.Field("Content-Length"));
  EXPECT_EQ(
      Ask("GET /", {}, "If-None-Match: " + page.Field("ETag") + "\r\n").status,
      304);
  EXPECT_EQ(Ask("GET /healthz").body, "alive\n");
}

TEST_F(RestServerTest, AnMjpegGoesOnUntilTheVideoStops) {
  LiveShot shot;
  shot.frame.sequence = 1;
  rest_.board.Show(std::move(shot));
  client_.Send("GET /v1/live/cam/mjpeg HTTP/1.1\r\n" + host_ + "\r\n");
  EXPECT_EQ(client_.ReadHead().status, 200);
  EXPECT_THAT(client_.ReadUntil("of 0\r\n"), HasSubstr("jpeg 1"));
  ASSERT_TRUE(rest_.board.Stop("cam"));
  EXPECT_EQ(client_.ReadUntil("0\r\n\r\n"), "\r\n0\r\n\r\n");
}

constexpr char kUpgrade[] =
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST_F(RestServerTest, EventsComeOverAWebSocket) {
  LiveShot shot;
  shot.frame.sequence = 12;
  rest_.board.Show(std::move(shot));
  client_.Send("GET /v1/live/cam/events HTTP/1.1\r\n" + host_ + kUpgrade +
               "\r\n");
  ASSERT_EQ(client_.ReadHead().status, 101);
  // RFC 6455, 5.2: a whole text message with a length below 126.
  const std::string head = client_.ReadBytes(2);
  ASSERT_EQ(head.size(), 2u);
  EXPECT_EQ(head[0], '\x81');
  const auto length = static_cast<std::size_t>(head[1]);
  ASSERT_LT(length, 126u);
  EXPECT_EQ(json::parse(client_.ReadBytes(length))["sequence"], "12");
  ASSERT_TRUE(rest_.board.Stop("cam"));
  EXPECT_EQ(client_.ReadBytes(1), "\x88");  // Closed.
}

TEST_F(RestServerTest, AnotherSiteGetsNoWebSocket) {
  client_.Send("GET /v1/live/cam/events HTTP/1.1\r\n" + host_ + kUpgrade +
               "Origin: https://evil.example\r\n\r\n");
  EXPECT_EQ(client_.ReadResponse().status, 403);
}

}  // namespace
}  // namespace ocelli
