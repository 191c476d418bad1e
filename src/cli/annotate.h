#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/result.h"
#include "faces/gallery.h"
#include "recognize/analysis.h"

namespace ocelli {

// Writes `file`, a JPEG: the picture with a box and a name for each face. Makes
// the folders that are missing.
Result<> WriteAnnotated(std::span<const std::byte> encoded,
                        const Analysis& analysis,
                        const std::vector<std::optional<Identity>>& people,
                        const std::filesystem::path& file);

// A name below a folder for each annotated picture.
class AnnotatedNames {
 public:
  // `photo` as found below the argument `given`, a folder or the photo itself:
  // its path below that folder or its own name, ending in .jpg, and numbered
  // where another photo has that name.
  std::filesystem::path Choose(const std::filesystem::path& given,
                               const std::filesystem::path& photo);

 private:
  std::set<std::filesystem::path> taken_;
};

}  // namespace ocelli
