#pragma once

#include <filesystem>
#include <string>

#include "core/result.h"
#include "models/download.h"
#include "models/source.h"
#include "models/tar.h"

namespace ocelli {

// The archive of an npm or Debian package, in `downloads` under its hash; one
// that is there already is used, wherever it came from. npm and apt know their
// registries, so no address is written here.
Result<std::filesystem::path> FetchPackage(
    const Source& source, const std::string& sha256,
    const std::filesystem::path& downloads, const FetchOptions& options);

// Reads its files. npm's names begin with "package/", Debian's with "./": the
// reader gets them without.
Result<> ReadPackage(const Source& source, const std::filesystem::path& archive,
                     const TarReader::Want& want, const TarReader::Take& take,
                     const FetchOptions& options);

}  // namespace ocelli
