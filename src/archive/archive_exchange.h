#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "archive/archiver.h"
#include "core/clock.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// An upload that ended.
struct EndedUpload {
  std::optional<std::uint64_t> seq;  // None: a part of the manifest.
  PutOutcome outcome;
  std::chrono::nanoseconds took{0};
};

// What the callers of an Archiver and the store's threads tell its worker, and
// it them. Shared with the calls that a store has yet to make.
struct ArchiveExchange {
  explicit ArchiveExchange(const Clock& clock_in) : clock(clock_in) {}

  // `mutex` is held.
  void Wake() {
    if (woken) return;
    woken = true;
    for_worker.notify_one();
  }

  std::mutex mutex;
  std::condition_variable for_worker;
  std::condition_variable_any for_callers;

  // All guarded by mutex. The clock may be gone when closed.
  const Clock& clock;
  bool closed = false;
  bool woken = false;
  std::vector<EndedUpload> ended;
  std::uint64_t unsynced_frames = 0;
  std::uint64_t unsynced_bytes = 0;
  std::uint64_t undelivered = 0;  // The first seq that is.
  std::uint64_t releases = 0;     // How often the spool was given room.
  bool finishing = false;
  bool stopping = false;
  std::optional<Error> error;        // It ended the archive.
  std::optional<Result<>> finished;  // What Finish() returns.
  ArchiveStatus status;
};

}  // namespace ocelli
