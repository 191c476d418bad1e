#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/frame_record.h"
#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// One line of a manifest (docs/archive.md): a frame, or the end of a run.
struct ManifestLine {
  FrameRecord frame;  // Of an end: seq is that of the frame after it, run the
                      // one that ended; what is of pictures is zero.
  bool end = false;
  bool dropped = false;  // The spool was full: there is no object.
  std::string key;       // Below the archive's root; of an equal frame before
                         // it where that was stored already.
  int attempts = 0;      // Uploads tried; 0: nothing had to be stored.
  Digest chain;          // Over the chain before and this line.

  bool operator==(const ManifestLine&) const = default;
};

// "2026/11/25/14/000000000042-0a1b2c3d.jpg": hour in UTC, seq, and the digest's
// first 8 digits.
std::string FrameKey(const FrameRecord& frame);

// "manifest/000000000042.jsonl", by the seq of the segment's first line.
std::string ManifestKey(std::uint64_t first_seq);
std::optional<std::uint64_t> FirstSeqOf(std::string_view manifest_key);
inline constexpr std::string_view kManifestFolder = "manifest/";

// The chain that the archive's first line follows.
Digest ChainStart();

// The line as it is stored, without '\n', and sets `line.chain` to what follows
// `before`.
std::string FormatLine(ManifestLine& line, const Digest& before);

// kDataLoss: no such line, with what is wrong. Keys that lead elsewhere are
// refused. The chain is parsed, not checked.
Result<ManifestLine> ParseLine(std::string_view text);

// The chain that a stored line's text must have after `before`.
Digest ChainOf(std::string_view text, const Digest& before);

}  // namespace ocelli
