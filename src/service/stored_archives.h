#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "archive/manifest_view.h"
#include "archive/task.h"
#include "store/object_store.h"

namespace ocelli {

// What is stored of one archive.
struct StoredArchive {
  StoredArchive(std::unique_ptr<ObjectStore> opened, const Clock& clock)
      : store(std::move(opened)), frames(*store, {}, clock) {}

  const std::unique_ptr<ObjectStore> store;
  ManifestView frames;
};

// The stores of archives, opened when they are asked for; the ones used last
// stay open. Thread-safe.
class StoredArchives {
 public:
  using OpenStore =
      std::function<Result<std::unique_ptr<ObjectStore>>(const Task& task)>;

  // All outlive it.
  StoredArchives(const Tasks& tasks, OpenStore open, const Clock& clock)
      : tasks_(tasks), open_(std::move(open)), clock_(clock) {}

  // Shared by who reads it. By its whole name; kNotFound.
  Result<std::shared_ptr<StoredArchive>> Find(const std::string& name);

 private:
  const Tasks& tasks_;
  const OpenStore open_;
  const Clock& clock_;
  std::mutex mutex_;
  // Guarded; by the root, last used first.
  std::list<std::pair<std::string, std::shared_ptr<StoredArchive>>> open_ones_;
};

}  // namespace ocelli
