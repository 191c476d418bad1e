#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ocelli {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

// Everything of a request but its body.
struct HttpHead {
  std::string method;  // "GET".
  // Of the target: decoded, begins with '/', without "." and ".." (a target
  // that holds such is refused before anybody sees it).
  std::string path;
  HttpFields query;     // Decoded, in their order.
  HttpFields fields;    // Header fields, in their order.
  std::string client;   // The other end's address: "127.0.0.1", "::1".
  bool secure = false;  // Over TLS.
  std::string id;       // Of the request: for logs and X-Request-Id.
  std::optional<std::uint64_t> content_length;

  // The first of that name (header names without regard to case), or empty.
  std::string_view Field(std::string_view name) const;
  std::string_view Query(std::string_view name) const;
  // Of Cookie.
  std::string_view Cookie(std::string_view name) const;
};

// What goes to one client for as long as it listens: parts of an MJPEG, or
// messages of a WebSocket. Thread-safe; may outlive the connection.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Queues one. While `capacity` wait, the oldest goes: pictures are live.
  // False: the client is gone.
  virtual bool Send(std::string message) = 0;
  // WebSocket only: as binary.
  virtual bool SendBinary(std::string message) = 0;
  // Sends what waits, then ends. Once it returns true from gone(), nothing
  // else happens.
  virtual void Close() = 0;
  virtual bool gone() const = 0;
};

// Called with a stream once its head has been sent, on a thread that must not
// wait; keeps the stream.
using HttpStreamStart = std::function<void(std::shared_ptr<HttpStream>)>;

struct HttpResponse {
  int status = 200;
  // Date, Content-Length and Connection come by themselves, as does
  // X-Request-Id unless it is here.
  HttpFields fields;
  std::string body;
  // Bytes that live as long as the program, instead of `body`.
  std::optional<std::string_view> constant_body;
  // Instead of a body: one that goes on until it is closed.
  HttpStreamStart stream;
};

// What is to happen to a request whose head has come.
struct HttpVerdict {
  // Refuses it: the body is not read.
  std::optional<HttpResponse> refusal;
  std::uint64_t max_body_bytes = 0;
  // Whether to answer without another thread: for what takes microseconds.
  bool at_once = false;
  // What Admit() found out, for Handle().
  std::shared_ptr<void> notes;
};

// A WebSocket that was opened: its calls come one after the other, on threads
// that may wait; while one does, nothing is read from the client. Gone() is the
// last, whoever ended it. Messages are text in UTF-8: others end it.
class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  virtual void Open(std::shared_ptr<HttpStream> stream) = 0;
  virtual void Message(std::string text) = 0;
  virtual void Gone() = 0;
};

}  // namespace ocelli
