#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// Where a file comes from:
//   npm:PACKAGE@VERSION!PATH[#FIRST-END]  in an npm package; END is excluded
//   deb:PACKAGE=VERSION!PATH              in a Debian package
//   https://HOST/...                      (http:// of this very machine)
//   file:/PATH
struct Source {
  enum class Kind { kNpm, kDeb, kWeb, kFile };
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t end = 0;  // Excluded.
  };

  Kind kind = Kind::kFile;
  std::string package;  // kNpm, kDeb. Never begins with '-'.
  std::string version;
  // kNpm, kDeb: inside the package, relative, without "..". Else the URL or
  // the absolute path.
  std::string path;
  std::optional<Range> range;  // kNpm: only these bytes of the file.
};

// kInvalidArgument.
Result<Source> ParseSource(std::string_view text);

}  // namespace ocelli
