#include "net/curl.h"

#include <cstdlib>

#include "core/ascii.h"
#include "core/shared_library.h"

namespace ocelli {
namespace {

Result<Curl> LoadCurl() {
  const auto library =
      SharedLibrary::Open({"libcurl.so.4", "libcurl-gnutls.so.4"},
                          "libcurl.so.4 is needed for HTTP: install libcurl4");
  if (!library) return library.Failure();
  Curl curl{};
  bool complete = true;
  const auto find = [&]<typename Signature>(Signature*& function,
                                            const char* name) {
    function = library->Function<Signature>(name);
    complete = complete && function;
  };
  find(curl.global_init, "curl_global_init");
  find(curl.easy_init, "curl_easy_init");
  find(curl.easy_cleanup, "curl_easy_cleanup");
  find(curl.easy_reset, "curl_easy_reset");
  find(curl.easy_setopt, "curl_easy_setopt");
  find(curl.easy_getinfo, "curl_easy_getinfo");
  find(curl.easy_strerror, "curl_easy_strerror");
  find(curl.slist_append, "curl_slist_append");
  find(curl.slist_free_all, "curl_slist_free_all");
  find(curl.multi_init, "curl_multi_init");
  find(curl.multi_cleanup, "curl_multi_cleanup");
  find(curl.multi_setopt, "curl_multi_setopt");
  find(curl.multi_add_handle, "curl_multi_add_handle");
  find(curl.multi_remove_handle, "curl_multi_remove_handle");
  find(curl.multi_perform, "curl_multi_perform");
  find(curl.multi_socket_action, "curl_multi_socket_action");
  find(curl.multi_poll, "curl_multi_poll");
  find(curl.multi_wakeup, "curl_multi_wakeup");
  find(curl.multi_info_read, "curl_multi_info_read");
  if (!complete || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Fail(ErrorCode::kFailedPrecondition,
                "libcurl.so.4 cannot be used: version 7.85 or later is needed");
  }
  return curl;
}

ErrorCode ToErrorCode(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorCode::kFailedPrecondition;
    case CURLE_OUT_OF_MEMORY:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kUnavailable;
  }
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

}  // namespace

const Result<Curl>& LoadedCurl() {
  static const Result<Curl> curl = LoadCurl();
  return curl;
}

void SetCommonOptions(const Curl& curl, CURL* easy, const Url& url,
                      const std::string& ca_file) {
  const auto set = [&](CURLoption option, auto value) {
    curl.easy_setopt(easy, option, value);
  };
  set(CURLOPT_URL, url.ToString().c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_USERAGENT, "ocelli");
  if (url.IsLoopback()) set(CURLOPT_NOPROXY, "*");
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
}

std::string CaFileOfEnvironment() {
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* file = std::getenv(variable);
    if (file && *file) return file;
  }
  return {};
}

tl::unexpected<Error> CurlFailure(const Curl& curl, CURLcode code,
                                  std::string_view reason) {
  std::string message(reason);
  if (message.empty()) message = curl.easy_strerror(code);
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    message += " (CURL_CA_BUNDLE may name the file of trusted certificates)";
  }
  return Fail(ToErrorCode(code), std::move(message));
}

void AddHeaderLine(std::string_view line,
                   std::map<std::string, std::string>& headers) {
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    headers.clear();
  } else if (colon != line.npos) {
    headers[LowerCase(line.substr(0, colon))] = Trim(line.substr(colon + 1));
  }
}

}  // namespace ocelli
