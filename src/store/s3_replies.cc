#include "store/s3_replies.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <pugixml.hpp>
#include <sstream>

#include "core/utc_time.h"
#include "net/http_date.h"

namespace ocelli {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

std::string Header(const HttpReply& reply, const std::string& name) {
  const auto found = reply.headers.find(name);
  return found == reply.headers.end() ? std::string() : found->second;
}

// For logs and JSON, whatever the server sent.
std::string Printable(std::string_view text) {
  std::string clean(text.substr(0, 300));
  for (char& c : clean) {
    if (c < ' ' || c > '~') c = c == '\n' ? ' ' : '?';
  }
  return clean;
}

pugi::xml_node Parse(pugi::xml_document& document,
                     std::span<const std::byte> body) {
  document.load_buffer(body.data(), body.size());
  return document.document_element();
}

bool IsAnyOf(std::string_view code,
             std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// "Error Responses" in the Amazon S3 API reference, and what other servers use
// for the same.
ErrorCode ToErrorCode(int status, std::string_view code) {
  if (IsAnyOf(code, {"RequestTimeout", "SlowDown", "InternalError",
                     "ServiceUnavailable", "OperationAborted", "IncompleteBody",
                     "ConditionalRequestConflict", "TooManyRequests"})) {
    return ErrorCode::kUnavailable;
  }
  if (IsAnyOf(code, {"BadDigest", "XAmzContentSHA256Mismatch"})) {
    return ErrorCode::kDataLoss;
  }
  if (IsAnyOf(code, {"QuotaExceeded", "XMinioStorageFull"}) || status == 507) {
    return ErrorCode::kResourceExhausted;
  }
  if (IsAnyOf(code, {"InvalidBucketName", "KeyTooLongError",
                     "InvalidObjectName", "XMinioInvalidObjectName"})) {
    return ErrorCode::kInvalidArgument;
  }
  if (IsAnyOf(code, {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId"})) {
    return ErrorCode::kPermissionDenied;
  }
  if (code == "RequestTimeTooSkewed") return ErrorCode::kFailedPrecondition;
  if (code == "NoSuchBucket" || status == 404 || status == 410) {
    return ErrorCode::kNotFound;
  }
  if (status == 401 || status == 403) return ErrorCode::kPermissionDenied;
  if (status == 501) return ErrorCode::kUnimplemented;
  if (status == 408 || status == 429 || status >= 500) {
    return ErrorCode::kUnavailable;
  }
  return ErrorCode::kFailedPrecondition;
}

// What to do about it; "" where nobody knows.
std::string Hint(const HttpReply& reply, const pugi::xml_node& error,
                 std::string_view code, const S3Asker& asker) {
  const S3Address& address = asker.address;
  std::string region = Header(reply, "x-amz-bucket-region");
  if (region.empty()) region = error.child_value("Region");
  if (!region.empty() && region != address.region) {
    region = Printable(region);
    return "bucket " + address.bucket + " is in region " + region +
           ", not in " + address.region + ": set AWS_REGION=" + region;
  }
  if (code == "NoSuchBucket") {
    return "there is no bucket " + address.bucket + " at " +
           address.endpoint.ForMessage();
  }
  if (code == "RequestTimeTooSkewed") {
    const std::string date = Header(reply, "date");
    return "this machine's clock is wrong: it says " + UtcText(asker.now) +
           (date.empty() ? "" : ", the server's says " + Printable(date));
  }
  if (IsAnyOf(code, {"InvalidAccessKeyId", "SignatureDoesNotMatch",
                     "ExpiredToken", "InvalidToken"})) {
    return "the credentials are those of " + asker.credentials_origin;
  }
  if (reply.status >= 300 && reply.status < 400) {
    const std::string endpoint = error.child_value("Endpoint");
    return "the bucket is at another endpoint" +
           (endpoint.empty() ? "" : ": " + Printable(endpoint)) +
           "; AWS_REGION and AWS_ENDPOINT_URL_S3 say which is asked";
  }
  return {};
}

// In which a server that was asked for it encodes names: a blank may be '+'.
std::string DecodeName(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16)
                .ptr == text.data() + i + 3) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      plain += text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

}  // namespace

std::optional<S3Failure> FailureOf(const HttpReply& reply,
                                   const S3Asker& asker) {
  const bool fine = reply.status >= 200 && reply.status < 300;
  if (fine && !asker.may_fail_late) return {};
  pugi::xml_document document;
  pugi::xml_node error = Parse(document, reply.body);
  if (std::string_view(error.name()) != "Error") {
    if (fine) return {};
    error = {};
  }
  S3Failure failure{};
  failure.code = Printable(error.child_value("Code"));
  const std::string message = Printable(error.child_value("Message"));
  const std::string status = std::to_string(reply.status);
  failure.error.code = ToErrorCode(reply.status, failure.code);
  if (fine) failure.error.code = ErrorCode::kUnavailable;
  failure.error.message = failure.code.empty() ? "the server answers " + status
                                               : failure.code + ": " + message +
                                                     " (" + status + ")";
  if (const std::string hint = Hint(reply, error, failure.code, asker);
      !hint.empty()) {
    failure.error.message += "; " + hint;
  }
  failure.retry_after = RetryAfterFrom(Header(reply, "retry-after"), asker.now);
  failure.slow_down =
      reply.status == 503 || reply.status == 429 || failure.code == "SlowDown";
  return failure;
}

std::chrono::milliseconds RetryAfterFrom(std::string_view text,
                                         system_clock::time_point now) {
  constexpr seconds kMost = std::chrono::hours(24);
  std::uint32_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc() && stop == end) {
    return std::min(seconds(count), kMost);
  }
  const auto date = ParseHttpDate(text);
  if (!date || *date <= now) return {};
  return std::min(std::chrono::ceil<std::chrono::milliseconds>(*date - now),
                  std::chrono::milliseconds(kMost));
}

Result<S3Page> ParseS3Page(std::span<const std::byte> body) {
  pugi::xml_document document;
  const pugi::xml_node root = Parse(document, body);
  if (std::string_view(root.name()) != "ListBucketResult") {
    return Fail(ErrorCode::kDataLoss,
                "the answer is no list of objects as S3 gives it");
  }
  const bool encoded =
      std::string_view(root.child_value("EncodingType")) == "url";
  S3Page page;
  for (const pugi::xml_node& node : root.children("Contents")) {
    ObjectInfo info;
    const std::string_view key = node.child_value("Key");
    info.key = encoded ? DecodeName(key) : std::string(key);
    const std::string_view size = node.child_value("Size");
    const char* const end = size.data() + size.size();
    const auto [stop, error] = std::from_chars(size.data(), end, info.bytes);
    if (info.key.empty() || error != std::errc() || stop != end) {
      return Fail(ErrorCode::kDataLoss,
                  "a list of objects has one without name or size");
    }
    if (const auto time = ParseUtc(node.child_value("LastModified"))) {
      info.modified = *time;
    }
    page.objects.push_back(std::move(info));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    page.next = root.child_value("NextContinuationToken");
    if (page.next.empty()) {
      return Fail(ErrorCode::kDataLoss,
                  "a list of objects goes on, but does not say where");
    }
  }
  return page;
}

Result<std::string> ParseUploadId(std::span<const std::byte> body) {
  pugi::xml_document document;
  std::string id = Parse(document, body).child_value("UploadId");
  if (id.empty() || id.size() > 4096) {
    return Fail(ErrorCode::kDataLoss,
                "the answer to an upload in parts has no UploadId");
  }
  return id;
}

std::string CompletionOf(const std::vector<std::string>& etags) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  int number = 0;
  for (const std::string& etag : etags) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text() = ++number;
    part.append_child("ETag").text() = etag.c_str();
  }
  std::ostringstream text;
  document.save(text, "", pugi::format_raw | pugi::format_no_declaration);
  return text.str();
}

}  // namespace ocelli
