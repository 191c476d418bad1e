#include "net/http_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/curl.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kStallBytes = 1024;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 ||
         status == 308;
}

// One request and its answer, as libcurl's callbacks see it.
struct Transfer {
  const HttpOptions& options;
  const HttpSink& sink;
  const Curl& curl;
  CURL* easy;
  HttpGetReply response;
  bool head_given = false;
  std::size_t head_bytes = 0;
  std::uint64_t received = 0;
  std::string refused;  // The last address that is not public.
  Result<> outcome;

  // False once the transfer is to end.
  bool GiveHead() {
    if (head_given) return true;
    head_given = true;
    long status = 0;
    curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    if (IsRedirect(response.status)) return true;
    if (response.ContentLength().value_or(0) > options.max_body_bytes) {
      outcome = TooLarge();
    } else if (sink.head) {
      outcome = sink.head(response);
    }
    return outcome.has_value();
  }

  // False where there is more of a head than anybody has to say.
  bool CountHead(std::size_t bytes) {
    head_bytes += bytes;
    if (head_bytes <= kMostHeadBytes) return true;
    outcome = Fail(ErrorCode::kResourceExhausted,
                   "the server sends headers without end");
    return false;
  }

  bool GiveBody(std::span<const std::byte> bytes) {
    if (!GiveHead()) return false;
    received += bytes.size();
    if (received > options.max_body_bytes) {
      outcome = TooLarge();
    } else if (!IsRedirect(response.status) && sink.body) {
      outcome = sink.body(bytes);
    }
    return outcome.has_value();
  }

  Result<> TooLarge() const {
    return Fail(ErrorCode::kResourceExhausted,
                "more than the " + std::to_string(options.max_body_bytes) +
                    " bytes expected");
  }
};

std::size_t OnHeader(char* data, std::size_t, std::size_t size,
                     void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.CountHead(size)) return 0;
  AddHeaderLine({data, size}, transfer.response.headers);
  return size;
}

std::size_t OnBody(char* data, std::size_t, std::size_t size,
                   void* user) noexcept {
  const std::span bytes(data, size);
  return static_cast<Transfer*>(user)->GiveBody(std::as_bytes(bytes)) ? size
                                                                      : 0;
}

// Gives libcurl no socket for an address that is not public.
curl_socket_t OpenPublicSocket(void* user, curlsocktype,
                               curl_sockaddr* address) noexcept {
  if (IsPublicAddress(address->addr)) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
  }
  static_cast<Transfer*>(user)->refused = AddressText(address->addr);
  return CURL_SOCKET_BAD;
}

}  // namespace

std::string HttpGetReply::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::optional<std::uint64_t> HttpGetReply::ContentLength() const {
  const std::string text = Header("content-length");
  std::uint64_t length = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc() || stop != end) return {};
  return length;
}

struct HttpClient::State {
  explicit State(const Curl& loaded)
      : curl(loaded), easy(curl.easy_init()), multi(curl.multi_init()) {}
  ~State() {
    if (multi) curl.multi_cleanup(multi);
    if (easy) curl.easy_cleanup(easy);
  }

  // One request; redirects are the caller's.
  Result<HttpGetReply> GetOnce(const Url& url, const HttpOptions& options,
                               const HttpSink& sink);
  // Drives the added handle to its end.
  Result<CURLcode> Perform(const HttpOptions& options,
                           const Transfer& transfer);

  const Curl& curl;
  CURL* easy;
  CURLM* multi;
  bool private_connections = false;  // May be among those kept.
};

Result<> CheckStatus(int status) {
  if (status == 200) return {};
  ErrorCode code = ErrorCode::kFailedPrecondition;
  if (status == 404 || status == 410) code = ErrorCode::kNotFound;
  if (status == 401 || status == 403) code = ErrorCode::kPermissionDenied;
  if (status == 408 || status == 429 || status >= 500) {
    code = ErrorCode::kUnavailable;
  }
  return Fail(code, "the server answers " + std::to_string(status));
}

