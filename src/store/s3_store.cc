#include "store/s3_store.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "net/http_date.h"
#include "store/s3_address.h"
#include "store/s3_client.h"
#include "store/s3_multipart.h"
#include "store/s3_replies.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kLeastPart = 5 << 20;    // But for the last.
constexpr std::uint64_t kErrorBytes = 64 << 10;  // An error's text.
constexpr std::uint64_t kPageBytes = 16 << 20;   // 1000 names, encoded.
constexpr std::size_t kMostKeyBytes = 1024;
constexpr auto kLongestValid = std::chrono::hours(7 * 24);

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Address address, AwsCredentials credentials,
          const S3ClientOptions& options, std::uint64_t part_bytes,
          const Clock& clock)
      : part_bytes_(std::max(part_bytes, kLeastPart)),
        root_(address.Root()),
        client_(std::move(address), std::move(credentials), options, clock) {}

  Result<> Check(std::stop_token stop) override {
    const auto page = ListPage("", "", 1, std::move(stop));
    if (!page) return page.Failure();
    return {};
  }

  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    if (auto fine = CheckWholeKey(request.key); !fine) {
      client_.Post([fine = std::move(fine), done = std::move(done)] {
        done({fine, {}, false});
      });
      return;
    }
    if (request.body.size > part_bytes_) {
      StartMultipartPut(client_, std::move(request), part_bytes_,
                        std::move(done));
      return;
    }
    S3Call call;
    call.method = "PUT";
    call.key = std::move(request.key);
    call.content_type = std::move(request.content_type);
    call.body = std::move(request.body);
    call.digest = request.digest;
    client_.Start(call, [done = std::move(done)](const S3Answer& answer) {
      done(answer.ToOutcome());
    });
  }

  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token stop) override {
    auto reply = Run("GET", key, std::max(max_bytes, kErrorBytes), stop);
    if (!reply) return reply.Failure();
    if (reply->body.size() > max_bytes) {
      return Fail(ErrorCode::kResourceExhausted,
                  root_ + '/' + key + " has more than the " +
                      std::to_string(max_bytes) + " bytes expected");
    }
    // libcurl checks the length that is announced; nobody else's is known.
    if (!reply->headers.contains("content-length") &&
        !reply->headers.contains("transfer-encoding")) {
      return Fail(ErrorCode::kDataLoss,
                  root_ + '/' + key + " came without its length");
    }
    return std::move(reply->body);
  }

  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token stop) override {
    const auto reply = Run("HEAD", key, kErrorBytes, stop);
    if (!reply) return reply.Failure();
    ObjectInfo info;
    info.key = key;
    const auto length = reply->headers.find("content-length");
    const auto modified = reply->headers.find("last-modified");
    if (length == reply->headers.end() ||
        !ReadNumber(length->second, info.bytes)) {
      return Fail(ErrorCode::kDataLoss,
                  "HEAD " + root_ + '/' + key + ": the answer has no length");
    }
    if (modified != reply->headers.end()) {
      info.modified = ParseHttpDate(modified->second).value_or(info.modified);
    }
    return info;
  }

  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    const std::string& below = client_.address().prefix;
    std::string token, last;
    do {
      auto page = ListPage(prefix, token, 1000, stop);
      if (!page) return page.Failure();
      if (!page->next.empty() && page->next == token) {
        return Fail(ErrorCode::kDataLoss,
                    "listing " + root_ + ": the same page again and again");
      }
      for (ObjectInfo& info : page->objects) {
        // Consoles make folders as objects whose names end so.
        if (info.key.ends_with('/')) continue;
        if (!info.key.starts_with(below + prefix) || info.key <= last) {
          return Fail(ErrorCode::kDataLoss,
                      "listing " + root_ + ": " + info.key +
                          " is not one of these, or out of order");
        }
        last = info.key;
        info.key.erase(0, below.size());
        if (const auto taken = each(info); !taken) return taken.Failure();
      }
      token = std::move(page->next);
    } while (!token.empty());
    return {};
  }

  Result<> Delete(const std::string& key, std::stop_token stop) override {
    if (const auto fine = CheckWholeKey(key); !fine) return fine.Failure();
    S3Call call;
    call.method = "DELETE";
    call.key = key;
    const S3Answer answer = client_.Run(call, std::move(stop));
    if (answer.failure && answer.failure->code != "NoSuchKey") {
      return tl::unexpected<Error>(answer.failure->error);
    }
    return {};
  }

  std::string UrlOf(const std::string& key) const override {
    return client_.UrlOf(key);
  }

  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds valid,
      std::chrono::system_clock::time_point now) const override {
    if (const auto fine = CheckWholeKey(key); !fine) return fine.Failure();
    if (valid < std::chrono::seconds(1) || valid > kLongestValid) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a presigned URL is valid for 1 second to 7 days, not " +
                      std::to_string(valid.count()) + " seconds");
    }
    return client_.PresignedUrl(key, valid, now);
  }

  const std::string& root() const override { return root_; }

 private:
  static bool ReadNumber(const std::string& text, std::uint64_t& number) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stop == end;
  }

  Result<> CheckWholeKey(const std::string& key) const {
    if (auto fine = CheckKey(key); !fine) return fine;
    if (client_.address().prefix.size() + key.size() > kMostKeyBytes) {
      return Fail(ErrorCode::kInvalidArgument,
                  "object name " + key + ": below " + root_ +
                      " it is longer than 1024 bytes");
    }
    return {};
  }

  Result<HttpReply> Run(const std::string& method, const std::string& key,
                        std::uint64_t max_reply_bytes, std::stop_token stop) {
    if (const auto fine = CheckWholeKey(key); !fine) return fine.Failure();
    S3Call call;
    call.method = method;
    call.key = key;
    call.max_reply_bytes = max_reply_bytes;
    S3Answer answer = client_.Run(call, std::move(stop));
    if (answer.failure) return tl::unexpected<Error>(answer.failure->error);
    return std::move(answer.reply);
  }

  Result<S3Page> ListPage(const std::string& prefix, const std::string& token,
                          int most, std::stop_token stop) {
    S3Call call;
    call.query = {{"list-type", "2"},
                  {"encoding-type", "url"},
                  {"max-keys", std::to_string(most)},
                  {"prefix", client_.address().prefix + prefix}};
    if (!token.empty()) call.query.emplace_back("continuation-token", token);
    call.max_reply_bytes = kPageBytes;
    const S3Answer answer = client_.Run(call, std::move(stop));
    if (answer.failure) return tl::unexpected<Error>(answer.failure->error);
    auto page = ParseS3Page(answer.reply.body);
    if (!page) return page.Failure("listing " + root_);
    return page;
  }

  const std::uint64_t part_bytes_;
  const std::string root_;
  S3Client client_;  // Last: its end calls what uses the others.
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> MakeS3Store(
    const std::string& url, const ObjectStoreOptions& options,
    const Environment& environment, const Clock& clock) {
  // A bad name is told before credentials are missed.
  const auto first = [](const std::string& one, const std::string& other) {
    return one.empty() ? other : one;
  };
  if (const auto fine = S3Address::Parse(url, {}); !fine) return fine.Failure();
  auto settings = ReadAwsSettings(environment);
  if (!settings) return settings.Failure();
  S3AddressOptions where;
  where.region = first(options.region, settings->region);
  where.endpoint = first(options.endpoint, settings->endpoint);
  where.path_style =
      options.path_style ? options.path_style : settings->path_style;
  auto address = S3Address::Parse(url, where);
  if (!address) return address.Failure();
  return std::make_unique<S3Store>(
      std::move(*address), std::move(settings->credentials),
      S3ClientOptions{first(options.ca_file, settings->ca_file),
                      options.try_timeout},
      options.part_bytes, clock);
}

}  // namespace ocelli
