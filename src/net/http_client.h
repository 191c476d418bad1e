#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "net/url.h"

namespace ocelli {

struct HttpGetReply {
  int status = 0;
  Url url;                                     // After redirects.
  std::map<std::string, std::string> headers;  // Names in lower case.

  // Empty where the server sent no such header.
  std::string Header(const std::string& name) const;
  // Of the body that follows, where announced.
  std::optional<std::uint64_t> ContentLength() const;
};

// 200 is fine. kNotFound, kPermissionDenied, kUnavailable where trying again
// may help (408, 429, 5xx), else kFailedPrecondition.
Result<> CheckStatus(int status);

struct HttpOptions {
  std::vector<std::string> headers;  // "Name: value".
  std::uint64_t max_body_bytes = 64 << 20;
  std::chrono::milliseconds connect_timeout{20'000};
  // Given up when less than 1 KiB came in this long.
  std::chrono::milliseconds stall_timeout{30'000};
  int max_redirects = 8;
  // Asked for the first address and for each redirect. A redirect from https
  // to http is refused in any case.
  std::function<Result<>(const Url&)> check = CheckSecure;
  // Connects to none but public addresses (net/address.h): each one is checked
  // as the connection to it is made, so a name can't lead elsewhere between
  // check and use. Without a proxy, because that would resolve names itself.
  // kPermissionDenied.
  bool public_only = false;
  std::stop_token stop;
};

// Takes an answer as it arrives. An error ends the transfer and is what Get()
// returns.
struct HttpSink {
  // Once, before the body, whatever the status; not for redirects.
  std::function<Result<>(const HttpGetReply&)> head;
  std::function<Result<>(std::span<const std::byte>)> body;
};

// Fetches over HTTP/1.1 and HTTP/2, with proxies from the usual environment
// variables; none for this very machine or where only public addresses do.
// CURL_CA_BUNDLE or SSL_CERT_FILE names the certificates to trust, else the
// system's are. Connections are kept for the next call. libcurl is loaded on
// the first. Not thread-safe.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Any status is an answer, not an error. kUnavailable: trying again may
  // help (no name, no connection, stalled, cut off). kResourceExhausted: the
  // body is larger than allowed. kCancelled: stopped.
  Result<HttpGetReply> Get(const Url& url, const HttpOptions& options,
                           const HttpSink& sink);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
