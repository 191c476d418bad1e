#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "net/curl.h"
#include "net/http_transfers.h"

namespace ocelli {

// One request of HttpTransfers and its answer, as libcurl's callbacks see it:
// it stays where it is while they may come. Private to net.
struct HttpTransfer {
  std::uint64_t id = 0;
  HttpRequest request;
  HttpTransfers::Done done;
  const Curl* curl = nullptr;
  CURL* easy = nullptr;
  curl_slist* lines = nullptr;
  std::array<char, CURL_ERROR_SIZE> reason{};

  HttpReply reply;
  std::uint64_t sent = 0;  // Read from the body.
  std::size_t head_bytes = 0;
  Result<> failure;  // Of ours, for which libcurl was told to end.

  std::int64_t moved = 0;  // Bytes in both directions, at moved_at.
  std::chrono::steady_clock::time_point moved_at;

  // Of `easy`, which is fresh; it knows this by CURLOPT_PRIVATE.
  void SetUp(const std::string& ca_file);
  std::int64_t Moved() const;
  // How it ended, by what libcurl says.
  Result<> OutcomeOf(CURLcode code);
};

}  // namespace ocelli
