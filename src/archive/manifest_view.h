#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "archive/manifest.h"
#include "core/clock.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

struct ManifestViewOptions {
  std::size_t kept_lines = 50'000;  // Of segments, the ones used last.
  // An archive that grows is looked at again no sooner.
  std::chrono::milliseconds fresh{2000};
};

// The frames of a stored archive by their seqs: reads the segments that are
// asked for and keeps some. Lines are believed as ReadManifest() believes them.
// Every call may fail with the store's errors; kNotFound: there is no archive.
// Thread-safe.
class ManifestView {
 public:
  // Store and clock outlive it.
  explicit ManifestView(ObjectStore& store, ManifestViewOptions options = {},
                        const Clock& clock = SystemClock());

  struct Part {
    std::vector<ManifestLine> frames;
    bool more = false;  // After these, by the same step.
  };
  // The frames `from`, `from + step`, ..., of those that there are, dropped
  // ones too. step >= 1.
  Result<Part> Frames(std::uint64_t from, std::uint64_t step, std::size_t most,
                      const std::stop_token& stop);
  // kNotFound: there is none of this seq, or no more.
  Result<ManifestLine> Frame(std::uint64_t seq, const std::stop_token& stop);

  // None where the archive has no frame.
  struct Ends {
    std::optional<ManifestLine> first;
    std::optional<ManifestLine> last;
  };
  Result<Ends> FirstAndLast(const std::stop_token& stop);

 private:
  // Shared by readers: others may make it leave the list meanwhile.
  using Lines = std::shared_ptr<const std::vector<ManifestLine>>;
  using Time = std::chrono::steady_clock::time_point;

  struct Segment {
    std::uint64_t first_seq = 0;
    Lines lines;         // Of frames, growing seqs.
    bool whole = false;  // It was not the last one when it was read.
    Time read;
  };
  using Seqs = std::shared_ptr<const std::vector<std::uint64_t>>;

  Result<Seqs> FirstSeqs(const std::stop_token& stop);
  Result<Lines> LinesOf(const std::vector<std::uint64_t>& first_seqs,
                        std::size_t segment, const std::stop_token& stop);
  void Keep(Segment segment);

  ObjectStore& store_;
  const ManifestViewOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  // All guarded by mutex_.
  Seqs first_seqs_;
  Time listed_;
  std::list<Segment> kept_;  // Last used first.
};

}  // namespace ocelli
