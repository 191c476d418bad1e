#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "core/digest.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// Whatever asks a store here does so again, a few times with growing waits,
// when that may help.

// What lies before the first segment after a prune: manifest/pruned.json.
struct PrunedPart {
  // Objects of seqs up to this one are gone or go, but for those that younger
  // lines refer to.
  std::uint64_t through = 0;
  std::uint64_t first_seq = 0;  // The first line that is still meant,
  Digest chain;                 // and the chain that it follows.
  std::chrono::system_clock::time_point time;  // Of the prune.
  bool done = false;  // False: it is under way, or was cut off.

  bool operator==(const PrunedPart&) const = default;
};
inline constexpr std::string_view kPrunedKey = "manifest/pruned.json";
Result<std::optional<PrunedPart>> ReadPrunedPart(ObjectStore& store,
                                                 const std::stop_token& stop);
// kDataLoss.
Result<PrunedPart> ParsePrunedPart(std::string_view text);
std::string FormatPrunedPart(const PrunedPart& pruned);

// The seqs that segments begin with, growing.
Result<std::vector<std::uint64_t>> ListSegments(ObjectStore& store,
                                                const std::stop_token& stop);

// Of those, the ones that a prune left, or will once it is through.
Result<std::vector<std::uint64_t>> ListMeantSegments(
    ObjectStore& store, const std::stop_token& stop);
// The lines of the segment that begins with `first_seq`. kDataLoss names one
// that is broken; the chain is not checked.
Result<std::vector<ManifestLine>> ReadSegment(ObjectStore& store,
                                              std::uint64_t first_seq,
                                              const std::stop_token& stop);

// The lines of the stored manifest in order, until `each` fails: from the
// segment on that holds `from_seq`. kDataLoss names a line that is broken; the
// chain is not checked.
Result<> ReadManifest(ObjectStore& store,
                      const std::function<Result<>(const ManifestLine&)>& each,
                      const std::stop_token& stop, std::uint64_t from_seq = 0);
// Its last line; none: there is no archive.
Result<std::optional<ManifestLine>> ReadLastLine(ObjectStore& store,
                                                 const std::stop_token& stop);

// One thing that is not as it was archived.
struct Finding {
  enum class Kind {
    kBrokenLine,   // Not readable, or not a line.
    kBrokenChain,  // A line was changed, removed, added or moved.
    kOutOfOrder,   // A seq is missing, twice or in another place.
    kMissing,      // A frame's object is not there.
    kChanged,      // It is, with other bytes.
    kAdded,        // An object that no line knows of.
    kWrongHead,    // No line has the chain that was asked for.
  };
  Kind kind;
  std::string where;    // Key or segment, and line.
  std::string message;  // For people.
};

struct VerifyOptions {
  bool contents = true;  // False: sizes only, nothing is fetched.
  int parallel = 16;
  // As noted by whoever archived: the archive must have come by it.
  std::optional<Digest> head;
  // Frames checked so far, of how many; from the calling thread.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct VerifyReport {
  std::uint64_t frames = 0;  // Lines of frames.
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::uint64_t duplicates = 0;  // Lines that refer to another's object.
  std::uint64_t dropped = 0;     // Lines that say so.
  std::uint64_t pruned = 0;      // Frames whose objects prune took.
  std::uint64_t in_flight = 0;   // Objects later than the last line of an
                                 // archive that has no end yet.
  bool ended = false;            // The last line is an end.
  std::optional<ManifestLine> first;
  std::optional<ManifestLine> last;
  Digest head;                      // The chain of the last line.
  std::uint64_t after_head = 0;     // Lines after the head that was asked for.
  std::vector<Finding> findings;    // Empty: the archive is as it was made.
  std::uint64_t more_findings = 0;  // Beyond the first 1000.
};

// Reads the whole archive: every line, the chain, and every object. Findings
// are no errors; an error is that it could not be read. kNotFound: no archive.
// Also while it is written. Needs 24 bytes of memory a frame, and `parallel`
// frames.
Result<VerifyReport> VerifyArchive(ObjectStore& store,
                                   const VerifyOptions& options,
                                   std::stop_token stop);

struct PruneReport {
  std::uint64_t frames = 0;   // Newly pruned: lines without their object.
  std::uint64_t objects = 0;  // That go or went,
  std::uint64_t bytes = 0;    // and their size.
  std::uint64_t kept_for_duplicates = 0;  // Younger lines refer to them.
  std::uint64_t segments = 0;
  std::optional<std::uint64_t> through;  // None: nothing was pruned ever.
};

// Frames younger than this are never pruned from an archive without an end:
// new lines may refer to their objects.
inline constexpr std::chrono::hours kKeptOfRunning{2};

// Deletes the objects of frames that were archived before `before`, up to the
// first that is younger, then segments that hold no other. What is left
// verifies, at every moment. `progress`: objects deleted so far. A prune that
// was cut off goes on with the next. kNotFound: no archive; kDataLoss: a line
// is broken, nothing is deleted; kFailedPrecondition: see kKeptOfRunning.
Result<PruneReport> PruneArchive(
    ObjectStore& store, std::chrono::system_clock::time_point before,
    bool dry_run, std::chrono::system_clock::time_point now,
    const std::function<void(std::uint64_t done)>& progress,
    std::stop_token stop);

}  // namespace ocelli
