#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "net/test_http_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// An answer with its body kept.
struct Answer {
  Result<HttpGetReply> response;
  std::string body;
};

Answer Get(const std::string& address, const HttpOptions& options = {},
           Result<> head_outcome = {}) {
  HttpClient client;
  Answer answer{Fail(ErrorCode::kInternal, ""), ""};
  HttpSink sink;
  sink.head = [&](const HttpGetReply&) { return head_outcome; };
  sink.body = [&](std::span<const std::byte> bytes) -> Result<> {
    answer.body.append(reinterpret_cast<const char*>(bytes.data()),
                       bytes.size());
    return {};
  };
  answer.response = client.Get(ParseUrl(address).value(), options, sink);
  return answer;
}

TestHttpServer::Handler Always(const std::string& bytes) {
  return [=](const std::string&) { return TestHttpServer::Reply{bytes}; };
}

TEST(HttpClient, GivesStatusHeadersAndBody) {
  const TestHttpServer server(Always(TestHttpServer::Status(
      "200 OK", std::string(100'000, 'x'), "ETag:  \"7\" \r\n")));
  const Answer answer = Get(server.Address("/file?a=b"));
  ASSERT_TRUE(answer.response) << answer.response.error().message;
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(answer.response->Header("etag"), "\"7\"");
  EXPECT_EQ(answer.response->ContentLength(), 100'000);
  EXPECT_EQ(answer.body, std::string(100'000, 'x'));
  EXPECT_THAT(server.requests().at(0), HasSubstr("GET /file?a=b HTTP/1.1"));
}

TEST(HttpClient, AnErrorStatusIsAnAnswer) {
  const TestHttpServer server(
      Always(TestHttpServer::Status("404 Not Found", "no such thing")));
  const Answer answer = Get(server.Address("/"));
  ASSERT_TRUE(answer.response);
  EXPECT_EQ(answer.response->status, 404);
  EXPECT_EQ(answer.body, "no such thing");
}

TEST(HttpClient, SendsTheHeadersItIsGiven) {
  const TestHttpServer server(Always(TestHttpServer::Ok("")));
  HttpOptions options;
  options.headers = {"Range: bytes=5-"};
  ASSERT_TRUE(Get(server.Address("/"), options).response);
  EXPECT_THAT(server.requests().at(0), HasSubstr("Range: bytes=5-\r\n"));
}

TEST(HttpClient, FollowsRedirectsWithoutTheirBodies) {
  const TestHttpServer server([](const std::string& request) {
    if (request.starts_with("GET /old")) {
      return TestHttpServer::Reply{TestHttpServer::Status(
          "302 Found", "go on", "Location: /new?x=1\r\n")};
    }
    return TestHttpServer::Reply{TestHttpServer::Ok("here")};
  });
  const Answer answer = Get(server.Address("/old"));
  ASSERT_TRUE(answer.response) << answer.response.error().message;
  EXPECT_EQ(answer.body, "here");
  EXPECT_EQ(answer.response->url.target, "/new?x=1");
}

TEST(HttpClient, GivesUpOnARedirectLoop) {
  const TestHttpServer server(
      Always(TestHttpServer::Status("302 Found", "", "Location: /\r\n")));
  const Answer answer = Get(server.Address("/"));
  EXPECT_EQ(answer.response.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.requests().size(), 9);
}

TEST(HttpClient, ChecksWhereRedirectsLead) {
  const TestHttpServer server(Always(TestHttpServer::Status(
      "302 Found", "", "Location: http://192.0.2.1/\r\n")));
  const Answer answer = Get(server.Address("/"));
  EXPECT_EQ(answer.response.error().code, ErrorCode::kPermissionDenied);

  const TestHttpServer file(Always(TestHttpServer::Status(
      "302 Found", "", "Location: file:///etc/passwd\r\n")));
  EXPECT_FALSE(Get(file.Address("/")).response);
}

TEST(HttpClient, ACutOffBodyMayBeTriedAgain) {
  const TestHttpServer server(
      Always("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
  const Answer answer = Get(server.Address("/"));
  EXPECT_EQ(answer.response.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(answer.body, "abc");
}

TEST(HttpClient, RefusesABodyThatIsAnnouncedTooLarge) {
  const TestHttpServer server(Always(TestHttpServer::Ok("12345678")));
  HttpOptions options;
  options.max_body_bytes = 7;
  const Answer answer = Get(server.Address("/"), options);
  EXPECT_EQ(answer.response.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(answer.body, "");
}

TEST(HttpClient, RefusesABodyThatGrowsTooLarge) {
  const TestHttpServer server(
      Always("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678"));
  HttpOptions options;
  options.max_body_bytes = 7;
  EXPECT_EQ(Get(server.Address("/"), options).response.error().code,
            ErrorCode::kResourceExhausted);
}

TEST(HttpClient, GivesUpOnAServerThatStalls) {
  const TestHttpServer server([](const std::string&) {
    return TestHttpServer::Reply{
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true};
  });
  HttpOptions options;
  options.stall_timeout = milliseconds(30);
  const Answer answer = Get(server.Address("/"), options);
  EXPECT_EQ(answer.response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.response.error().message, HasSubstr("30 ms"));
}

TEST(HttpClient, StopsWhenAsked) {
  std::stop_source stop;
  const TestHttpServer server([&](const std::string&) {
    stop.request_stop();
    return TestHttpServer::Reply{"", true};
  });
  HttpOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(Get(server.Address("/"), options).response.error().code,
            ErrorCode::kCancelled);
}

TEST(HttpClient, EndsWithTheErrorOfItsSink) {
  const TestHttpServer server(Always(TestHttpServer::Ok("x")));
  const Answer answer =
      Get(server.Address("/"), {}, Fail(ErrorCode::kAlreadyExists, "have it"));
  EXPECT_EQ(answer.response.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(answer.body, "");
}

TEST(HttpClient, NamesAnAddressThatDoesNotAnswer) {
  std::string address;
  {
    const TestHttpServer server(Always(""));
    address = server.Address("/gone?key=secret");
  }
  const auto error = Get(address).response.error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("/gone"));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("secret")));
}

TEST(HttpClient, AnswersWithoutHttpAreErrors) {
  for (const std::string garbage :
       {"", "\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 abc\r\n\r\n"}) {
    const TestHttpServer server(Always(garbage));
    EXPECT_FALSE(Get(server.Address("/")).response) << garbage;
  }
}

TEST(HttpClient, ServesOneRequestAfterAnother) {
  const TestHttpServer server(Always(TestHttpServer::Ok("x")));
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.Get(ParseUrl(server.Address("/")).value(), {}, {})->status,
              200);
  }
}

// Nothing but public addresses, over http too.
HttpOptions PublicOnly() {
  HttpOptions options;
  options.public_only = true;
  options.check = nullptr;
  return options;
}

TEST(HttpClientPublicOnly, RefusesThisMachineUnderAnyName) {
  const TestHttpServer server(Always(TestHttpServer::Ok("secret")));
  const std::string address = server.Address("/");
  const std::string port = address.substr(address.rfind(':'));
  for (const char* host :
       {"127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1",
        "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]"}) {
    const Answer answer =
        Get("http://" + std::string(host) + port, PublicOnly());
    ASSERT_FALSE(answer.response) << host;
    EXPECT_EQ(answer.response.error().code, ErrorCode::kPermissionDenied)
        << host << ": " << answer.response.error().message;
    EXPECT_THAT(answer.response.error().message,
                HasSubstr("which is not a public address"));
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_TRUE(server.requests().empty());
}

// 192.0.2.0/24 would never answer: no packet is sent.
TEST(HttpClientPublicOnly, RefusesBeforeItConnects) {
  for (const char* address :
       {"http://192.0.2.1/", "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/", "http://[fd00:ec2::254]/"}) {
    EXPECT_EQ(Get(address, PublicOnly()).response.error().code,
              ErrorCode::kPermissionDenied)
        << address;
  }
}

TEST(HttpClientPublicOnly, UsesNoConnectionThatIsOpenAlready) {
  const TestHttpServer server([](const std::string&) {
    return TestHttpServer::Reply{
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true};
  });
  HttpClient client;
  const Url url = ParseUrl(server.Address("/")).value();
  ASSERT_TRUE(client.Get(url, {}, {}));
  EXPECT_EQ(client.Get(url, PublicOnly(), {}).error().code,
            ErrorCode::kPermissionDenied);
}

TEST(HttpClientPublicOnly, UsesNoProxy) {
  const TestHttpServer proxy(Always(TestHttpServer::Ok("through the proxy")));
  setenv("http_proxy", proxy.Address("").c_str(), 1);
  const auto refused = Get("http://10.0.0.1/", PublicOnly());
  EXPECT_EQ(refused.response.error().code, ErrorCode::kPermissionDenied);
  HttpOptions any;
  any.check = nullptr;
  EXPECT_EQ(Get("http://10.0.0.1/", any).body, "through the proxy");
  unsetenv("http_proxy");
}

TEST(HttpClient, FollowsRedirectsWithBlanksAndAccents) {
  const TestHttpServer server([](const std::string& request) {
    if (request.starts_with("GET /old")) {
      return TestHttpServer::Reply{TestHttpServer::Status(
          "302 Found", "", "Location: ../C\u00f4te d'Ivoire\r\n")};
    }
    return TestHttpServer::Reply{TestHttpServer::Ok("here")};
  });
  EXPECT_EQ(Get(server.Address("/old/x")).response->url.target,
            "/C%C3%B4te%20d'Ivoire");
}

TEST(HttpClient, ARedirectThatSaysNoAddressIsAskedOnce) {
  const TestHttpServer server(
      Always(TestHttpServer::Status("302 Found", "", "")));
  const Answer answer = Get(server.Address("/"));
  ASSERT_FALSE(answer.response);
  EXPECT_THAT(answer.response.error().message, HasSubstr("where to"));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(HttpClient, HeadersWithoutEndAreRefused) {
  std::string headers;
  for (int i = 0; i < 20'000; ++i) {
    headers += "X-" + std::to_string(i) + ": some text\r\n";
  }
  const TestHttpServer server(
      Always(TestHttpServer::Status("200 OK", "body", headers)));
  const Answer answer = Get(server.Address("/"));
  ASSERT_FALSE(answer.response);
  EXPECT_EQ(answer.body, "");
}

}  // namespace
}  // namespace ocelli
