#include "store/s3_client.h"

#include <algorithm>

namespace ocelli {
namespace {

// "PUT s3://bucket/cam1/a.jpg"
std::string Doing(const S3Address& address, const S3Call& call) {
  std::string text = call.method + ' ' + address.Root();
  if (!call.key.empty()) text += '/' + call.key;
  return text;
}

}  // namespace

PutOutcome S3Answer::ToOutcome() const {
  if (!failure) return {};
  return {tl::unexpected<Error>(failure->error), failure->retry_after,
          failure->slow_down};
}

S3Client::S3Client(S3Address address, AwsCredentials credentials,
                   const S3ClientOptions& options, const Clock& clock)
    : address_(std::move(address)),
      host_(address_.HostHeader()),
      credentials_origin_(credentials.origin),
      signer_(std::move(credentials), address_.region),
      try_timeout_(options.try_timeout),
      clock_(clock),
      transfers_({.ca_file = options.ca_file}) {}

S3SignedRequest S3Client::SignedPart(const S3Call& call) const {
  S3SignedRequest request{
      call.method, host_, address_.PathOf(call.key), call.query, {}};
  if (!call.content_type.empty()) {
    request.headers["content-type"] = call.content_type;
  }
  return request;
}

HttpRequest S3Client::RequestOf(const S3Call& call) const {
  const S3SignedRequest part = SignedPart(call);
  HttpRequest request;
  request.method = call.method;
  request.url = address_.UrlOf(part.path, S3Query(call.query));
  request.headers = signer_.SignedHeaders(part, call.digest, clock_.WallTime());
  request.body = call.body;
  request.max_reply_bytes = call.max_reply_bytes;
  request.timeout = try_timeout_;
  request.stall_timeout = std::min(request.stall_timeout, try_timeout_);
  request.connect_timeout = std::min(request.connect_timeout, try_timeout_);
  return request;
}

S3Answer S3Client::AnswerOf(const std::string& doing, bool may_fail_late,
                            Result<HttpReply> reply) const {
  S3Answer answer;
  if (!reply) {
    answer.failure.emplace();
    answer.failure->error = std::move(reply).error();
    return answer;
  }
  answer.failure = FailureOf(*reply, {address_, credentials_origin_,
                                      clock_.WallTime(), may_fail_late});
  if (answer.failure) answer.failure->error.message.insert(0, doing + ": ");
  answer.reply = std::move(*reply);
  return answer;
}

void S3Client::Start(const S3Call& call, Done done) {
  transfers_.Start(
      RequestOf(call),
      [this, doing = Doing(address_, call), late = call.may_fail_late,
       done = std::move(done)](Result<HttpReply> reply) {
        done(AnswerOf(doing, late, std::move(reply)));
      });
}

S3Answer S3Client::Run(const S3Call& call, std::stop_token stop) {
  return AnswerOf(Doing(address_, call), call.may_fail_late,
                  transfers_.Run(RequestOf(call), std::move(stop)));
}

std::string S3Client::UrlOf(const std::string& key) const {
  return address_.UrlOf(address_.PathOf(key), "").ToString();
}

std::string S3Client::PresignedUrl(
    const std::string& key, std::chrono::seconds valid,
    std::chrono::system_clock::time_point now) const {
  S3Call call;
  call.key = key;
  return address_
      .UrlOf(address_.PathOf(key),
             signer_.PresignedQuery(SignedPart(call), valid, now))
      .ToString();
}

}  // namespace ocelli
