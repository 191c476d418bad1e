#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/url.h"

namespace ocelli {

// What net uses of libcurl. Private to net.
struct Curl {
  decltype(curl_global_init)* global_init;
  decltype(curl_easy_init)* easy_init;
  decltype(curl_easy_cleanup)* easy_cleanup;
  decltype(curl_easy_reset)* easy_reset;
  decltype(curl_easy_setopt)* easy_setopt;
  decltype(curl_easy_getinfo)* easy_getinfo;
  decltype(curl_easy_strerror)* easy_strerror;
  decltype(curl_slist_append)* slist_append;
  decltype(curl_slist_free_all)* slist_free_all;
  decltype(curl_multi_init)* multi_init;
  decltype(curl_multi_cleanup)* multi_cleanup;
  decltype(curl_multi_setopt)* multi_setopt;
  decltype(curl_multi_add_handle)* multi_add_handle;
  decltype(curl_multi_remove_handle)* multi_remove_handle;
  decltype(curl_multi_perform)* multi_perform;
  decltype(curl_multi_socket_action)* multi_socket_action;
  decltype(curl_multi_poll)* multi_poll;
  decltype(curl_multi_wakeup)* multi_wakeup;
  decltype(curl_multi_info_read)* multi_info_read;
};

// Opened on the first call. Thread-safe.
const Result<Curl>& LoadedCurl();

// What both clients set: the address, names and certificates, no signals, no
// proxy to this very machine. `url` and `ca_file` (empty: the system's) are
// copied.
void SetCommonOptions(const Curl& curl, CURL* easy, const Url& url,
                      const std::string& ca_file);

// The file of trusted certificates that the environment names, or "".
std::string CaFileOfEnvironment();

// A failed transfer, told with `reason` (CURLOPT_ERRORBUFFER) if not empty.
tl::unexpected<Error> CurlFailure(const Curl& curl, CURLcode code,
                                  std::string_view reason);

// Headers have no more to say.
inline constexpr std::size_t kMostHeadBytes = 256 << 10;

// Takes one line of an answer's head. A status line begins anew: what came
// before was "100 Continue" or the like.
void AddHeaderLine(std::string_view line,
                   std::map<std::string, std::string>& headers);

}  // namespace ocelli
