#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

// A picture of a contact sheet and the two lines below it.
struct SheetPicture {
  std::filesystem::path path;  // Grey where it can't be read.
  std::string title;
  std::string detail;
  bool framed = false;  // The query.
};

// Writes them in rows of `columns`: a PNG, or a JPEG where `file` ends so.
// kInvalidArgument for another ending.
Result<> WriteContactSheet(const std::filesystem::path& file,
                           const std::vector<SheetPicture>& pictures,
                           int columns);

}  // namespace ocelli
