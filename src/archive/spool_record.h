#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "archive/file_system.h"
#include "archive/frame_record.h"
#include "core/result.h"

namespace ocelli {

// What stands before a picture in a spool's file. Numbers are little-endian:
//   0 magic, its last byte the version   48 wall clock, us since 1970
//   8 flags (1: dropped, no picture)     56 width, height
//  12 run                                64 SHA-256 of the picture
//  16 seq                                96 first 8 bytes of the SHA-256 of
//  24 bytes of the picture                  bytes 0 to 95
//  32 synced_before
//  40 pts, us
struct SpoolHead {
  FrameRecord record;
  bool dropped = false;
  // Frames before this seq were synced when this was written. So damage before
  // it is the disk's, while behind it a power cut may have torn anything.
  std::uint64_t synced_before = 0;

  // Head and picture on disk.
  std::uint64_t size() const;
};

inline constexpr std::size_t kSpoolHeadBytes = 104;
using SpoolHeadBytes = std::array<std::byte, kSpoolHeadBytes>;

SpoolHeadBytes EncodeHead(const SpoolHead& head);
// None: not a head, or not as it was written.
std::optional<SpoolHead> DecodeHead(
    std::span<const std::byte, kSpoolHeadBytes> bytes);

// A part of a file that begins with a head, and the seqs [first, end) that are
// looked for there.
struct SpoolSpan {
  std::uint64_t offset = 0;
  std::uint64_t end_offset = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t end_seq = 0;
};

struct FoundHead {
  SpoolHead head;
  std::uint64_t offset = 0;
  std::uint64_t end() const { return offset + head.size(); }
};

// The first head in the span, at its offset where nothing is damaged. None:
// there is none.
Result<std::optional<FoundHead>> FindHead(const SpoolFile& file,
                                          const SpoolSpan& span);

// What is wrong with the picture behind the head; empty: it is as it was.
Result<std::string> DamageOf(const SpoolFile& file, const FoundHead& found);

}  // namespace ocelli
