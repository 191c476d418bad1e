#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_source.h"
#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

struct ObjectInfo {
  std::string key;
  std::uint64_t bytes = 0;
  std::chrono::system_clock::time_point modified;
};

struct PutRequest {
  std::string key;
  ByteSource body;
  Digest digest;  // Of the body; a store that can check it does.
  std::string content_type = "application/octet-stream";
};

struct PutOutcome {
  Result<> result;
  // How long the store asks to be left alone; 0: it does not say.
  std::chrono::milliseconds retry_after{0};
  bool slow_down = false;  // It has too much to do: send less.
};

struct ObjectStoreOptions {
  // Of S3; empty or unset: from the environment (AWS_REGION,
  // AWS_ENDPOINT_URL_S3, ...) and the profile files, as every tool has it.
  std::string region;
  std::string endpoint;
  std::optional<bool> path_style;  // Else by the endpoint and bucket.
  std::string ca_file;
  std::chrono::milliseconds try_timeout{60'000};  // Of one request.
  std::uint64_t part_bytes = 16 << 20;            // Larger bodies go in parts.
};

// Objects by key, below one root. A key is UTF-8 with '/' between parts that
// are not empty, "." or "..", without control characters, at most 900 bytes
// (CheckKey()). Thread-safe.
//
// Errors: kUnavailable, kDeadlineExceeded: trying again may help; never for
// the rest (MayTryAgain() says it), each with the store's own code and message.
// kPermissionDenied: credentials, or not allowed. kNotFound: no such object or
// bucket. kResourceExhausted: no space, which may come. kInvalidArgument: a bad
// key or name.
// kDataLoss: what came is not what was sent.
class ObjectStore {
 public:
  // By URL: dir:FOLDER, s3://BUCKET or s3://BUCKET/PREFIX. Asks nobody yet.
  // kInvalidArgument lists the kinds; kPermissionDenied: no credentials.
  static Result<std::unique_ptr<ObjectStore>> Open(
      const std::string& url, const ObjectStoreOptions& options = {});
  // Puts under way are cancelled, and their `done` called, before it returns.
  virtual ~ObjectStore() = default;

  // Whether the bucket is there and may be used; makes the folder. Run once
  // before long work.
  virtual Result<> Check(std::stop_token stop = {}) = 0;

  // Stores the body, replacing what the key held: all of it or nothing, and
  // for good once it succeeds. `done` is called once, on a thread of the
  // store, and must not wait; it may start others.
  virtual void StartPut(PutRequest request,
                        std::function<void(PutOutcome)> done) = 0;
  // Waits for it. Not from within `done`.
  Result<> Put(PutRequest request);

  // kNotFound. kResourceExhausted beyond `max_bytes`.
  virtual Result<std::vector<std::byte>> Get(const std::string& key,
                                             std::uint64_t max_bytes,
                                             std::stop_token stop = {}) = 0;
  virtual Result<ObjectInfo> Head(const std::string& key,
                                  std::stop_token stop = {}) = 0;
  // Every object whose key begins with `prefix`, in the order of the bytes of
  // their keys, until `each` fails; its error comes back as it is.
  virtual Result<> List(const std::string& prefix,
                        const std::function<Result<>(const ObjectInfo&)>& each,
                        std::stop_token stop = {}) = 0;
  // Fine where there was none.
  virtual Result<> Delete(const std::string& key,
                          std::stop_token stop = {}) = 0;

  // Where others find the object: https://... or file:///...
  virtual std::string UrlOf(const std::string& key) const = 0;
  // That lets whoever has it read the object for so long, at most 7 days.
  // kUnimplemented where a store has no such thing.
  virtual Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds valid,
      std::chrono::system_clock::time_point now) const = 0;

  // As Open() took it, in one normal form: "s3://bucket/cam1".
  virtual const std::string& root() const = 0;
};

// Objects in memory: for tests.
std::unique_ptr<ObjectStore> MakeMemoryObjectStore();

Result<> CheckKey(std::string_view key);

bool MayTryAgain(const Error& error);

}  // namespace ocelli
