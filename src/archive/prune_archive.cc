#include <algorithm>
#include <set>
#include <utility>

#include "archive/archive_reader.h"
#include "archive/store_access.h"
#include "core/ordered_parallel.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

constexpr int kDeletesAtATime = 16;
constexpr std::size_t kBatch = 1000;

class Prune {
 public:
  Prune(ObjectStore& store, std::function<void(std::uint64_t)> progress,
        std::stop_token stop)
      : store_(store), progress_(std::move(progress)), stop_(std::move(stop)) {}

  Result<PruneReport> Run(std::chrono::system_clock::time_point before,
                          bool dry_run,
                          std::chrono::system_clock::time_point now) {
    auto pruned = ReadPrunedPart(store_, stop_);
    if (!pruned) return pruned.Failure();
    last_ = *pruned;
    auto segments = ListSegments(store_, stop_);
    if (!segments) return segments.Failure();
    segments_ = std::move(*segments);
    if (segments_.empty()) {
      return Fail(ErrorCode::kNotFound,
                  "no archive at " + store_.root() + ": it has no manifest");
    }
    if (auto done = MayPrune(before, now); !done) return done.Failure();
    if (auto done = Plan(before); !done) return done.Failure();
    report_.through = cut_;
    if (!cut_ || (last_ && last_->done && last_->through == *cut_)) {
      return report_;
    }
    next_.through = *cut_;
    next_.time = now;
    report_.kept_for_duplicates = kept_.size();
    // From here on readers expect nothing of what is deleted below.
    if (!dry_run) {
      if (auto done = WritePruned(); !done) return done.Failure();
    }
    if (auto done = DeleteObjects(dry_run); !done) return done.Failure();
    if (auto done = DeleteSegments(dry_run); !done) return done.Failure();
    next_.done = true;
    if (!dry_run) {
      if (auto done = WritePruned(); !done) return done.Failure();
    }
    return report_;
  }

 private:
  Result<> MayPrune(std::chrono::system_clock::time_point before,
                    std::chrono::system_clock::time_point now) {
    const auto last = ReadLastLine(store_, stop_);
    if (!last) return last.Failure();
    if (*last && !(*last)->end && before > now - kKeptOfRunning) {
      return Fail(ErrorCode::kFailedPrecondition,
                  store_.root() + " has no end yet: what is younger than " +
                      std::to_string(kKeptOfRunning.count()) +
                      " hours can't be pruned from it");
    }
    return {};
  }

  Result<> ReadLines(std::span<const std::uint64_t> first_seqs,
                     const std::function<Result<>(std::uint64_t first_seq,
                                                  const ManifestLine&)>& each) {
    return ReadSegments(
        store_, first_seqs,
        [&](std::uint64_t first_seq, const Result<std::string>& text) {
          if (!text) return Result<>(text.Failure());
          return ForEachLine(*text,
                             [&](std::size_t number, std::string_view stored,
                                 bool whole) -> Result<> {
                               const auto line = ParseLine(stored);
                               if (line && whole) return each(first_seq, *line);
                               return Fail(
                                   ErrorCode::kDataLoss,
                                   LineName(first_seq, number) + ": " +
                                       (line ? "the segment is cut off"
                                             : line.error().message) +
                                       "; ocelli archive verify tells more");
                             });
        },
        stop_);
  }

  // Finds up to where is pruned, where lines begin afterwards, and which
  // objects younger lines refer to.
  Result<> Plan(std::chrono::system_clock::time_point before) {
    std::uint64_t meant = 0;
    Digest chain = ChainStart();
    if (last_) {
      cut_ = last_->through;
      meant = last_->first_seq;
      chain = last_->chain;
    }
    const auto begin =
        std::lower_bound(segments_.begin(), segments_.end(), meant);
    bool cutting = true;
    std::optional<std::uint64_t> segment;
    return ReadLines(
        std::span(begin, segments_.end()),
        [&](std::uint64_t first_seq, const ManifestLine& line) -> Result<> {
          if (segment != first_seq) {
            segment = first_seq;
            // All lines before it are of pruned frames.
            if (cutting) {
              next_.first_seq = first_seq;
              next_.chain = chain;
            }
          }
          chain = line.chain;
          if (line.end) return {};
          const FrameRecord& frame = line.frame;
          cutting = cutting && ((last_ && frame.seq <= last_->through) ||
                                frame.time < before);
          if (cutting) {
            cut_ = frame.seq;
          } else if (cut_ && !line.dropped && line.key != FrameKey(frame)) {
            const auto owner = SeqOfFrameKey(line.key);
            if (!owner || *owner <= *cut_) kept_.insert(line.key);
          }
          return {};
        });
  }

