#pragma once

#include <filesystem>
#include <mutex>

#include "core/result.h"
#include "index/collection.h"
#include "index/snapshot.h"
#include "index/store.h"

namespace ocelli {

// Keeps one process's snapshot of a collection up to date, and the index file
// beside its database. Thread-safe.
class LiveIndex {
 public:
  LiveIndex(const CollectionSpec& spec, std::filesystem::path file,
            const CollectionOptions& options);

  // The vectors as `store` sees them, in the middle of a Reading that has read
  // nothing yet. Writes the index file where too much is not in it.
  Result<Snapshot> Get(Store& store);
  // Collection::UpdateIndex(). `store` is not reading.
  Result<> Update(Store& store);
  // Whether Update() would do something about `snapshot`.
  bool IsOutdated(const Snapshot& snapshot) const;

 private:
  Result<> Refresh(Store& store);
  void Load(Store& store);
  Result<bool> ShouldSave(Store& store, const Moment& now);
  Result<> Adopt(std::shared_ptr<const IndexFile> file);
  std::uint64_t Bytes(std::uint64_t rows) const {
    return rows * snapshot_.dimension() * sizeof(float);
  }

  const CollectionSpec spec_;
  const std::filesystem::path file_;
  const CollectionOptions options_;
  std::mutex update_mutex_;  // One Update() at a time; taken before mutex_.
  std::mutex mutex_;
  // Guarded by mutex_.
  Snapshot snapshot_;
  bool cannot_save_ = false;
};

}  // namespace ocelli
