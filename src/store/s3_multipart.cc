#include "store/s3_multipart.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/digest.h"

namespace ocelli {
namespace {

constexpr int kAtOnce = 4;
constexpr std::uint64_t kMostParts = 10'000;  // Of one object, on Amazon.

// One upload; all of it happens on the client's thread. Owned by the calls
// under way.
class Multipart : public std::enable_shared_from_this<Multipart> {
 public:
  Multipart(S3Client& client, PutRequest request, std::uint64_t part_bytes,
            std::function<void(PutOutcome)> done)
      : client_(client),
        request_(std::move(request)),
        part_bytes_(std::max(part_bytes, request_.body.size / kMostParts + 1)),
        etags_((request_.body.size + part_bytes_ - 1) / part_bytes_),
        done_(std::move(done)) {}

  void Create() {
    S3Call call = CallOf("POST", {{"uploads", ""}});
    call.content_type = request_.content_type;
    Start(call, [](Multipart& self, const S3Answer& answer) {
      self.OnCreated(answer);
    });
  }

 private:
  using OnAnswer = std::function<void(Multipart&, const S3Answer&)>;

  S3Call CallOf(const std::string& method,
                std::vector<std::pair<std::string, std::string>> query) const {
    S3Call call;
    call.method = method;
    call.key = request_.key;
    call.query = std::move(query);
    return call;
  }

  void Start(const S3Call& call, OnAnswer next) {
    client_.Start(call, [self = shared_from_this(), next = std::move(next)](
                            const S3Answer& answer) { next(*self, answer); });
  }

  void OnCreated(const S3Answer& answer) {
    if (answer.failure) return done_(answer.ToOutcome());
    auto id = ParseUploadId(answer.reply.body);
    if (!id) return done_({id.Failure("PUT " + request_.key), {}, false});
    id_ = std::move(*id);
    GoOn();
  }

  // Starts parts, or the end.
  void GoOn() {
    while (!failed_ && running_ < kAtOnce && next_ < etags_.size()) {
      if (const auto started = StartPart(next_); !started) {
        failed_ = PutOutcome{started.Failure(), {}, false};
      }
      ++next_;
    }
    if (running_ > 0) return;
    failed_ ? Abort() : Complete();
  }

  Result<> StartPart(std::size_t index) {
    const std::uint64_t from = index * part_bytes_;
    S3Call call = CallOf(
        "PUT", {{"partNumber", std::to_string(index + 1)}, {"uploadId", id_}});
    call.body.size = std::min(part_bytes_, request_.body.size - from);
    call.body.read = [read = request_.body.read, from](
                         std::uint64_t offset, std::span<std::byte> into) {
      return read(from + offset, into);
    };
    auto digest = DigestPart(call.body);
    if (!digest) return digest.Failure("PUT " + request_.key);
    call.digest = *digest;
    if (index + 1 == etags_.size() && whole_.Finish() != request_.digest) {
      return Fail(ErrorCode::kDataLoss,
                  "PUT " + request_.key +
                      ": what is to be sent is not what was announced");
    }
    ++running_;
    Start(call, [index](Multipart& self, const S3Answer& answer) {
      self.OnPart(index, answer);
    });
    return {};
  }

  // Also takes it into the digest of the whole. Parts come in order.
  Result<Digest> DigestPart(const ByteSource& part) {
    Sha256Stream stream;
    std::vector<std::byte> bytes(256 << 10);
    for (std::uint64_t offset = 0; offset < part.size;) {
      const auto room = std::span(bytes).first(static_cast<std::size_t>(
          std::min<std::uint64_t>(bytes.size(), part.size - offset)));
      const auto count = part.read(offset, room);
      if (!count) return count.Failure();
      if (*count == 0) {
        return Fail(ErrorCode::kDataLoss, "what is to be sent ends too early");
      }
      stream.Update(room.first(*count));
      whole_.Update(room.first(*count));
      offset += *count;
    }
    return stream.Finish();
  }

  void OnPart(std::size_t index, const S3Answer& answer) {
    --running_;
    const auto etag = answer.reply.headers.find("etag");
    if (answer.failure) {
      if (!failed_) failed_ = answer.ToOutcome();
    } else if (etag == answer.reply.headers.end()) {
      failed_ = PutOutcome{
          Fail(ErrorCode::kUnavailable,
               "PUT " + request_.key + ": the server gives a part no ETag"),
          {},
          false};
    } else {
      etags_[index] = etag->second;
    }
    GoOn();
  }

  void Complete() {
    const std::string text = CompletionOf(etags_);
    const auto bytes = std::as_bytes(std::span(text));
    S3Call call = CallOf("POST", {{"uploadId", id_}});
    call.content_type = "application/xml";
    call.body = BytesOf({bytes.begin(), bytes.end()});
    call.digest = Sha256(text);
    call.may_fail_late = true;
    Start(call, [](Multipart& self, const S3Answer& answer) {
      if (!answer.failure) return self.done_({});
      self.failed_ = answer.ToOutcome();
      self.Abort();
    });
  }

  void Abort() {
    Start(CallOf("DELETE", {{"uploadId", id_}}),
          [](Multipart& self, const S3Answer&) {
            self.done_(std::move(*self.failed_));
          });
  }

  S3Client& client_;
  const PutRequest request_;
  const std::uint64_t part_bytes_;
  std::vector<std::string> etags_;
  const std::function<void(PutOutcome)> done_;
  std::string id_;
  std::size_t next_ = 0;
  int running_ = 0;
  Sha256Stream whole_;
  std::optional<PutOutcome> failed_;
};

}  // namespace

void StartMultipartPut(S3Client& client, PutRequest request,
                       std::uint64_t part_bytes,
                       std::function<void(PutOutcome)> done) {
  // Shared by the calls under way.
  std::make_shared<Multipart>(client, std::move(request), part_bytes,
                              std::move(done))
      ->Create();
}

}  // namespace ocelli
