#include "archive/spool.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/spool_record.h"
#include "archive/spool_recovery.h"

namespace ocelli {
namespace {

class DiskSpool final : public Spool {
 public:
  DiskSpool(FileSystem& files, const SpoolOptions& options,
            RecoveredSpool recovered)
      : files_(files),
        max_bytes_(options.max_bytes),
        segment_bytes_(std::min(options.segment_bytes, options.max_bytes / 16)),
        recovered_end_(recovered.next_seq),
        segments_(std::move(recovered.segments)),
        next_seq_(recovered.next_seq),
        synced_(recovered.next_seq),
        given_(recovered.first_seq),
        released_(recovered.first_seq) {
    for (const auto& [first, segment] : segments_) bytes_ += segment.bytes;
  }

  ~DiskSpool() override {
    // Where everything is stored, nothing stays. A file that does is removed
    // when the spool is opened again.
    if (released_ != next_seq_) return;
    for (const auto& [first, segment] : segments_) {
      static_cast<void>(files_.Remove(segment.NameFor(first)));
    }
  }

  std::uint64_t next_seq() const override {
    const std::lock_guard lock(mutex_);
    return next_seq_;
  }

  std::uint64_t bytes() const override {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

  std::uint64_t waiting() const override {
    const std::lock_guard lock(mutex_);
    return next_seq_ - given_;
  }

  Result<> Append(const FrameRecord& record,
                  std::span<const std::byte> picture) override;
  Result<> Sync() override;
  Result<std::optional<SpooledFrame>> Next() override;
  Result<std::uint64_t> DropOldest() override;
  Result<> Release(std::uint64_t seq) override;

 private:
  using Segments = std::map<std::uint64_t, SpoolSegment>;

  // Where Next() reads on.
  struct Cursor {
    std::uint64_t segment = 0;
    std::shared_ptr<SpoolFile> file;  // Shared with the frames given.
    std::uint64_t offset = 0;
  };

  std::string NameOf(Segments::const_iterator segment) const {
    return segment->second.NameFor(segment->first);
  }
  // The seq behind the segment's last. mutex_ is held.
  std::uint64_t EndOf(Segments::const_iterator segment) const {
    const auto next = std::next(segment);
    return next == segments_.end() ? next_seq_ : next->first;
  }

  void Break(Error error) {
    error.message += "; what was not synced before may be lost";
    const std::lock_guard lock(mutex_);
    broken_ = std::move(error);
  }
  Result<> StartSegment(std::uint64_t seq);
  Result<std::optional<FoundHead>> FindExpected(Cursor& cursor,
                                                std::uint64_t seq);
  SpooledFrame DamagedHead(std::uint64_t seq,
                           const std::optional<FoundHead>& after) const;
  Result<SpooledFrame> Give(const Cursor& cursor, const FoundHead& found) const;
  Result<std::uint64_t> WriteHeads(const std::string& name, SpoolSpan span,
                                   SpoolFile& to);
  Result<> RemoveUseless();

  FileSystem& files_;
  const std::uint64_t max_bytes_;
  const std::uint64_t segment_bytes_;
  // Frames before it are those of a former process: nobody has their pictures'
  // digests computed here, so Next() does.
  const std::uint64_t recovered_end_;

  // Taken in this order, each around work on the disk; never within mutex_.
  std::mutex read_mutex_;    // Next, DropOldest.
  std::mutex append_mutex_;  // Append.
  std::mutex sync_mutex_;    // Sync.
  std::mutex remove_mutex_;  // Release.

  // Guarded by append_mutex_: the segment that grows, none after a full one.
  std::shared_ptr<SpoolFile> tail_;
  std::uint64_t tail_size_ = 0;

  // Guarded by read_mutex_.
  FrameRecord last_given_;

  mutable std::mutex mutex_;
  // Guarded by mutex_, by their first seqs.
  Segments segments_;
  std::uint64_t tail_segment_ = 0;
  bool has_tail_ = false;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_seq_ = 0;
  std::uint64_t synced_ = 0;    // Frames before it are.
  std::uint64_t given_ = 0;     // By Next(), those before it.
  std::uint64_t released_ = 0;  // Those before it.
  // Written since the last Sync(), oldest first; a file not synced yet is kept
  // open, also for its frames that were given.
  std::vector<std::shared_ptr<SpoolFile>> unsynced_;
  bool folder_changed_ = false;
  // After a failed sync nobody knows what is on disk: nothing is written any
  // more.
  std::optional<Error> broken_;
  Cursor cursor_;
  // Files without a use, and their sizes.
  std::vector<std::pair<std::string, std::uint64_t>> useless_;
};

Result<> DiskSpool::StartSegment(std::uint64_t seq) {
  auto file = files_.Open(SpoolSegment().NameFor(seq));
  if (!file) return file.Failure();
  tail_ = *std::move(file);
  tail_size_ = 0;
  const std::lock_guard lock(mutex_);
  segments_.emplace(seq, SpoolSegment());
  tail_segment_ = seq;
  has_tail_ = true;
  folder_changed_ = true;
  return {};
}

Result<> DiskSpool::Append(const FrameRecord& record,
                           std::span<const std::byte> picture) {
  const std::lock_guard appending(append_mutex_);
  SpoolHead head{.record = record};
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return Fail(broken_->code, broken_->message);
    if (record.seq != next_seq_ || record.bytes != picture.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "spooling frame " + std::to_string(record.seq) + " of " +
                      std::to_string(record.bytes) + " bytes: the next is " +
                      std::to_string(next_seq_) + ", and the picture has " +
                      std::to_string(picture.size()) + " bytes");
    }
    if (bytes_ + head.size() > max_bytes_) {
      return Fail(ErrorCode::kResourceExhausted,
                  "spooling frame " + std::to_string(record.seq) +
                      ": the spool is full: " + files_.PathOf("") + " has " +
                      std::to_string(bytes_) + " of at most " +
                      std::to_string(max_bytes_) + " bytes, and the frame " +
                      std::to_string(head.size()));
    }
    head.synced_before = synced_;
  }
  if (!tail_) {
    if (auto started = StartSegment(record.seq); !started) {
      return started.Failure("spooling frame " + std::to_string(record.seq));
    }
  }
  // The head last: without it nothing is here.
  auto written = tail_->Write(tail_size_ + kSpoolHeadBytes, picture);
  if (written) written = tail_->Write(tail_size_, EncodeHead(head));
  if (!written) {
    // Synced, or a power cut could bring it back instead of the next.
    auto undone = tail_->Truncate(tail_size_);
    if (undone) undone = tail_->Sync();
    if (!undone) Break(undone.error());
    return written.Failure("spooling frame " + std::to_string(record.seq));
  }
  tail_size_ += head.size();

