#pragma once

#include <filesystem>
#include <memory>

#include "core/result.h"
#include "index/collection.h"

namespace ocelli {

// Puts the files of an empty collection into `home`, an empty folder.
Result<> WriteEmbeddedCollection(const std::filesystem::path& home,
                                 const CollectionSpec& spec);
// The name is the folder's. kNotFound.
Result<std::unique_ptr<Collection>> OpenEmbeddedCollection(
    const std::filesystem::path& home, const CollectionOptions& options);

}  // namespace ocelli
