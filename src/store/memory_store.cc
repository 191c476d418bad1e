#include <map>
#include <mutex>
#include <utility>

#include "store/object_store.h"
#include "store/put_queue.h"

namespace ocelli {
namespace {

class MemoryObjectStore final : public ObjectStore {
 public:
  Result<> Check(std::stop_token /*stop*/) override { return {}; }

  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    queue_.Start(std::move(request), std::move(done));
  }

  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token /*stop*/) override {
    if (auto good = CheckKey(key); !good) return good.Failure();
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return None(key);
    if (found->second.bytes.size() > max_bytes) {
      return Fail(
          ErrorCode::kResourceExhausted,
          key + ": larger than " + std::to_string(max_bytes) + " bytes");
    }
    return found->second.bytes;
  }

  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token /*stop*/) override {
    if (auto good = CheckKey(key); !good) return good.Failure();
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return None(key);
    return InfoOf(*found);
  }

  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    std::vector<ObjectInfo> found;
    {
      const std::lock_guard lock(mutex_);
      for (auto object = objects_.lower_bound(prefix);
           object != objects_.end() && object->first.starts_with(prefix);
           ++object) {
        found.push_back(InfoOf(*object));
      }
    }
    for (const ObjectInfo& info : found) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "listing objects: cancelled");
      }
      if (auto result = each(info); !result) return result;
    }
    return {};
  }

  Result<> Delete(const std::string& key, std::stop_token /*stop*/) override {
    if (auto good = CheckKey(key); !good) return good;
    const std::lock_guard lock(mutex_);
    objects_.erase(key);
    return {};
  }

  std::string UrlOf(const std::string& key) const override {
    return root_ + "/" + key;
  }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds /*valid*/,
      std::chrono::system_clock::time_point /*now*/) const override {
    return Fail(ErrorCode::kUnimplemented,
                key + ": objects in memory have no presigned URLs");
  }
  const std::string& root() const override { return root_; }

 private:
  struct Object {
    std::vector<std::byte> bytes;
    std::chrono::system_clock::time_point modified;
  };
  using Objects = std::map<std::string, Object, std::less<>>;

  static ObjectInfo InfoOf(const Objects::value_type& object) {
    return {object.first, object.second.bytes.size(), object.second.modified};
  }
  static tl::unexpected<Error> None(const std::string& key) {
    return Fail(ErrorCode::kNotFound, "no object " + key + " in memory");
  }

  Result<> Store(const PutRequest& request) {
    if (auto good = CheckKey(request.key); !good) return good;
    std::vector<std::byte> bytes(static_cast<std::size_t>(request.body.size));
    const auto count = request.body.read(0, bytes);
    if (!count) return count.Failure("storing " + request.key);
    if (*count != bytes.size() || Sha256(bytes) != request.digest) {
      return Fail(ErrorCode::kDataLoss,
                  "storing " + request.key + ": not the bytes of its digest");
    }
    const std::lock_guard lock(mutex_);
    objects_.insert_or_assign(
        request.key,
        Object{std::move(bytes), std::chrono::system_clock::now()});
    return {};
  }

  const std::string root_ = "memory:";
  std::mutex mutex_;
  Objects objects_;  // Guarded by mutex_.
  // The last, whose puts end before the rest goes.
  PutQueue queue_{1, [this](const PutRequest& request, const std::stop_token&) {
                    PutOutcome outcome;
                    outcome.result = Store(request);
                    return outcome;
                  }};
};

}  // namespace

std::unique_ptr<ObjectStore> MakeMemoryObjectStore() {
  return std::make_unique<MemoryObjectStore>();
}

}  // namespace ocelli
