#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/file_system.h"
#include "archive/manifest.h"
#include "core/result.h"

namespace ocelli {

// A part of the manifest as it is stored: whole lines.
struct ManifestSegment {
  std::uint64_t first_seq = 0;
  std::string text;
  std::uint64_t lines = 0;
};

// The manifest of a running archive on its way to the store: lines in files
// NNNNNNNNNNNN.jsonl of at most kSegmentLines, each stored again while it
// grows. Recovers as Spool does. Thread-safe.
class ManifestLog {
 public:
  static constexpr std::uint64_t kSegmentLines = 1000;

  // Without files of its own it goes on after `last` (none: a new archive).
  // kDataLoss: a line within it is broken; it is named, nothing is changed.
  static Result<std::unique_ptr<ManifestLog>> Open(
      FileSystem& files, const std::optional<ManifestLine>& last);
  virtual ~ManifestLog() = default;

  // The last line, whose chain the next one follows.
  virtual std::optional<ManifestLine> last() const = 0;

  // Sets the lines' chains, writes them and syncs. Their seqs follow. On
  // failure none of them is there; where a failed sync leaves that open, all
  // later calls fail, and a log opened anew knows.
  virtual Result<> Append(std::span<ManifestLine> lines) = 0;

  // The first segment with lines that SetStored() does not know of.
  virtual Result<std::optional<ManifestSegment>> Unstored() = 0;
  // The store has so many lines of that segment, if it is still here; that full
  // ones are stored is known to a log opened later, unless power went. Full
  // segments that are stored may be deleted here, the oldest first, but for the
  // newest kKeptSegments.
  static constexpr std::size_t kKeptSegments = 256;
  virtual Result<> SetStored(std::uint64_t first_seq, std::uint64_t lines) = 0;
};

// The lines that are still here, oldest first, until `each` fails. A last line
// that is not whole yet is left out. Also while another process writes.
Result<> ReadLocalLines(
    const std::string& folder,
    const std::function<Result<>(const ManifestLine&)>& each);

}  // namespace ocelli
