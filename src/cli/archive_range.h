#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "archive/manifest.h"
#include "core/result.h"

namespace ocelli {

// One end of a part of an archive.
struct ArchivePlace {
  std::optional<std::uint64_t> seq;
  std::chrono::system_clock::time_point time;  // Unless there is a seq.
};

// "10:00" or "10:00:30" of the day of `now`, "2026-11-25",
// "2026-11-25T10:00[:30[.5]]", each in UTC and with or without Z; "seq:42".
// kInvalidArgument.
Result<ArchivePlace> ParseArchivePlace(
    const std::string& text, std::chrono::system_clock::time_point now);

// From `from` up to `to`: a seq inclusive, a time exclusive; none: without
// end.
struct ArchiveRange {
  std::optional<ArchivePlace> from;
  std::optional<ArchivePlace> to;

  bool Contains(const FrameRecord& frame) const;
};

// "seq 42" or "2026-11-25T10:00:00.000Z".
std::string ArchivePlaceText(const ArchivePlace& place);

}  // namespace ocelli
