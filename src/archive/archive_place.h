#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/file_system.h"
#include "archive/manifest_log.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// The manifest where an archive goes on: the folder's, or after the store's
// last line where the folder has none. Without an answer of the store the
// folder's is believed. kFailedPrecondition: the store's manifest is not a
// beginning of the folder's.
Result<std::unique_ptr<ManifestLog>> OpenManifestLog(
    FileSystem& folder, ObjectStore& store, const std::string& name,
    const std::stop_token& stop);

// The highest run of which a frame may be in the folder.
std::optional<std::uint32_t> ReadRun(FileSystem& folder);
Result<> WriteRun(FileSystem& folder, std::uint32_t run);

}  // namespace ocelli
