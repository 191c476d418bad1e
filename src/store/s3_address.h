#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/url.h"

namespace ocelli {

struct S3AddressOptions {
  std::string region;              // Empty: us-east-1.
  std::string endpoint;            // "https://minio:9000"; empty: Amazon's.
  std::optional<bool> path_style;  // Else by the endpoint and bucket.
};

// Where a bucket and the objects below a prefix in it are.
struct S3Address {
  std::string bucket;
  std::string prefix;  // Of every key: "" or "cam1/".
  std::string region;
  Url endpoint;      // Scheme, host and port; the bucket in the host or not.
  std::string base;  // Encoded path before the keys: "/" or "/bucket/".

  // Of "s3://BUCKET" or "s3://BUCKET/PREFIX", a '/' at its end or not.
  // kInvalidArgument: a bucket, prefix, endpoint or region that can't be one.
  static Result<S3Address> Parse(std::string_view url,
                                 const S3AddressOptions& options);

  std::string Root() const;  // "s3://bucket/cam1".
  std::string HostHeader() const;
  // Of an object; of the bucket where `key` is empty.
  std::string PathOf(std::string_view key) const;
  Url UrlOf(const std::string& path, const std::string& query) const;
};

}  // namespace ocelli