HttpClient::HttpClient() = default;
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpGetReply> HttpClient::Get(const Url& url, const HttpOptions& options,
                                     const HttpSink& sink) {
  const Result<Curl>& curl = LoadedCurl();
  if (!curl) return curl.Failure();
  if (!state_) state_ = std::make_unique<State>(*curl);
  if (!state_->easy || !state_->multi) {
    return Fail(ErrorCode::kResourceExhausted, "libcurl has no memory");
  }

  Url next = url;
  for (int redirects = 0;; ++redirects) {
    if (options.check) {
      if (const auto allowed = options.check(next); !allowed) {
        return allowed.Failure();
      }
    }
    auto response = state_->GetOnce(next, options, sink);
    if (!response) return response.Failure("GET " + next.ForMessage());
    if (!IsRedirect(response->status)) return response;

    if (response->Header("location").empty()) {
      return Fail(ErrorCode::kUnavailable,
                  next.ForMessage() + " redirects without saying where to");
    }
    auto target = ResolveReference(next, response->Header("location"));
    if (!target) return target.Failure("redirect of " + next.ForMessage());
    if (redirects == options.max_redirects) {
      return Fail(ErrorCode::kUnavailable,
                  "too many redirects from " + url.ForMessage());
    }
    if (next.scheme == "https" && target->scheme != "https") {
      return Fail(ErrorCode::kPermissionDenied,
                  next.ForMessage() + " redirects to the unencrypted " +
                      target->ForMessage());
    }
    next = std::move(*target);
  }
}

Result<HttpGetReply> HttpClient::State::GetOnce(const Url& url,
                                                const HttpOptions& options,
                                                const HttpSink& sink) {
  Transfer transfer{options, sink, curl, easy, {}, false, 0, 0, {}, {}};
  transfer.response.url = url;
  std::array<char, CURL_ERROR_SIZE> reason{};

  curl.easy_reset(easy);
  const auto set = [&](CURLoption option, auto value) {
    curl.easy_setopt(easy, option, value);
  };
  SetCommonOptions(curl, easy, url, CaFileOfEnvironment());
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_WRITEFUNCTION, &OnBody);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  if (options.public_only) {
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_OPENSOCKETFUNCTION, &OpenPublicSocket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
    if (private_connections) set(CURLOPT_FRESH_CONNECT, 1L);
  } else {
    private_connections = true;
  }
  curl_slist* lines = nullptr;
  for (const std::string& header : options.headers) {
    lines = curl.slist_append(lines, header.c_str());
  }
  if (lines) set(CURLOPT_HTTPHEADER, lines);

  curl.multi_add_handle(multi, easy);
  const auto code = Perform(options, transfer);
  curl.multi_remove_handle(multi, easy);
  set(CURLOPT_ERRORBUFFER, nullptr);
  curl.slist_free_all(lines);

  if (!transfer.outcome) return transfer.outcome.Failure();
  if (!code) return code.Failure();
  if (*code != CURLE_OK && !transfer.refused.empty()) {
    return Fail(ErrorCode::kPermissionDenied,
                url.host + " is at " + transfer.refused +
                    ", which is not a public address");
  }
  if (*code != CURLE_OK) return CurlFailure(curl, *code, reason.data());
  if (!transfer.GiveHead()) return transfer.outcome.Failure();
  return std::move(transfer.response);
}

Result<CURLcode> HttpClient::State::Perform(const HttpOptions& options,
                                            const Transfer& transfer) {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLongestWait{1000};
  const std::stop_callback wake(options.stop,
                                [&] { curl.multi_wakeup(multi); });
  // The stall limit holds for each stretch of time of its length.
  auto stretch_end = steady_clock::now() + options.stall_timeout;
  std::uint64_t stretch_received = 0;
  for (int running = 1;;) {
    curl.multi_perform(multi, &running);
    if (running == 0) break;
    if (options.stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "stopped");
    }
    const auto now = steady_clock::now();
    if (now >= stretch_end) {
      if (transfer.received < stretch_received + kStallBytes) {
        return Fail(ErrorCode::kUnavailable,
                    "nothing came for " +
                        std::to_string(options.stall_timeout.count()) + " ms");
      }
      stretch_end = now + options.stall_timeout;
      stretch_received = transfer.received;
    }
    const auto wait = std::min(
        kLongestWait,
        std::chrono::ceil<std::chrono::milliseconds>(stretch_end - now));
    curl.multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
  int left = 0;
  const CURLMsg* message = curl.multi_info_read(multi, &left);
  return message ? message->data.result : CURLE_GOT_NOTHING;
}

}  // namespace ocelli
