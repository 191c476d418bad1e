#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// Small pictures of items whose files are nowhere on this machine, in the
// folder of their collection: gone with it. Files are called by digests of ids,
// never by what somebody chose. Thread-safe, also among processes.
class ItemPictures {
 public:
  // Of the collection FOLDER/NAME; the name is one that there can be.
  ItemPictures(const std::filesystem::path& folder, std::string_view name)
      : home_(folder / name) {}

  // Instead of the one that `id` had. `image`: the digest of what it shows.
  // kNotFound: there is no such collection.
  Result<> Keep(std::string_view id, const Digest& image,
                std::span<const std::byte> jpeg) const;
  // kNotFound: none, or one of another image.
  Result<std::vector<std::byte>> Get(std::string_view id,
                                     const Digest& image) const;
  bool Has(std::string_view id, const Digest& image) const;
  // Fine where there was none.
  Result<> Remove(std::string_view id) const;

 private:
  std::filesystem::path FolderOf(std::string_view id) const;
  std::filesystem::path FileOf(std::string_view id, const Digest& image) const;

  const std::filesystem::path home_;
};

}  // namespace ocelli
