#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include "archive/manifest.h"
#include "core/result.h"

namespace ocelli {

// The seq of the first line that a spool's folder still has; none: it has no
// lines.
Result<std::optional<std::uint64_t>> FirstLocalSeq(
    const std::filesystem::path& folder);

// The manifest in a spool's folder, read on as it grows, also by another
// process. Not thread-safe.
class LocalLines {
 public:
  // Begins with `from_seq`, or the first line after it that is here.
  LocalLines(std::filesystem::path folder, std::uint64_t from_seq)
      : folder_(std::move(folder)), next_seq_(from_seq) {}

  // The lines that came since the last call, until `each` fails. A last line
  // that is not whole yet comes later. kDataLoss: a line is broken, or lines
  // were deleted before they were read.
  Result<> ReadNew(const std::function<Result<>(const ManifestLine&)>& each);

 private:
  Result<bool> ReadFile(
      bool is_last, const std::function<Result<>(const ManifestLine&)>& each);

  const std::filesystem::path folder_;
  std::uint64_t next_seq_;
  std::optional<std::uint64_t> file_;  // That is read now, by its first seq,
  std::uint64_t offset_ = 0;           // and how much of it was.
};

}  // namespace ocelli
