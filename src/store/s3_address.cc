#include "store/s3_address.h"

#include <algorithm>

#include "store/object_store.h"
#include "store/s3_signer.h"

namespace ocelli {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

bool ConsistsOf(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlphanumeric(c) || others.find(c) != others.npos;
  });
}

// Amazon's rules for new buckets are stricter, but old ones and other servers
// have capitals and '_'.
Result<> CheckBucket(std::string_view bucket) {
  if (bucket.size() >= 3 && bucket.size() <= 255 && ConsistsOf(bucket, ".-_") &&
      IsAlphanumeric(bucket.front()) && bucket.find("..") == bucket.npos) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "bucket name \"" + std::string(bucket) +
                  "\": it has 3 to 255 letters, digits, '.', '-' and '_'");
}

// In a host name, where certificates stand for one label (RFC 6125).
bool MayBeHostLabel(std::string_view bucket) {
  return bucket.size() <= 63 &&
         std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// Whoever writes '@' writes a password before it: not shown.
Result<> CheckNoUser(const std::string& what, std::string_view text) {
  if (text.find('@') == text.npos) return {};
  return Fail(ErrorCode::kInvalidArgument,
              what +
                  " has an '@': credentials come from AWS_ACCESS_KEY_ID and "
                  "AWS_SECRET_ACCESS_KEY or a profile");
}

bool IsAmazon(std::string_view host) {
  return host.ends_with(".amazonaws.com") ||
         host.ends_with(".amazonaws.com.cn");
}

}  // namespace

Result<S3Address> S3Address::Parse(std::string_view url,
                                   const S3AddressOptions& options) {
  constexpr std::string_view kScheme = "s3://";
  if (!url.starts_with(kScheme)) {
    return Fail(ErrorCode::kInvalidArgument,
                "not s3://BUCKET/PREFIX: " + std::string(url));
  }
  url.remove_prefix(kScheme.size());
  S3Address address;
  const std::size_t slash = std::min(url.find('/'), url.size());
  address.bucket = url.substr(0, slash);
  if (const auto fine = CheckNoUser("the bucket name", address.bucket); !fine) {
    return fine.Failure();
  }
  if (const auto fine = CheckBucket(address.bucket); !fine) {
    return fine.Failure();
  }
  std::string_view prefix = url.substr(std::min(slash + 1, url.size()));
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!prefix.empty()) {
    if (const auto fine = CheckKey(prefix); !fine) return fine.Failure();
    address.prefix = std::string(prefix) + '/';
  }

  address.region = options.region.empty() ? "us-east-1" : options.region;
  if (!ConsistsOf(address.region, "-_")) {
    return Fail(ErrorCode::kInvalidArgument,
                "not a region of S3: " + address.region);
  }
  std::string endpoint = options.endpoint;
  if (endpoint.empty()) {
    endpoint = "https://s3." + address.region + ".amazonaws.com" +
               (address.region.starts_with("cn-") ? ".cn" : "");
  }
  if (const auto fine = CheckNoUser("the endpoint of S3", endpoint); !fine) {
    return fine.Failure();
  }
  auto parsed = ParseUrl(endpoint);
  if (!parsed) return parsed.Failure("endpoint of S3");
  address.endpoint = std::move(*parsed);
  std::string base = address.endpoint.target;
  if (base.find('?') != base.npos) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "endpoint of S3: it has a query: " + address.endpoint.ForMessage());
  }
  if (!base.ends_with('/')) base += '/';
  address.base = base;
  const bool path_style = options.path_style.value_or(
      !IsAmazon(address.endpoint.host) || !MayBeHostLabel(address.bucket));
  if (path_style) {
    address.base += address.bucket + '/';
  } else {
    address.endpoint.host.insert(0, address.bucket + '.');
    if (const auto host = ParseUrl(address.endpoint.ToString()); !host) {
      return host.Failure("bucket " + address.bucket + " as a host");
    }
  }
  return address;
}

std::string S3Address::Root() const {
  std::string root = "s3://" + bucket;
  if (!prefix.empty()) root += '/' + prefix.substr(0, prefix.size() - 1);
  return root;
}

std::string S3Address::HostHeader() const {
  Url bare = endpoint;
  bare.target.clear();
  const std::string text = bare.ToString();
  return text.substr(text.find("://") + 3);
}

std::string S3Address::PathOf(std::string_view key) const {
  if (key.empty()) return base;
  return base + S3Encode(prefix + std::string(key), true);
}

Url S3Address::UrlOf(const std::string& path, const std::string& query) const {
  Url url = endpoint;
  url.target = query.empty() ? path : path + '?' + query;
  return url;
}

}  // namespace ocelli
