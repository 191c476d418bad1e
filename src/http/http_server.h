#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "http/http_message.h"
#include "metrics/metrics.h"

namespace ocelli {

// Answers requests. Thread-safe.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // As soon as the head has come, on an I/O thread: must not wait for long.
  virtual HttpVerdict Admit(const HttpHead& head) = 0;

  // The whole request, on a thread that may wait. `stop` is requested when the
  // client goes away or the server ends.
  virtual HttpResponse Handle(const HttpHead& head, std::string body,
                              const HttpVerdict& verdict,
                              const std::stop_token& stop) = 0;

  // On a thread that may wait: a request to become a WebSocket that Admit() let
  // in; null: there is none
  // there (404).
  virtual std::unique_ptr<WebSocketHandler> OpenWebSocket(
      const HttpHead& head, const HttpVerdict& verdict) = 0;

  // The body of an error that the server finds by itself (400, 404, 408, 413,
  // 414, 417, 426, 431, 503): what a client of this service expects.
  virtual HttpResponse Problem(int status, const std::string& detail) = 0;
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6, no name.
  std::uint16_t port = 8080;          // 0: any that is free.
  // PEM. Empty: without TLS. Read anew when they change; what can't be used is
  // logged and the old ones stay. TLS 1.2 and later.
  std::filesystem::path certificate;  // With the chain.
  std::filesystem::path private_key;

  int io_threads = 1;
  int workers = 64;                    // Threads at most that wait in Handle().
  std::size_t max_connections = 4096;  // More wait in the backlog.
  std::size_t max_connections_of_client = 256;  // By address; loopback: all.
  std::size_t max_head_bytes = 16 << 10;
  std::size_t max_message_bytes = 64 << 10;  // Of a WebSocket, coming in.
  std::size_t stream_capacity = 4;           // Messages that wait, each stream.
  std::chrono::milliseconds head_timeout{10'000};  // From the first byte on.
  std::chrono::milliseconds body_timeout{60'000};  // For all of it,
  std::uint64_t least_body_rate = 16 << 10;  // but bytes a second are enough.
  std::chrono::milliseconds idle_timeout{60'000};       // Between requests.
  std::chrono::milliseconds write_timeout{30'000};      // Without any progress.
  std::chrono::milliseconds handshake_timeout{10'000};  // TLS.
  // How often certificate files are looked at.
  std::chrono::milliseconds reload_every{5'000};
};

// HTTP/1.1 and WebSockets, over TCP or TLS. Thread-safe.
class HttpServer {
 public:
  // Listens and answers from now on. `handler` and `metrics` outlive it.
  // kInvalidArgument: no such address, certificate or key; kUnavailable,
  // kPermissionDenied: the port can't be had, the message says whose it is.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                   HttpHandler& handler,
                                                   MetricsRegistry& metrics);
  // Ends at once what is left.
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;

  // Takes no more connections and requests, closes streams, and waits until
  // those under way have been answered, for so long at most. Whether all were.
  virtual bool Drain(std::chrono::milliseconds patience) = 0;
};

}  // namespace ocelli
