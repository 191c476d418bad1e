#include "store/s3_signer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <span>

namespace ocelli {
namespace {

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";

// "20130524T000000Z"
std::string AmzTime(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[40];
  std::strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::string DayOf(const std::string& amz_time) { return amz_time.substr(0, 8); }

std::span<const std::byte> KeyBytes(const Digest& key) {
  return std::as_bytes(std::span(key.bytes));
}

// "host;range;x-amz-date"
std::string NamesOf(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string CanonicalRequest(const S3SignedRequest& request,
                             const std::string& query,
                             const std::string& payload) {
  std::string text = request.method + '\n' + request.path + '\n' + query + '\n';
  for (const auto& [name, value] : request.headers) {
    text += name + ':' + value + '\n';
  }
  return text + '\n' + NamesOf(request.headers) + '\n' + payload;
}

}  // namespace

std::string S3Encode(std::string_view text, bool keep_slashes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
        c == '~' || (c == '/' && keep_slashes)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string S3Query(
    const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(S3Encode(name, false), S3Encode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name + '=' + value;
  }
  return text;
}

std::vector<std::string> S3Signer::SignedHeaders(
    const S3SignedRequest& request, const Digest& body,
    std::chrono::system_clock::time_point now) const {
  const std::string time = AmzTime(now), payload = body.ToHex();
  S3SignedRequest whole = request;
  whole.headers["host"] = request.host;
  whole.headers["x-amz-content-sha256"] = payload;
  whole.headers["x-amz-date"] = time;
  if (!credentials_.session_token.empty()) {
    whole.headers["x-amz-security-token"] = credentials_.session_token;
  }
  const std::string signature =
      Signature(time, CanonicalRequest(whole, S3Query(request.query), payload));
  std::vector<std::string> lines;
  for (const auto& [name, value] : whole.headers) {
    // libcurl writes the same from the address.
    if (name != "host") lines.push_back(name + ": " + value);
  }
  lines.push_back(
      std::string("Authorization: ") + kAlgorithm +
      " Credential=" + credentials_.access_key + '/' + Scope(DayOf(time)) +
      ",SignedHeaders=" + NamesOf(whole.headers) + ",Signature=" + signature);
  return lines;
}

std::string S3Signer::PresignedQuery(
    S3SignedRequest request, std::chrono::seconds valid,
    std::chrono::system_clock::time_point now) const {
  const std::string time = AmzTime(now);
  request.headers["host"] = request.host;
  auto& query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential",
                     credentials_.access_key + '/' + Scope(DayOf(time)));
  query.emplace_back("X-Amz-Date", time);
  query.emplace_back("X-Amz-Expires", std::to_string(valid.count()));
  query.emplace_back("X-Amz-SignedHeaders", NamesOf(request.headers));
  if (!credentials_.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials_.session_token);
  }
  const std::string text = S3Query(query);
  return text + "&X-Amz-Signature=" +
         Signature(time, CanonicalRequest(request, text, "UNSIGNED-PAYLOAD"));
}

std::string S3Signer::Scope(const std::string& day) const {
  return day + '/' + region_ + "/s3/aws4_request";
}

std::string S3Signer::Signature(const std::string& time,
                                const std::string& request) const {
  const std::string day = DayOf(time);
  return HmacSha256(KeyBytes(KeyOf(day)), std::string(kAlgorithm) + '\n' +
                                              time + '\n' + Scope(day) + '\n' +
                                              Sha256(request).ToHex())
      .ToHex();
}

Digest S3Signer::KeyOf(const std::string& day) const {
  const std::lock_guard lock(mutex_);
  if (day != day_) {
    const std::string secret = "AWS4" + credentials_.secret_key;
    key_ = HmacSha256(std::as_bytes(std::span(secret)), day);
    for (const std::string& part :
         {region_, std::string("s3"), std::string("aws4_request")}) {
      key_ = HmacSha256(KeyBytes(key_), part);
    }
    day_ = day;
  }
  return key_;
}

}  // namespace ocelli