  const std::lock_guard lock(mutex_);
  if (unsynced_.empty() || unsynced_.back() != tail_) {
    unsynced_.push_back(tail_);
  }
  segments_.at(tail_segment_).bytes = tail_size_;
  bytes_ += head.size();
  ++next_seq_;
  if (tail_size_ >= segment_bytes_) {
    tail_.reset();
    has_tail_ = false;
  }
  return {};
}

Result<> DiskSpool::Sync() {
  const std::lock_guard syncing(sync_mutex_);
  std::vector<std::shared_ptr<SpoolFile>> files;
  bool folder_changed = false;
  std::uint64_t through = 0;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return Fail(broken_->code, broken_->message);
    if (synced_ == next_seq_) return {};
    through = next_seq_;
    files.swap(unsynced_);
    folder_changed = std::exchange(folder_changed_, false);
  }
  Result<> result;
  for (const auto& file : files) {
    if (result) result = file->Sync();
  }
  if (result && folder_changed) result = files_.SyncFolder();

  if (!result) {
    Break(result.error());
    return result;
  }
  const std::lock_guard lock(mutex_);
  synced_ = through;
  return {};
}

// Moves the cursor to the frame, or to the first one behind it that is there:
// that is returned too.
Result<std::optional<FoundHead>> DiskSpool::FindExpected(Cursor& cursor,
                                                         std::uint64_t seq) {
  for (std::uint64_t in = seq;;) {
    SpoolSpan span;
    std::string name;
    {
      const std::lock_guard lock(mutex_);
      auto segment = segments_.upper_bound(in);
      if (segment != segments_.begin()) --segment;
      if (segment == segments_.end()) return std::nullopt;
      // Never back: it is further on where frames are missing.
      const auto kept =
          cursor.file ? segments_.find(cursor.segment) : segments_.end();
      if (kept != segments_.end() && kept->first >= segment->first) {
        segment = kept;
      } else {
        cursor = {.segment = segment->first, .file = nullptr, .offset = 0};
      }
      in = EndOf(segment);
      span = {.offset = cursor.offset,
              .end_offset = segment->second.bytes,
              .first_seq = seq,
              .end_seq = in};
      name = NameOf(segment);
    }
    if (!cursor.file) {
      auto file = files_.Open(name);
      if (!file) return file.Failure();
      cursor.file = *std::move(file);
    }
    auto found = FindHead(*cursor.file, span);
    if (!found) return found.Failure();
    if (*found) {
      cursor.offset = (*found)->offset;
      return found;
    }
    cursor.offset = span.end_offset;
    const std::lock_guard lock(mutex_);
    if (in >= next_seq_) return std::nullopt;
  }
}

