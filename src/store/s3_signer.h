#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/digest.h"

namespace ocelli {

struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // Empty for lasting keys.
  std::string origin;         // Where they are from, for messages.
};

// What of a request is signed.
struct S3SignedRequest {
  std::string method;
  std::string host;  // As the header has it: with a port that is not usual.
  std::string path;  // Percent-encoded.
  std::vector<std::pair<std::string, std::string>> query;  // Plain.
  // Further headers, names in lower case; "host" and "x-amz-..." of the
  // signature itself are added.
  std::map<std::string, std::string> headers;
};

// Percent-encodes all but A-Z a-z 0-9 - . _ ~, and '/' where kept.
std::string S3Encode(std::string_view text, bool keep_slashes);

// The query as it is signed and sent: encoded, sorted, "uploads=".
std::string S3Query(
    const std::vector<std::pair<std::string, std::string>>& query);

// AWS Signature Version 4 for S3: "Authenticating Requests" in the Amazon S3
// API reference. Thread-safe.
class S3Signer {
 public:
  S3Signer(AwsCredentials credentials, std::string region)
      : credentials_(std::move(credentials)), region_(std::move(region)) {}

  // Lines "Name: value": the request's own headers and those of the signature.
  std::vector<std::string> SignedHeaders(
      const S3SignedRequest& request, const Digest& body,
      std::chrono::system_clock::time_point now) const;

  // The query with which whoever has it may send the request.
  std::string PresignedQuery(S3SignedRequest request,
                             std::chrono::seconds valid,
                             std::chrono::system_clock::time_point now) const;

 private:
  std::string Scope(const std::string& day) const;
  std::string Signature(const std::string& time,
                        const std::string& request) const;
  Digest KeyOf(const std::string& day) const;

  const AwsCredentials credentials_;
  const std::string region_;
  mutable std::mutex mutex_;
  // Guarded by mutex_: the last day's key.
  mutable std::string day_;
  mutable Digest key_;
};

}  // namespace ocelli
