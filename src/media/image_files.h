#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

// The pictures that a command line names, in a stable order. A file is taken
// as it is. A folder gives, sorted and with all below it, the files with the
// ending of a picture; what is hidden is left out, and a folder that links
// lead to twice is walked once. A path that can't be read, or a folder with
// no picture in it, is an error in its place.
std::vector<Result<std::filesystem::path>> FindImages(
    std::span<const std::string> paths);

// Whether a path or a key ends as those pictures do: ".jpg".
bool HasImageEnding(const std::filesystem::path& path);

}  // namespace ocelli
