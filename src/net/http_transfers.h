#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/byte_source.h"
#include "core/result.h"
#include "net/url.h"

namespace ocelli {

struct HttpRequest {
  std::string method = "GET";        // GET, HEAD, PUT, POST or DELETE.
  Url url;                           // Sent as it is: encoded by the caller.
  std::vector<std::string> headers;  // "Name: value".
  ByteSource body;                   // Of PUT and POST.
  // Of the answer's body, which is an error beyond them.
  std::uint64_t max_reply_bytes = 1 << 20;
  std::chrono::milliseconds connect_timeout{10'000};
  // Given up when nothing moved in either direction for this long.
  std::chrono::milliseconds stall_timeout{30'000};
  // For all of it; 0: none.
  std::chrono::milliseconds timeout{0};
};

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::vector<std::byte> body;
};

struct HttpTransfersOptions {
  std::string ca_file;  // Trusted certificates; empty: as HttpClient has it.
  // Connections kept open between requests.
  int kept_connections = 256;
};

// Many requests at a time over HTTP/1.1, driven by one thread of its own, over
// connections that are kept. Redirects are not followed. Proxies as HttpClient
// has them. Thread-safe.
class HttpTransfers {
 public:
  // Any status is an answer, not an error. kUnavailable: trying again may help.
  // kDeadlineExceeded: a time-out. kResourceExhausted: the answer is too long.
  // kFailedPrecondition: the server's certificate is not trusted, or there is
  // no libcurl. kCancelled.
  using Done = std::function<void(Result<HttpReply>)>;

  explicit HttpTransfers(const HttpTransfersOptions& options);
  // What is under way is cancelled, and its `done` called before this returns.
  ~HttpTransfers();
  HttpTransfers(const HttpTransfers&) = delete;
  HttpTransfers& operator=(const HttpTransfers&) = delete;

  // `done` is called once, on the thread of the transfers, and must not wait.
  // It may start others.
  void Start(HttpRequest request, Done done);

  // Calls `work` on the thread of the transfers, as a `done`, also where the
  // destructor has begun.
  void Post(std::function<void()> work);

  // One request, waited for; not from within `done`.
  Result<HttpReply> Run(HttpRequest request, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
