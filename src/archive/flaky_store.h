#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "store/object_store.h"

namespace ocelli {

// For tests: another store, whose calls fail where `failure` says so, given
// what is called ("put", "get", "list", "delete") and its key. Its `List()`
// fails after the first object.
class FlakyStore final : public ObjectStore {
 public:
  using Failure =
      std::function<Result<>(const std::string& call, const std::string& key)>;
  FlakyStore(ObjectStore& store, Failure failure)
      : store_(store), failure_(std::move(failure)) {}

  Result<> Check(std::stop_token stop) override { return store_.Check(stop); }
  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    if (auto ok = failure_("put", request.key); !ok) {
      done({ok, {}, false});
    } else {
      store_.StartPut(std::move(request), std::move(done));
    }
  }
  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token stop) override {
    if (auto ok = failure_("get", key); !ok) return ok.Failure();
    return store_.Get(key, max_bytes, stop);
  }
  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token stop) override {
    return store_.Head(key, stop);
  }
  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    bool first = true;
    return store_.List(
        prefix,
        [&](const ObjectInfo& info) {
          if (!std::exchange(first, false)) {
            if (auto ok = failure_("list", info.key); !ok) return ok;
          }
          return each(info);
        },
        stop);
  }
  Result<> Delete(const std::string& key, std::stop_token stop) override {
    if (auto ok = failure_("delete", key); !ok) return ok;
    return store_.Delete(key, stop);
  }
  std::string UrlOf(const std::string& key) const override {
    return store_.UrlOf(key);
  }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds valid,
      std::chrono::system_clock::time_point now) const override {
    return store_.PresignedUrl(key, valid, now);
  }
  const std::string& root() const override { return store_.root(); }

 private:
  ObjectStore& store_;
  const Failure failure_;
};

}  // namespace ocelli
