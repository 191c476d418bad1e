#include "recognize/referenced_images.h"

#include <algorithm>

namespace ocelli {
namespace {

constexpr std::string_view kS3 = "s3://";
constexpr std::size_t kMostStores = 16;  // Each has a thread and connections.

DownloadOptions DownloadOptionsFrom(const ReferencedImagesOptions& options) {
  DownloadOptions download;
  download.allow_private = options.allow_private;
  // Whoever takes the job again waits, not a thread that computes.
  download.attempts = 1;
  download.per_host = 16;
  download.host_delay = std::chrono::milliseconds(0);
  download.max_time = std::chrono::milliseconds(60'000);
  download.stop = options.stop;
  return download;
}

}  // namespace

bool IsImageReference(std::string_view text) {
  return text.starts_with(kS3) || text.starts_with("https://") ||
         text.starts_with("http://");
}

ReferencedImages::ReferencedImages(ReferencedImagesOptions options)
    : options_(std::move(options)),
      downloader_(DownloadOptionsFrom(options_)) {}

Result<ReferencedImages::Store> ReferencedImages::StoreOf(
    const std::string& bucket) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(stores_.begin(), stores_.end(),
                   [&](const auto& store) { return store.first == bucket; });
  if (found != stores_.end()) {
    stores_.splice(stores_.begin(), stores_, found);
    return stores_.front().second;
  }
  auto opened = ObjectStore::Open(bucket, options_.store);
  if (!opened) return opened.Failure();
  stores_.emplace_front(bucket, std::move(*opened));
  if (stores_.size() > kMostStores) stores_.pop_back();
  return stores_.front().second;
}

Result<std::vector<std::byte>> ReferencedImages::Get(
    const std::string& reference) {
  if (!IsImageReference(reference)) {
    return Fail(ErrorCode::kInvalidArgument,
                "an image is at s3://BUCKET/KEY, https:// or http://");
  }
  const auto read = [&]() -> Result<std::vector<std::byte>> {
    if (!reference.starts_with(kS3)) {
      const auto url = ParseUrl(reference);
      if (!url) return url.Failure();
      auto got = downloader_.Get(*url, options_.max_bytes);
      if (!got) return got.Failure();
      return std::move(got->bytes);
    }
    const std::size_t slash = reference.find('/', kS3.size());
    if (slash == reference.npos || slash + 1 == reference.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "an object is s3://BUCKET/KEY, not " + reference);
    }
    const auto store = StoreOf(reference.substr(0, slash));
    if (!store) return store.Failure();
    return (*store)->Get(reference.substr(slash + 1), options_.max_bytes,
                         options_.stop);
  }();
  // It does not get smaller.
  if (!read && read.error().code == ErrorCode::kResourceExhausted) {
    return Fail(ErrorCode::kInvalidArgument, read.error().message);
  }
  return read;
}

}  // namespace ocelli
