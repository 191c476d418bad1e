#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "archive/file_system.h"
#include "archive/manifest.h"
#include "archive/spool.h"
#include "archive/upload_budget.h"
#include "core/clock.h"
#include "core/result.h"
#include "metrics/metrics.h"
#include "store/object_store.h"

namespace ocelli {

// The wait before try number `attempt` + 1, counted from 1: by chance
// (0 <= chance < 1) up to `first` doubled as often, at most `last`: "full
// jitter" of Brooker, Exponential Backoff And Jitter, 2015.
std::chrono::milliseconds BackoffBefore(int attempt,
                                        std::chrono::milliseconds first,
                                        std::chrono::milliseconds last,
                                        double chance);

struct ArchiverOptions {
  enum class SpoolFull { kStop, kDropOldest };

  std::string name;  // Of the task, in logs and metrics.
  SpoolOptions spool;
  // Live sources only: a file waits for room instead.
  SpoolFull spool_full = SpoolFull::kStop;
  bool live = false;
  // Tries for one frame. Then a file's archive fails; a live one goes on trying
  // at the longest wait, so that its spool takes what comes meanwhile.
  int retries = 30;
  std::chrono::milliseconds first_wait{200};
  std::chrono::milliseconds last_wait{30'000};
  // The manifest is stored this often while it grows.
  std::chrono::milliseconds manifest_every{5'000};
  // Equal frames are stored once within this time of the first.
  std::chrono::minutes duplicates_within{60};
  std::uint64_t seed = 0;  // Of the waits; 0: one of its own.
  const Clock* clock = &SystemClock();
  // Lines of frames in their order, durable here, from one thread; a frame's
  // object is stored before. Never the same seq twice, but for a kill or a
  // power cut amid it.
  std::function<void(std::span<const ManifestLine>)> on_lines;
};

// A frame to archive. `record.seq` and `record.run` are given by Add().
struct NewFrame {
  FrameRecord record;
  std::span<const std::byte> picture;
};

struct ArchiveStatus {
  std::uint64_t taken = 0;      // By this process, and durable.
  std::uint64_t delivered = 0;  // Lines of this process.
  std::uint64_t stored = 0;     // Objects uploaded.
  std::uint64_t bytes = 0;      // Of those.
  std::uint64_t duplicates = 0;
  std::uint64_t dropped = 0;  // Given up in the spool, or damaged there.
  std::uint64_t retries = 0;
  std::uint64_t waiting = 0;  // In the spool, not begun.
  int in_flight = 0;          // Begun, not delivered.
  int parallel = 0;           // The budget's limit.
  std::uint64_t spool_bytes = 0;
  std::uint64_t next_seq = 0;
  std::optional<ManifestLine> last;  // Its chain is the archive's head.
  // Why uploads fail now; empty when the last one succeeded.
  std::string trouble;
  std::optional<std::chrono::system_clock::time_point> trouble_since;
};

// One archive on its way: frames are spooled durably, uploaded many at a time,
// delivered strictly by seq, written to the manifest and only then let go.
// Add() from one thread, the rest from any. The store, budget and metrics
// outlive it.
class Archiver {
 public:
  // Takes up what a killed process left: its frames are uploaded first. Reads
  // the end of the manifest from the store where there is none here.
  // kFailedPrecondition: somebody else continued the archive.
  static Result<std::unique_ptr<Archiver>> Open(
      ArchiverOptions options, std::unique_ptr<FileSystem> folder,
      ObjectStore& store, UploadBudget& budget, MetricsRegistry& metrics,
      const std::stop_token& stop = {});
  // Without Finish() as after a kill, but that uploads under way are the
  // store's to end; no call comes after it.
  virtual ~Archiver() = default;

  // The run that Add() counts: one more than the last line's, or the same
  // where `resumed`.
  virtual void BeginRun(bool resumed) = 0;

  // Writes the frame to the spool; it is taken once its turn of syncing is
  // through, which status() counts. Waits for room where the options say so.
  // kResourceExhausted: the spool is full. Otherwise the error that ended the
  // archive (MayTryAgain() false, or tries used up): its frames stay spooled.
  virtual Result<> Add(const NewFrame& frame, std::stop_token stop) = 0;

  // Waits until what was added, and what a killed process left, is delivered.
  // The error that ended the archive; kCancelled.
  virtual Result<> WaitUntilDelivered(std::stop_token stop) = 0;

  // Waits until all is delivered, and the manifest stored with its end line.
  // When `stop` is requested: what is taken stays in the spool, the manifest
  // so far is stored, without an end; kCancelled.
  virtual Result<> Finish(std::stop_token stop) = 0;

  virtual ArchiveStatus status() const = 0;
};

}  // namespace ocelli
