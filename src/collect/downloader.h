#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"

namespace ocelli {

struct DownloadOptions {
  bool allow_private = false;  // Addresses that are not public, and proxies.
  int per_host = 2;            // Requests to one host at a time,
  std::chrono::milliseconds host_delay{100};  // and between their beginnings.
  int attempts = 4;
  // Before the second attempt, doubled before each that follows, and half as
  // long to half as long again by chance. A server's Retry-After goes first.
  std::chrono::milliseconds retry_delay{500};
  std::chrono::milliseconds longest_retry_after{120'000};  // More is an error.
  std::chrono::milliseconds connect_timeout{20'000};
  std::chrono::milliseconds stall_timeout{30'000};
  std::chrono::milliseconds max_time{300'000};  // Of one attempt.
  const Clock* clock = &SystemClock();
  std::function<double()> random;  // From 0 to 1; thread-safe. Empty: by seed.
  // Returns earlier when stopped; thread-safe. Empty: sleeps.
  std::function<void(std::chrono::milliseconds, const std::stop_token&)> wait;
  std::stop_token stop;
};

struct Downloaded {
  std::vector<std::byte> bytes;
  Url url;  // After redirects.
  std::string content_type;
};

// Fetches what a web page names: many things at a time, few from one host, and
// again what may succeed when tried again. Thread-safe.
class Downloader {
 public:
  explicit Downloader(DownloadOptions options);
  ~Downloader();

  // kNotFound (404, 410), kPermissionDenied (401, 403; an address that is not
  // public), kResourceExhausted (more than `max_bytes`, or too slow),
  // kUnavailable after all attempts. kCancelled: the options' stop, or that of
  // the thread's WorkScope.
  Result<Downloaded> Get(const Url& url, std::uint64_t max_bytes);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Seconds, or a date as in "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110, 10.2.3),
// from `now` on; 0 where it is neither or over.
std::chrono::seconds ParseRetryAfter(std::string_view text,
                                     std::chrono::system_clock::time_point now);

}  // namespace ocelli
