#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "archive/manifest.h"
#include "core/result.h"

namespace ocelli {

// As much as is written to a manifest's file between two syncs, so that a power
// cut tears no more of its end.
inline constexpr std::uint64_t kManifestBatchBytes = 64 << 10;

inline constexpr std::string_view kManifestSuffix = ".jsonl";

// The seq that a line after this one has.
std::uint64_t SeqAfter(const ManifestLine& line);

// Follows the lines of an archive from file to file.
class ManifestFollower {
 public:
  using Each = std::function<Result<>(const ManifestLine&)>;

  struct File {
    std::uint64_t lines = 0;
    std::uint64_t bytes = 0;  // Of those.
  };

  // The whole lines of a file's text. kDataLoss: a line is none, or does not
  // follow the one before it in seq and chain; the message names `path` and
  // line. Only what a power cut can leave at the end of the last file is passed
  // over.
  Result<File> Follow(std::string_view text, bool is_last_file,
                      const std::string& path, const Each& each);

  // Follows anything next.
  void Forget() { before_.reset(); }
  const std::optional<ManifestLine>& last() const { return before_; }

 private:
  Result<ManifestLine> Check(std::string_view text) const;

  std::optional<ManifestLine> before_;
};

}  // namespace ocelli
