#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "http/http_server.h"

namespace ocelli {

// Says back what it was asked, unless the test says otherwise.
class TestHttpHandler final : public HttpHandler {
 public:
  std::function<HttpVerdict(const HttpHead&)> admit = [](const HttpHead&) {
    HttpVerdict verdict;
    verdict.max_body_bytes = 1 << 20;
    verdict.at_once = true;
    return verdict;
  };
  std::function<HttpResponse(const HttpHead&, std::string,
                             const std::stop_token&)>
      handle =
          [](const HttpHead& head, std::string body, const std::stop_token&) {
            HttpResponse response;
            response.body = head.method + " " + head.path + " " + body;
            return response;
          };
  std::function<std::unique_ptr<WebSocketHandler>(const HttpHead&)> open =
      [](const HttpHead&) { return nullptr; };

  HttpVerdict Admit(const HttpHead& head) override { return admit(head); }
  HttpResponse Handle(const HttpHead& head, std::string body,
                      const HttpVerdict&,
                      const std::stop_token& stop) override {
    return handle(head, std::move(body), stop);
  }
  std::unique_ptr<WebSocketHandler> OpenWebSocket(const HttpHead& head,
                                                  const HttpVerdict&) override {
    return open(head);
  }
  HttpResponse Problem(int status, const std::string& detail) override {
    HttpResponse response;
    response.status = status;
    response.body = "problem: " + detail;
    return response;
  }

  // Requests wait in Handle() on a worker.
  void UseWorkers() {
    admit = [](const HttpHead&) {
      HttpVerdict verdict;
      verdict.max_body_bytes = 1 << 20;
      return verdict;
    };
  }
};

// A server of it on a free port.
struct TestHttpService {
  explicit TestHttpService(HttpServerOptions options = {}) {
    options.port = 0;
    server = HttpServer::Start(std::move(options), handler, metrics).value();
  }
  std::uint16_t port() const { return server->port(); }

  TestHttpHandler handler;
  MetricsRegistry metrics;
  std::unique_ptr<HttpServer> server;
};

}  // namespace ocelli
