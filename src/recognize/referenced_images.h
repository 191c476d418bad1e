#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/downloader.h"
#include "core/result.h"
#include "media/still_image.h"
#include "store/object_store.h"

namespace ocelli {

struct ReferencedImagesOptions {
  bool allow_private = false;  // Of http: addresses that are not public.
  std::uint64_t max_bytes = ImageLimits{}.max_bytes;
  ObjectStoreOptions store;  // Credentials are this process's own.
  std::stop_token stop;      // Ends what is under way with kCancelled.
};

// Whether `text` begins as an address that Get() reads: s3:, https:, http:.
bool IsImageReference(std::string_view text);

// Encoded images by their address, which somebody else chose: s3://BUCKET/KEY
// with the credentials of this process, https:// and http:// as `ocelli
// collect` fetches. Thread-safe.
class ReferencedImages {
 public:
  explicit ReferencedImages(ReferencedImagesOptions options);

  // kUnavailable, kDeadlineExceeded: may go better later. kInvalidArgument:
  // no such address, or too large. kNotFound, kPermissionDenied, kCancelled.
  Result<std::vector<std::byte>> Get(const std::string& reference);

 private:
  // Shared by who reads from it: others may make it leave the list meanwhile.
  using Store = std::shared_ptr<ObjectStore>;
  Result<Store> StoreOf(const std::string& bucket);

  const ReferencedImagesOptions options_;
  Downloader downloader_;
  std::mutex mutex_;
  std::list<std::pair<std::string, Store>>
      stores_;  // Guarded; last used first.
};

}  // namespace ocelli
