#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_transfers.h"
#include "store/object_store.h"
#include "store/s3_address.h"

namespace ocelli {

// Why a request was refused.
struct S3Failure {
  Error error;
  std::string code;  // The server's: "NoSuchBucket"; "" where it gives none.
  std::chrono::milliseconds retry_after{0};
  bool slow_down = false;
};

// What a failure's message may need to say what to do.
struct S3Asker {
  const S3Address& address;
  std::string credentials_origin;
  std::chrono::system_clock::time_point now;
  // CompleteMultipartUpload may send an error after a status of success.
  bool may_fail_late = false;
};

// None where the reply is a success. What the server says is data of a
// stranger: it is cut short and printable.
std::optional<S3Failure> FailureOf(const HttpReply& reply,
                                   const S3Asker& asker);

// A header "Retry-After": seconds or a date; 0 where it is neither, at most a
// day.
std::chrono::milliseconds RetryAfterFrom(
    std::string_view text, std::chrono::system_clock::time_point now);

struct S3Page {
  std::vector<ObjectInfo> objects;  // Keys as in the bucket.
  std::string next;                 // Token of the next page; "": the last.
};
// Of ListObjectsV2. kDataLoss: it is none.
Result<S3Page> ParseS3Page(std::span<const std::byte> body);

// Of CreateMultipartUpload. kDataLoss.
Result<std::string> ParseUploadId(std::span<const std::byte> body);

// The body of CompleteMultipartUpload, by the parts' ETags.
std::string CompletionOf(const std::vector<std::string>& etags);

}  // namespace ocelli
