#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "faces/gallery.h"
#include "recognize/analysis.h"

namespace ocelli {

// Writes FOLDER/NAME.jpg: the picture with a box and a name for each face. The
// name is the source's path with its folders, so that two photos of one name
// stay apart.
Result<std::filesystem::path> WriteAnnotated(
    std::span<const std::byte> encoded, const Analysis& analysis,
    const std::vector<std::optional<Identity>>& people,
    const std::filesystem::path& source, const std::filesystem::path& folder);

}  // namespace ocelli
