#include "archive/spool_recovery.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "archive/numbered_file.h"
#include "archive/spool_record.h"

namespace ocelli {
namespace {

constexpr std::string_view kFrames = ".frames";
constexpr std::string_view kDropped = ".dropped";
constexpr std::string_view kUnfinished = ".dropped.tmp";

class Recovery {
 public:
  Recovery(FileSystem& files, std::optional<std::uint64_t> released_through)
      : files_(files),
        first_seq_(released_through ? *released_through + 1 : 0),
        next_seq_(first_seq_) {}

  Result<RecoveredSpool> Run() {
    Result<> done = FindSegments();
    if (done) done = RemoveReleased();
    if (done) done = FindSynced();
    if (done) done = FollowToTheEnd();
    // Also what a killed process did not get to.
    if (done) done = files_.SyncFolder();
    if (!done) return done.Failure();
    return RecoveredSpool{std::move(segments_), first_seq_, next_seq_};
  }

 private:
  using Segments = std::map<std::uint64_t, SpoolSegment>;

  Result<std::shared_ptr<SpoolFile>> Open(Segments::const_iterator segment) {
    return files_.Open(segment->second.NameFor(segment->first));
  }

  // All of the segment's file from `offset` on.
  SpoolSpan SpanOf(Segments::const_iterator segment, std::uint64_t offset) {
    const auto next = std::next(segment);
    return {.offset = offset,
            .end_offset = segment->second.bytes,
            .first_seq = segment->first,
            .end_seq = next == segments_.end()
                           ? std::numeric_limits<std::uint64_t>::max()
                           : next->first};
  }

  Result<> FindSegments() {
    auto names = files_.List();
    if (!names) return names.Failure();
    for (const std::string& name : *names) {
      Result<> removed;
      if (const auto seq = NumberOfName(name, kFrames)) {
        segments_.try_emplace(*seq);
      } else if (NumberOfName(name, kUnfinished)) {
        removed = files_.Remove(name);
      }
      if (!removed) return removed;
    }
    for (const std::string& name : *names) {
      const auto seq = NumberOfName(name, kDropped);
      if (!seq) continue;
      const auto [segment, is_new] = segments_.try_emplace(*seq);
      // It was whole before it got its name, so the frames go.
      if (!is_new) {
        auto removed = files_.Remove(NumberedName(*seq, kFrames));
        if (!removed) return removed;
      }
      segment->second.dropped = true;
    }
    for (auto segment = segments_.begin(); segment != segments_.end();
         ++segment) {
      auto file = Open(segment);
      if (!file) return file.Failure();
      auto size = (*file)->Size();
      if (!size) return size.Failure();
      segment->second.bytes = *size;
    }
    return {};
  }

  Result<> Remove(Segments::iterator segment) {
    auto removed = files_.Remove(segment->second.NameFor(segment->first));
    if (removed) segments_.erase(segment);
    return removed;
  }

  Result<> RemoveReleased() {
    while (segments_.size() > 1 &&
           std::next(segments_.begin())->first <= first_seq_) {
      auto removed = Remove(segments_.begin());
      if (!removed) return removed;
    }
    return {};
  }

  // next_seq_: as far as heads know of frames synced before them. from_: the
  // segment of the first frame that may not have been.
  Result<> FindSynced() {
    from_ = segments_.end();
    while (from_ != segments_.begin()) {
      --from_;
      auto file = Open(from_);
      if (!file) return file.Failure();
      for (SpoolSpan span = SpanOf(from_, 0);;) {
        auto found = FindHead(**file, span);
        if (!found) return found.Failure();
        if (!*found) break;
        const SpoolHead& head = (*found)->head;
        next_seq_ =
            std::max(next_seq_, std::min(head.synced_before, head.record.seq));
        span.offset = (*found)->end();
      }
      if (next_seq_ >= from_->first) break;
    }
    return {};
  }

  // Up to the first frame that is missing or torn; nothing behind it stays.
  Result<> FollowToTheEnd() {
    for (auto segment = from_; segment != segments_.end();) {
      const auto next = std::next(segment);
      auto file = Open(segment);
      if (!file) return file.Failure();
      auto end = FollowSegment(**file, segment);
      if (!end) return end.Failure();
      Result<> done;
      if (*end == 0) {
        done = Remove(segment);
      } else {
        if (*end < segment->second.bytes) done = (*file)->Truncate(*end);
        segment->second.bytes = *end;
        if (done) done = (*file)->Sync();
      }
      if (!done) return done;
      segment = next;
    }
    return {};
  }

  // Where the last of its frames that count ends. Of a segment behind one that
  // is cut none does, as none of its frames is the next.
  Result<std::uint64_t> FollowSegment(const SpoolFile& file,
                                      Segments::const_iterator segment) {
    std::uint64_t end = 0;
    for (SpoolSpan span = SpanOf(segment, 0);;) {
      auto found = FindHead(file, span);
      if (!found) return found.Failure();
      if (!*found || (*found)->head.record.seq > next_seq_) return end;
      if ((*found)->head.record.seq == next_seq_) {
        auto damage = DamageOf(file, **found);
        if (!damage) return damage.Failure();
        if (!damage->empty()) return end;
        ++next_seq_;
      }
      span.offset = end = std::min((*found)->end(), span.end_offset);
    }
  }

  FileSystem& files_;
  const std::uint64_t first_seq_;
  std::uint64_t next_seq_;
  Segments segments_;
  Segments::iterator from_;
};

}  // namespace

std::string SpoolSegment::NameFor(std::uint64_t first_seq) const {
  return NumberedName(first_seq, dropped ? kDropped : kFrames);
}

std::string UnfinishedSegmentName(std::uint64_t first_seq) {
  return NumberedName(first_seq, kUnfinished);
}

Result<RecoveredSpool> RecoverSpool(
    FileSystem& files, std::optional<std::uint64_t> released_through) {
  return Recovery(files, released_through).Run();
}

}  // namespace ocelli
