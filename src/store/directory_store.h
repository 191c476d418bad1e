#pragma once

#include <filesystem>
#include <memory>

#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// Objects as files below a folder, which Check() makes: a key is a path in it.
// Links below the folder are not followed: what is behind one is no object. So
// "a" and "a/b" can't both be there. Files that a killed process left half
// written are never listed, and gone after the next Put() of their folder.
// kInvalidArgument: an empty path.
Result<std::unique_ptr<ObjectStore>> MakeDirectoryStore(
    const std::filesystem::path& folder);

}  // namespace ocelli
