#include "net/http_transfer.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <utility>

namespace ocelli {
namespace {

constexpr curl_off_t kMostReserved = 16 << 20;

std::size_t OnHeader(char* data, std::size_t, std::size_t size,
                     void* user) noexcept {
  auto& transfer = *static_cast<HttpTransfer*>(user);
  transfer.head_bytes += size;
  if (transfer.head_bytes > kMostHeadBytes) {
    transfer.failure = Fail(ErrorCode::kResourceExhausted,
                            "the server sends headers without end");
    return 0;
  }
  AddHeaderLine({data, size}, transfer.reply.headers);
  return size;
}

std::size_t OnReply(char* data, std::size_t, std::size_t size,
                    void* user) noexcept {
  auto& transfer = *static_cast<HttpTransfer*>(user);
  std::vector<std::byte>& body = transfer.reply.body;
  const std::uint64_t most = transfer.request.max_reply_bytes;
  curl_off_t length = -1;
  if (body.empty()) {
    transfer.curl->easy_getinfo(transfer.easy,
                                CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  }
  if (body.size() + size > most ||
      (length > 0 && static_cast<std::uint64_t>(length) > most)) {
    transfer.failure = Fail(ErrorCode::kResourceExhausted,
                            "the answer has more than the " +
                                std::to_string(most) + " bytes expected");
    return 0;
  }
  // What is only announced gets no memory without limit.
  body.reserve(static_cast<std::size_t>(
      std::clamp<curl_off_t>(length, 0, kMostReserved)));
  const auto bytes = std::as_bytes(std::span(data, size));
  body.insert(body.end(), bytes.begin(), bytes.end());
  return size;
}

std::size_t OnRead(char* into, std::size_t, std::size_t size,
                   void* user) noexcept {
  auto& transfer = *static_cast<HttpTransfer*>(user);
  const ByteSource& body = transfer.request.body;
  const auto count = static_cast<std::size_t>(
      std::min<std::uint64_t>(size, body.size - transfer.sent));
  if (count == 0) return 0;
  const auto read =
      body.read(transfer.sent, std::as_writable_bytes(std::span(into, count)));
  if (!read) {
    transfer.failure = read.Failure("reading what is to be sent");
  } else if (*read == 0) {
    transfer.failure =
        Fail(ErrorCode::kDataLoss, "what is to be sent ends after " +
                                       std::to_string(transfer.sent) + " of " +
                                       std::to_string(body.size) + " bytes");
  }
  if (!transfer.failure) return CURL_READFUNC_ABORT;
  transfer.sent += *read;
  return *read;
}

// libcurl begins again on a new connection where a kept one was dead.
int OnSeek(void* user, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<HttpTransfer*>(user)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

}  // namespace

void HttpTransfer::SetUp(const std::string& ca_file) {
  const auto set = [&](CURLoption option, auto value) {
    curl->easy_setopt(easy, option, value);
  };
  void* const user = this;
  SetCommonOptions(*curl, easy, request.url, ca_file);
  // libcurl reads certificates once for all connections only where they are in
  // a file alone; for each connection it takes 25 ms.
  const char* certificates = nullptr;
  curl->easy_getinfo(easy, CURLINFO_CAINFO, &certificates);
  if (certificates || !ca_file.empty()) {
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_PRIVATE, user);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, user);
  set(CURLOPT_WRITEFUNCTION, &OnReply);
  set(CURLOPT_WRITEDATA, user);

  if (request.method == "PUT" || request.method == "POST") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size));
    set(CURLOPT_READFUNCTION, &OnRead);
    set(CURLOPT_READDATA, user);
    set(CURLOPT_SEEKFUNCTION, &OnSeek);
    set(CURLOPT_SEEKDATA, user);
    // Waiting for "100 Continue" would cost a round trip.
    lines = curl->slist_append(lines, "Expect:");
  } else if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  }
  if (request.method != "GET" && request.method != "HEAD") {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  for (const std::string& header : request.headers) {
    lines = curl->slist_append(lines, header.c_str());
  }
  if (lines) set(CURLOPT_HTTPHEADER, lines);
}

// libcurl reads ahead of what it sends, so only its own count tells.
std::int64_t HttpTransfer::Moved() const {
  curl_off_t up = 0, down = 0;
  curl->easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
  curl->easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  return up + down + static_cast<std::int64_t>(head_bytes);
}

Result<> HttpTransfer::OutcomeOf(CURLcode code) {
  if (!failure) return std::move(failure);
  if (code == CURLE_OK) return {};
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Fail(ErrorCode::kDeadlineExceeded, reason.data());
  }
  return CurlFailure(*curl, code, reason.data());
}

}  // namespace ocelli