  Result<> WritePruned() {
    const std::string text = FormatPrunedPart(next_);
    return TryAgain(stop_, [&] {
      const auto bytes = std::as_bytes(std::span(text));
      return store_.Put({std::string(kPrunedKey),
                         BytesOf({bytes.begin(), bytes.end()}), Sha256(text),
                         "application/json"});
    });
  }

  Result<> DeleteObjects(bool dry_run) {
    const auto end =
        std::upper_bound(segments_.begin(), segments_.end(), next_.through);
    auto read = ReadLines(
        std::span(segments_.begin(), end),
        [&](std::uint64_t /*first_seq*/, const ManifestLine& line) -> Result<> {
          if (!IsToDelete(line)) return {};
          ++report_.objects;
          report_.bytes += line.frame.bytes;
          if (dry_run) return {};
          batch_.push_back(line.key);
          return batch_.size() < kBatch ? Result<>() : DeleteBatch();
        });
    if (!read) return read;
    return DeleteBatch();
  }

  bool IsToDelete(const ManifestLine& line) {
    const FrameRecord& frame = line.frame;
    if (line.end || line.dropped || frame.seq > next_.through) return false;
    const bool is_new = !last_ || frame.seq > last_->through;
    if (is_new) ++report_.frames;
    // An earlier prune did it.
    if (!is_new && last_->done) return false;
    if (kept_.contains(line.key)) return false;
    if (line.key == FrameKey(frame)) return true;
    // The line of the object itself is gone where an earlier prune kept the
    // object for this line.
    const auto owner = SeqOfFrameKey(line.key);
    const bool has_line = owner && (!last_ || *owner > last_->through);
    return !has_line && shared_.insert(line.key).second;
  }

  Result<> DeleteBatch() {
    if (batch_.empty()) return {};
    Result<> result;
    std::stop_source ended;
    const std::stop_callback stopped(stop_, [&] { ended.request_stop(); });
    OrderedParallel(
        batch_.size(), kDeletesAtATime, batch_.size(), ended.get_token(),
        [&](std::size_t i) {
          return TryAgain(ended.get_token(), [&] {
            return store_.Delete(batch_[i], ended.get_token());
          });
        },
        [&](std::size_t /*i*/, const Result<>& deleted) {
          if (!deleted && result) {
            result = deleted;
            ended.request_stop();
          }
          if (deleted && progress_) progress_(++deleted_);
        });
    batch_.clear();
    return result && stop_.stop_requested() ? Stopped() : result;
  }

  Result<> DeleteSegments(bool dry_run) {
    for (const std::uint64_t first_seq : segments_) {
      if (first_seq >= next_.first_seq) break;
      ++report_.segments;
      if (dry_run) continue;
      if (stop_.stop_requested()) return Stopped();
      auto deleted = TryAgain(
          stop_, [&] { return store_.Delete(ManifestKey(first_seq), stop_); });
      if (!deleted) return deleted;
    }
    return {};
  }

  static Result<> Stopped() {
    return Fail(ErrorCode::kCancelled,
                "pruning: stopped; the next prune goes on");
  }

  ObjectStore& store_;
  const std::function<void(std::uint64_t)> progress_;
  const std::stop_token stop_;
  PruneReport report_;
  std::optional<PrunedPart> last_;  // As an earlier prune left it.
  PrunedPart next_;
  std::optional<std::uint64_t> cut_;  // The last seq to prune.
  std::vector<std::uint64_t> segments_;
  std::set<std::string> kept_;    // Objects that younger lines refer to.
  std::set<std::string> shared_;  // Deleted for a line that refers to it.
  std::vector<std::string> batch_;
  std::uint64_t deleted_ = 0;
};

}  // namespace

Result<PruneReport> PruneArchive(
    ObjectStore& store, std::chrono::system_clock::time_point before,
    bool dry_run, std::chrono::system_clock::time_point now,
    const std::function<void(std::uint64_t done)>& progress,
    std::stop_token stop) {
  return Prune(store, progress, std::move(stop)).Run(before, dry_run, now);
}

}  // namespace ocelli