SpooledFrame DiskSpool::DamagedHead(
    std::uint64_t seq, const std::optional<FoundHead>& after) const {
  SpooledFrame frame;
  frame.record = after ? after->head.record : last_given_;
  frame.record.seq = seq;
  frame.record.width = frame.record.height = 0;
  frame.record.digest = {};
  frame.record.bytes = 0;
  frame.dropped = true;
  frame.damage = "spooled frame " + std::to_string(seq) + " below " +
                 files_.PathOf("") + " is missing or its head is damaged";
  return frame;
}

Result<SpooledFrame> DiskSpool::Give(const Cursor& cursor,
                                     const FoundHead& found) const {
  SpooledFrame frame;
  frame.record = found.head.record;
  frame.dropped = found.head.dropped;
  if (frame.dropped) return frame;
  if (frame.record.seq < recovered_end_) {
    auto damage = DamageOf(*cursor.file, found);
    if (!damage) return damage.Failure();
    if (!damage->empty()) {
      frame.dropped = true;
      frame.damage = "spooled frame " + std::to_string(frame.record.seq) +
                     " below " + files_.PathOf("") + " is damaged: " + *damage;
      return frame;
    }
  }
  frame.body.size = frame.record.bytes;
  frame.body.read = [file = cursor.file, begin = found.offset + kSpoolHeadBytes,
                     size = frame.record.bytes](
                        std::uint64_t offset,
                        std::span<std::byte> into) -> Result<std::size_t> {
    if (offset >= size) return 0;
    const auto count = std::min<std::uint64_t>(into.size(), size - offset);
    return file->Read(begin + offset,
                      into.first(static_cast<std::size_t>(count)));
  };
  return frame;
}

Result<std::optional<SpooledFrame>> DiskSpool::Next() {
  const std::lock_guard reading(read_mutex_);
  Cursor cursor;
  std::uint64_t seq = 0;
  {
    const std::lock_guard lock(mutex_);
    if (given_ >= synced_) return std::nullopt;
    seq = given_;
    cursor = cursor_;
  }
  const std::string doing = "reading spooled frame " + std::to_string(seq);
  auto found = FindExpected(cursor, seq);
  if (!found) return found.Failure(doing);
  std::optional<SpooledFrame> frame;
  if (*found && (*found)->head.record.seq == seq) {
    auto given = Give(cursor, **found);
    if (!given) return given.Failure(doing);
    frame = *std::move(given);
    cursor.offset = (*found)->end();
  } else {
    frame = DamagedHead(seq, *found);
  }
  last_given_ = frame->record;

  const std::lock_guard lock(mutex_);
  given_ = std::max(given_, seq + 1);
  // Release() may have removed it meanwhile.
  cursor_ = segments_.contains(cursor.segment) ? std::move(cursor) : Cursor();
  return frame;
}

// The heads in the span as those of dropped frames; their size.
Result<std::uint64_t> DiskSpool::WriteHeads(const std::string& name,
                                            SpoolSpan span, SpoolFile& to) {
  auto from = files_.Open(name);
  if (!from) return from.Failure();
  auto emptied = to.Truncate(0);
  if (!emptied) return emptied.Failure();
  std::uint64_t size = 0;
  for (;;) {
    auto found = FindHead(**from, span);
    if (!found) return found.Failure();
    if (!*found) return size;
    span.offset = (*found)->end();
    SpoolHead head = (*found)->head;
    head.dropped = true;
    auto written = to.Write(size, EncodeHead(head));
    if (!written) return written.Failure();
    size += kSpoolHeadBytes;
  }
}

