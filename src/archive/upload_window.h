#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/manifest.h"
#include "archive/spool.h"
#include "store/object_store.h"

namespace ocelli {

struct UploadWindowOptions {
  int tries = 30;
  std::chrono::milliseconds first_wait{200};
  std::chrono::milliseconds last_wait{30'000};
  std::chrono::minutes duplicates_within{60};
  std::uint64_t seed = 1;
};

// Frames from the spool to the manifest: which is to be uploaded next, and
// which may be delivered because all before it are. Equal frames are uploaded
// once. Not thread-safe.
class UploadWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  UploadWindow(const UploadWindowOptions& options, std::uint64_t next_seq);

  std::uint64_t next_seq() const { return first_seq_ + entries_.size(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t uploading() const { return uploading_; }

  // The frame of next_seq().
  void Push(SpooledFrame frame);

  // Frames that may be begun now.
  std::size_t ready() const { return ready_.size(); }
  // Frames that wait for another try.
  std::size_t sleeping() const { return sleeping_.size(); }
  // Makes those ready whose wait is over by `now`.
  void Advance(Time now);
  // When the next one's is.
  std::optional<Time> NextReady() const;
  // The store is back: waits end, but for what it asked for.
  void WakeAll();
  void WakeFirst();  // Only the one that would be next.

  // The first of the ready ones, which counts as a try.
  struct Upload {
    std::uint64_t seq;
    PutRequest request;
  };
  std::optional<Upload> Begin();

  void Stored(std::uint64_t seq);
  // False: its tries are used up; it waits for another all the same.
  bool Failed(std::uint64_t seq, Time now,
              std::chrono::milliseconds retry_after);
  // As if it had not been tried.
  void Returned(std::uint64_t seq);
  // The spool has it no more: it becomes a dropped one.
  void Lost(std::uint64_t seq);
  int AttemptsOf(std::uint64_t seq) const;
  const FrameRecord& RecordOf(std::uint64_t seq) const;
  const ByteSource& BodyOf(std::uint64_t seq) const;

  // Lines of the first frames, so far as they are done, without chains.
  std::vector<ManifestLine> Deliverable() const;
  void Delivered(std::size_t count);

 private:
  enum class State { kReady, kSleeping, kUploading, kRefers, kDone, kDropped };
  struct Entry {
    FrameRecord record;
    ByteSource body;
    State state = State::kReady;
    int attempts = 0;
    Time wake;       // While it sleeps.
    Time not_until;  // The store asked for it.
    std::string key;
    std::uint64_t refers_to = 0;  // The frame whose object is its own too.
  };
  struct Original {
    Digest digest;
    std::uint64_t seq = 0;
    std::chrono::system_clock::time_point time;
    std::string key;
  };

  Entry& At(std::uint64_t seq) {
    return entries_[static_cast<std::size_t>(seq - first_seq_)];
  }
  const Entry& At(std::uint64_t seq) const {
    return entries_[static_cast<std::size_t>(seq - first_seq_)];
  }
  void MakeReady(std::uint64_t seq);
  void MakeOriginal(std::uint64_t seq);
  void Settle(std::uint64_t seq, State state);
  const Original* OriginalOf(const FrameRecord& record);

  UploadWindowOptions options_;
  std::mt19937_64 random_;
  std::uint64_t first_seq_;  // Of entries_.
  std::deque<Entry> entries_;
  std::size_t uploading_ = 0;
  std::size_t referring_ = 0;
  std::set<std::uint64_t> ready_;
  std::set<std::pair<Time, std::uint64_t>> sleeping_;
  std::list<Original> originals_;  // The last one used in front.
  std::unordered_map<Digest, std::list<Original>::iterator> by_digest_;
};

}  // namespace ocelli
