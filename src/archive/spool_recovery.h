#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "archive/file_system.h"
#include "core/result.h"

namespace ocelli {

// A file of a spool: NNNNNNNNNNNN.frames, or .dropped where it has heads only.
struct SpoolSegment {
  bool dropped = false;
  std::uint64_t bytes = 0;

  std::string NameFor(std::uint64_t first_seq) const;
};

// It becomes the segment's .dropped file once it is whole.
std::string UnfinishedSegmentName(std::uint64_t first_seq);

struct RecoveredSpool {
  std::map<std::uint64_t, SpoolSegment> segments;  // By their first seqs.
  std::uint64_t first_seq = 0;                     // The first not released.
  std::uint64_t next_seq = 0;
};

// Cuts off what a power cut tore, from the first frame on that is not as it was
// written, and syncs the rest. Frames that a later head knows to have been
// synced stay, damaged or not.
Result<RecoveredSpool> RecoverSpool(
    FileSystem& files, std::optional<std::uint64_t> released_through);

}  // namespace ocelli
