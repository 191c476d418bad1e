#include "service/open_collections.h"

#include <fcntl.h>

#include <utility>

#include "core/file_descriptor.h"
#include "sqlite/database.h"

namespace ocelli {

struct OpenCollections::Place {
  std::mutex mutex;
  // Guarded by mutex.
  Kept collection;
  // The folder when it was opened; held, so that no later one has its number.
  FileDescriptor folder{-1};
  FileIdentity identity;
};

OpenCollections::OpenCollections(std::filesystem::path folder,
                                 CollectionOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

OpenCollections::~OpenCollections() = default;

bool OpenCollections::MayBeStale(const Error& error) {
  return error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kDataLoss ||
         error.code == ErrorCode::kInternal;
}

Result<OpenCollections::Kept> OpenCollections::Find(const std::string& name) {
  if (auto checked = CheckCollectionName(name); !checked) {
    return checked.Failure();
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder_ / name, ignored)) {
    Forget(name);
    auto missing = Collection::Open(folder_, name, options_);
    if (!missing) return missing.Failure();
    return Kept(std::move(*missing));  // Made just now.
  }
  std::shared_ptr<Place> place;
  {
    const std::lock_guard lock(mutex_);
    auto& known = places_[name];
    if (!known) known = std::make_shared<Place>();
    place = known;
  }
  // Not under the lock of all: a shared one may wait for its Redis.
  const std::lock_guard lock(place->mutex);
  const FileIdentity identity = IdentityOf(folder_ / name);
  if (!place->collection || !(place->identity == identity)) {
    place->collection.reset();
    place->folder = FileDescriptor(
        open((folder_ / name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto opened = Collection::Open(folder_, name, options_);
    if (!opened) return opened.Failure();
    place->collection = std::move(*opened);
    place->identity = identity;
  }
  return place->collection;
}

void OpenCollections::Forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  places_.erase(name);
}

}  // namespace ocelli
