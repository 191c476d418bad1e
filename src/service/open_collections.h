#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "index/collection.h"

namespace ocelli {

// The collections of a folder, each opened once and kept. One that was removed
// or made anew by another process is noticed. Thread-safe.
class OpenCollections {
 public:
  // Shared by who uses one: it may be forgotten meanwhile.
  using Kept = std::shared_ptr<Collection>;

  OpenCollections(std::filesystem::path folder, CollectionOptions options);
  ~OpenCollections();

  // kNotFound names those that there are.
  Result<Kept> Find(const std::string& name);
  // The next Find() opens it anew: after an error that may come from how it is
  // open, and before it is removed.
  void Forget(const std::string& name);

  // use(collection), which returns a Result.
  template <typename Use>
  auto With(const std::string& name, Use use) -> decltype(use(*Kept())) {
    const auto collection = Find(name);
    if (!collection) return collection.Failure();
    auto result = use(**collection);
    if (!result && MayBeStale(result.error())) Forget(name);
    return result;
  }

  const std::filesystem::path& folder() const { return folder_; }
  const CollectionOptions& options() const { return options_; }

 private:
  struct Place;

  static bool MayBeStale(const Error& error);

  const std::filesystem::path folder_;
  const CollectionOptions options_;
  std::mutex mutex_;
  // Guarded; by name, only of folders that were there. Each is shared by who
  // opens it.
  std::map<std::string, std::shared_ptr<Place>> places_;
};

}  // namespace ocelli
