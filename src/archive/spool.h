#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "archive/file_system.h"
#include "archive/frame_record.h"
#include "core/byte_source.h"
#include "core/result.h"

namespace ocelli {

struct SpoolOptions {
  std::uint64_t max_bytes = std::uint64_t{10} << 30;
  // A file holds about this much, but never more than a 16th of max_bytes.
  std::uint64_t segment_bytes = 64 << 20;
};

// A frame that waits; its body is read from the spool, and stays readable as
// long as a copy of this lives.
struct SpooledFrame {
  FrameRecord record;
  bool dropped = false;  // It has no body any more.
  // Dropped because the disk damaged it: what was found. If that was its head,
  // its size and digest are zero, and its times those of a frame beside it.
  std::string damage;
  ByteSource body;
};

// Frames on disk from when they are taken until they are stored, first in,
// first out. The memory it needs does not grow with how many wait. Thread-safe.
//
// The files are NNNNNNNNNNNN.frames, named after their first seq: records of a
// checksummed head and the picture. Opening recovers by itself from whatever
// was torn, lost or reordered among what was not synced, and from damage: what
// was synced before it stays.
class Spool {
 public:
  // Frames up to `released_through` (none: nothing was ever released) are not
  // given again.
  static Result<std::unique_ptr<Spool>> Open(
      FileSystem& files, const SpoolOptions& options,
      std::optional<std::uint64_t> released_through);
  virtual ~Spool() = default;

  // The seq that the next Append() must have.
  virtual std::uint64_t next_seq() const = 0;

  // Writes the frame; it counts only once Sync() returned. On failure nothing
  // of it is left. kResourceExhausted: the spool or the disk is full.
  virtual Result<> Append(const FrameRecord& record,
                          std::span<const std::byte> picture) = 0;
  // Everything appended before the call survives a power cut.
  virtual Result<> Sync() = 0;

  // The first synced frame that was not given yet; none: there is none now.
  // No seq is left out: what was dropped or damaged is given as such. On
  // failure, which is that of reading a file, nothing counts as given; without
  // that file its frames are given as damaged.
  virtual Result<std::optional<SpooledFrame>> Next() = 0;

  // Gives up the bodies of the oldest file of frames that Next() has given none
  // of, so that Append() has room again. Next() gives them in their turn,
  // `dropped`, also after a power cut. How many; 0: there is no such file.
  virtual Result<std::uint64_t> DropOldest() = 0;

  // Frames up to `seq` are stored elsewhere: their space is free again as soon
  // as a whole file of them is.
  virtual Result<> Release(std::uint64_t seq) = 0;

  virtual std::uint64_t bytes() const = 0;    // On disk.
  virtual std::uint64_t waiting() const = 0;  // Frames Next() has yet to give.
};

}  // namespace ocelli
