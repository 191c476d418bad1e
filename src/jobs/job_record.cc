#include "jobs/job_record.h"

#include <ocelli/v1/job.pb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "jobs/job_policy.h"

namespace ocelli {
namespace {

constexpr std::string_view kJobMagic = "OcJ\x01";  // Its last byte: version.
constexpr std::string_view kResultMagic = "OcR\x01";
constexpr std::size_t kMaxJobBytes = 64 << 10;
constexpr std::size_t kMaxResultBytes = 64 << 20;
constexpr std::size_t kMaxMessageBytes = 4 << 10;

// The numbers of gRPC, which other programs know.
std::uint32_t NumberOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return 1;
    case ErrorCode::kInvalidArgument:
      return 3;
    case ErrorCode::kDeadlineExceeded:
      return 4;
    case ErrorCode::kNotFound:
      return 5;
    case ErrorCode::kAlreadyExists:
      return 6;
    case ErrorCode::kPermissionDenied:
      return 7;
    case ErrorCode::kResourceExhausted:
      return 8;
    case ErrorCode::kFailedPrecondition:
      return 9;
    case ErrorCode::kUnimplemented:
      return 12;
    case ErrorCode::kInternal:
      return 13;
    case ErrorCode::kUnavailable:
      return 14;
    case ErrorCode::kDataLoss:
      return 15;
    case ErrorCode::kUnauthenticated:
      return 16;
  }
  return 13;
}

ErrorCode CodeOf(std::uint32_t number) {
  constexpr ErrorCode kCodes[] = {
      ErrorCode::kCancelled,         ErrorCode::kInvalidArgument,
      ErrorCode::kDeadlineExceeded,  ErrorCode::kNotFound,
      ErrorCode::kAlreadyExists,     ErrorCode::kPermissionDenied,
      ErrorCode::kResourceExhausted, ErrorCode::kFailedPrecondition,
      ErrorCode::kUnimplemented,     ErrorCode::kInternal,
      ErrorCode::kUnavailable,       ErrorCode::kDataLoss,
      ErrorCode::kUnauthenticated};
  const auto found =
      std::find_if(std::begin(kCodes), std::end(kCodes),
                   [&](ErrorCode code) { return NumberOf(code) == number; });
  return found == std::end(kCodes) ? ErrorCode::kInternal : *found;
}

template <typename Message>
std::string Encode(std::string_view magic, const Message& message) {
  std::string record(magic);
  record.reserve(magic.size() + message.ByteSizeLong());
  message.AppendToString(&record);
  return record;
}

template <typename Message>
Result<Message> Decode(std::string_view magic, std::size_t limit,
                       std::string_view record, const std::string& what) {
  if (record.size() < magic.size() ||
      record.substr(0, magic.size() - 1) != magic.substr(0, magic.size() - 1)) {
    return Fail(ErrorCode::kDataLoss, "not a " + what + " of Ocelli");
  }
  if (record[magic.size() - 1] != magic.back()) {
    return Fail(ErrorCode::kDataLoss,
                "a " + what + " of another version of Ocelli (" +
                    std::to_string(
                        static_cast<unsigned char>(record[magic.size() - 1])) +
                    ", this one knows " + std::to_string(magic.back()) + ")");
  }
  record.remove_prefix(magic.size());
  Message message;
  if (record.size() > limit ||
      !message.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return Fail(ErrorCode::kDataLoss, "a damaged " + what);
  }
  return message;
}

}  // namespace

std::string EncodeJob(const Job& job) {
  v1::JobRecord record;
  record.set_batch(job.batch);
  record.set_index(job.index);
  record.set_name(job.name);
  record.set_reference(job.reference);
  if (job.digest) {
    record.set_digest(job.digest->bytes.data(), job.digest->bytes.size());
  }
  return Encode(kJobMagic, record);
}

Result<Job> DecodeJob(std::string_view text) {
  auto record = Decode<v1::JobRecord>(kJobMagic, kMaxJobBytes, text, "job");
  if (!record) return record.Failure();
  Job job;
  job.batch = record->batch();
  job.index = record->index();
  job.name = record->name();
  job.reference = record->reference();
  if (!IsPlainName(job.batch) || job.name.size() > kMaxNameBytes ||
      job.reference.size() > kMaxNameBytes ||
      (!record->digest().empty() &&
       record->digest().size() != sizeof(Digest::bytes))) {
    return Fail(ErrorCode::kDataLoss, "a damaged job");
  }
  if (!record->digest().empty()) {
    std::memcpy(job.digest.emplace().bytes.data(), record->digest().data(),
                sizeof(Digest::bytes));
  }
  return job;
}

std::string EncodeResult(const JobResult& result) {
  v1::JobResultRecord record;
  record.set_index(result.index);
  record.set_name(result.name);
  record.set_attempts(static_cast<std::uint32_t>(std::max(result.attempts, 0)));
  if (result.error) {
    record.set_error(NumberOf(result.error->code));
    record.set_error_message(result.error->message.substr(0, kMaxMessageBytes));
  } else {
    record.set_value(result.value);
  }
  return Encode(kResultMagic, record);
}

Result<JobResult> DecodeResult(std::string_view text) {
  auto record = Decode<v1::JobResultRecord>(kResultMagic, kMaxResultBytes, text,
                                            "result");
  if (!record) return record.Failure();
  if (record->name().size() > kMaxNameBytes ||
      record->error_message().size() > kMaxMessageBytes) {
    return Fail(ErrorCode::kDataLoss, "a damaged result");
  }
  JobResult result;
  result.index = record->index();
  result.name = record->name();
  result.attempts =
      static_cast<int>(std::min<std::uint32_t>(record->attempts(), 1'000'000));
  if (record->error() != 0) {
    result.error = {CodeOf(record->error()), record->error_message()};
  } else {
    result.value = std::move(*record->mutable_value());
  }
  return result;
}

}  // namespace ocelli
