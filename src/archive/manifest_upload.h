#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include "archive/manifest_log.h"
#include "archive/upload_window.h"
#include "store/object_store.h"

namespace ocelli {

// When which part of a manifest is stored: one after the other, so that an old
// one never replaces a newer. Not thread-safe.
class ManifestUpload {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ManifestUpload(ManifestLog& log, std::chrono::milliseconds every,
                 const UploadWindowOptions& retries);

  void Grew(Time now);   // There are lines that are not stored.
  void Hurry(Time now);  // What there is, without waiting for more.
  void WakeUp();         // The store is back.
  bool under_way() const { return under_way_; }
  bool is_stored() const { return !grown_ && !under_way_; }
  int failures() const { return attempts_; }  // Of what is to be stored.

  std::optional<Time> NextDue() const;
  // What to store now; none: nothing. It counts as under way.
  Result<std::optional<PutRequest>> Begin(Time now);
  Result<> Stored(Time now);
  // False: its tries are used up; it waits for another all the same.
  bool Failed(Time now, std::chrono::milliseconds retry_after);

 private:
  ManifestLog& log_;
  const std::chrono::milliseconds every_;
  const UploadWindowOptions retries_;
  std::mt19937_64 random_;
  bool grown_ = false;
  bool under_way_ = false;
  int attempts_ = 0;
  Time due_;
  Time began_;
  Time not_until_;  // The store asked for it.
  // Of what is under way.
  std::uint64_t first_seq_ = 0;
  std::uint64_t lines_ = 0;
};

}  // namespace ocelli
