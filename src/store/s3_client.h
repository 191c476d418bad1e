#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/byte_source.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/result.h"
#include "net/http_transfers.h"
#include "store/object_store.h"
#include "store/s3_address.h"
#include "store/s3_replies.h"
#include "store/s3_signer.h"

namespace ocelli {

// One request to S3.
struct S3Call {
  std::string method = "GET";
  std::string key;  // Empty: the bucket.
  std::vector<std::pair<std::string, std::string>> query;
  std::string content_type;
  ByteSource body;
  Digest digest = Sha256(std::string_view());  // Of the body.
  std::uint64_t max_reply_bytes = 1 << 20;
  bool may_fail_late = false;
};

// Its success, or why not.
struct S3Answer {
  HttpReply reply;
  std::optional<S3Failure> failure;

  PutOutcome ToOutcome() const;
};

struct S3ClientOptions {
  std::string ca_file;
  std::chrono::milliseconds try_timeout{60'000};
};

// Signs requests and reads what their answers mean. Thread-safe.
class S3Client {
 public:
  using Done = std::function<void(S3Answer)>;

  S3Client(S3Address address, AwsCredentials credentials,
           const S3ClientOptions& options, const Clock& clock);

  // As HttpTransfers does.
  void Start(const S3Call& call, Done done);
  void Post(std::function<void()> work) { transfers_.Post(std::move(work)); }
  S3Answer Run(const S3Call& call, std::stop_token stop);

  std::string UrlOf(const std::string& key) const;
  std::string PresignedUrl(const std::string& key, std::chrono::seconds valid,
                           std::chrono::system_clock::time_point now) const;

  const S3Address& address() const { return address_; }

 private:
  S3SignedRequest SignedPart(const S3Call& call) const;
  HttpRequest RequestOf(const S3Call& call) const;
  S3Answer AnswerOf(const std::string& doing, bool may_fail_late,
                    Result<HttpReply> reply) const;

  const S3Address address_;
  const std::string host_;
  const std::string credentials_origin_;
  const S3Signer signer_;
  const std::chrono::milliseconds try_timeout_;
  const Clock& clock_;
  HttpTransfers transfers_;  // Last: its end calls what uses the others.
};

}  // namespace ocelli