Result<std::uint64_t> DiskSpool::DropOldest() {
  constexpr std::string_view kDoing = "dropping spooled frames";
  if (auto synced = Sync(); !synced) return synced.Failure(kDoing);
  const std::lock_guard reading(read_mutex_);
  std::uint64_t first = 0;
  std::string name;
  SpoolSpan span;
  {
    const std::lock_guard lock(mutex_);
    auto segment = segments_.lower_bound(given_);
    while (segment != segments_.end() && segment->second.dropped) ++segment;
    if (segment == segments_.end() || EndOf(segment) > synced_ ||
        (has_tail_ && segment->first == tail_segment_)) {
      return 0;
    }
    first = segment->first;
    name = NameOf(segment);
    span = {.offset = 0,
            .end_offset = segment->second.bytes,
            .first_seq = first,
            .end_seq = EndOf(segment)};
  }
  const std::string unfinished = UnfinishedSegmentName(first);
  SpoolSegment dropped{.dropped = true, .bytes = 0};
  const auto replace = [&]() -> Result<> {
    auto file = files_.Open(unfinished);
    if (!file) return file.Failure();
    auto size = WriteHeads(name, span, **file);
    if (!size) return size.Failure();
    dropped.bytes = *size;
    auto done = (*file)->Sync();
    if (done) done = files_.Rename(unfinished, dropped.NameFor(first));
    if (done) done = files_.SyncFolder();
    return done;
  };
  if (auto replaced = replace(); !replaced) {
    // A spool that is opened would take the second for done.
    static_cast<void>(files_.Remove(unfinished));
    static_cast<void>(files_.Remove(dropped.NameFor(first)));
    return replaced.Failure(kDoing);
  }
  {
    const std::lock_guard lock(mutex_);
    const auto segment = segments_.find(first);
    if (segment == segments_.end()) return 0;  // Released meanwhile.
    useless_.emplace_back(name, segment->second.bytes);
    segment->second = dropped;
    bytes_ += dropped.bytes;
    if (cursor_.segment == first) cursor_ = {};
  }
  if (auto removed = RemoveUseless(); !removed) return removed.Failure(kDoing);
  return span.end_seq - first;
}

Result<> DiskSpool::Release(std::uint64_t seq) {
  {
    const std::lock_guard lock(mutex_);
    released_ = std::max(released_, std::min(seq + 1, next_seq_));
    given_ = std::max(given_, released_);
    while (!segments_.empty()) {
      const auto segment = segments_.begin();
      if (EndOf(segment) > released_ ||
          (has_tail_ && segment->first == tail_segment_)) {
        break;
      }
      if (cursor_.segment == segment->first) cursor_ = {};
      useless_.emplace_back(NameOf(segment), segment->second.bytes);
      segments_.erase(segment);
    }
  }
  auto removed = RemoveUseless();
  if (!removed) return removed.Failure("releasing spooled frames");
  return {};
}

Result<> DiskSpool::RemoveUseless() {
  const std::lock_guard removing(remove_mutex_);
  for (;;) {
    std::pair<std::string, std::uint64_t> file;
    {
      const std::lock_guard lock(mutex_);
      if (useless_.empty()) return {};
      file = useless_.front();
    }
    auto removed = files_.Remove(file.first);
    if (!removed && removed.error().code != ErrorCode::kNotFound) {
      return removed;
    }
    const std::lock_guard lock(mutex_);
    useless_.erase(useless_.begin());
    bytes_ -= file.second;
  }
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::Open(
    FileSystem& files, const SpoolOptions& options,
    std::optional<std::uint64_t> released_through) {
  auto recovered = RecoverSpool(files, released_through);
  if (!recovered) {
    return recovered.Failure("opening the spool " + files.PathOf(""));
  }
  return std::make_unique<DiskSpool>(files, options, *std::move(recovered));
}

}  // namespace ocelli
