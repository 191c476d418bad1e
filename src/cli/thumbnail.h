#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "core/image.h"
#include "core/result.h"

namespace ocelli {

// The picture at `path`, at most `side` x `side` pixels, never enlarged.
Result<Image> LoadThumbnail(const std::filesystem::path& path, int side);

// The same as an address for a report; empty where it can't be read.
std::string ThumbnailUri(const std::filesystem::path& path, int side);

}  // namespace ocelli
