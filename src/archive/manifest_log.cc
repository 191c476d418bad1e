#include "archive/manifest_log.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <ranges>
#include <string_view>
#include <utility>

#include "archive/manifest_lines.h"
#include "archive/numbered_file.h"
#include "core/file.h"

namespace ocelli {
namespace {

// Holds the first seq of the first segment that is not full and stored, twice,
// since it is not synced.
constexpr char kStoredName[] = "manifest.stored";

// Of 1000 lines of the longest kind, and runs without frames.
constexpr std::uint64_t kMaxSegmentBytes = 64 << 20;

struct Segment {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored = 0;  // Lines.
};
using Segments = std::map<std::uint64_t, Segment>;  // By their first seqs.

Result<std::string> ReadText(const SpoolFile& file, std::uint64_t bytes) {
  if (bytes > kMaxSegmentBytes) {
    return Fail(ErrorCode::kDataLoss,
                "it has " + std::to_string(bytes) + " bytes");
  }
  std::string text(static_cast<std::size_t>(bytes), '\0');
  auto count = file.Read(0, std::as_writable_bytes(std::span(text)));
  if (!count) return count.Failure();
  text.resize(*count);
  return text;
}

// Lines that are written and synced at once.
struct Batch {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::string text;
};

class DiskManifestLog final : public ManifestLog {
 public:
  DiskManifestLog(FileSystem& files, const std::optional<ManifestLine>& last)
      : files_(files), last_(last) {}

  Result<> Recover();

  std::optional<ManifestLine> last() const override {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  Result<> Append(std::span<ManifestLine> lines) override;
  Result<std::optional<ManifestSegment>> Unstored() override;
  Result<> SetStored(std::uint64_t first_seq, std::uint64_t lines) override;

 private:
  static std::string NameOf(std::uint64_t first_seq) {
    return NumberedName(first_seq, kManifestSuffix);
  }

  Result<> RecoverFile(Segments::iterator segment, bool is_last,
                       ManifestFollower& follower);
  Result<std::uint64_t> ReadStored();
  Result<> WriteStored(std::uint64_t first_seq);
  Result<> Write(const std::vector<Batch>& batches);
  void Undo(const std::vector<Batch>& batches);

  FileSystem& files_;

  std::mutex append_mutex_;
  // Guarded by append_mutex_.
  std::shared_ptr<SpoolFile> tail_;  // Of the last segment; shared with nobody.
  std::optional<Error> broken_;

  std::mutex stored_mutex_;
  std::uint64_t stored_before_ = 0;  // Guarded by stored_mutex_.

  mutable std::mutex mutex_;  // Never held while the disk works.
  // Guarded by mutex_.
  Segments segments_;
  std::optional<ManifestLine> last_;
};

Result<std::uint64_t> DiskManifestLog::ReadStored() {
  auto file = files_.Open(kStoredName);
  if (!file) return file.Failure();
  std::string text(25, '\0');
  auto count = (*file)->Read(0, std::as_writable_bytes(std::span(text)));
  if (!count) return count.Failure();
  const auto once = std::string_view(text).substr(0, 12);
  const auto number = NumberOfName(once, "");
  if (!number || once != std::string_view(text).substr(13)) return 0;
  return *number;
}

Result<> DiskManifestLog::WriteStored(std::uint64_t first_seq) {
  auto file = files_.Open(kStoredName);
  if (!file) return file.Failure();
  const std::string text =
      NumberedName(first_seq, " ") + NumberedName(first_seq, "\n");
  return (*file)->Write(0, std::as_bytes(std::span(text)));
}

Result<> DiskManifestLog::Recover() {
  auto names = files_.List();
  if (!names) return names.Failure();
  for (const std::string& name : *names) {
    if (const auto seq = NumberOfName(name, kManifestSuffix)) {
      segments_.emplace(*seq, Segment());
    }
  }
  if (segments_.empty()) return {};
  auto stored = ReadStored();
  if (!stored) return stored.Failure();
  stored_before_ = *stored;

  // What is stored was checked when it was written. One file more, for the
  // chain and because the last one may be cut to nothing.
  auto from = segments_.lower_bound(stored_before_);
  if (from == segments_.end()) --from;
  if (from != segments_.begin()) --from;
  for (auto old = segments_.begin(); old != from; ++old) {
    old->second = {.lines = kSegmentLines, .bytes = 0, .stored = kSegmentLines};
  }
  ManifestFollower follower;
  for (auto segment = from; segment != segments_.end();) {
    const auto next = std::next(segment);
    auto done = RecoverFile(segment, next == segments_.end(), follower);
    if (!done) return done;
    segment = next;
  }
  if (follower.last()) last_ = follower.last();
  return files_.SyncFolder();
}

Result<> DiskManifestLog::RecoverFile(Segments::iterator segment, bool is_last,
                                      ManifestFollower& follower) {
  const std::string name = NameOf(segment->first);
  auto file = files_.Open(name);
  if (!file) return file.Failure();
  auto size = (*file)->Size();
  if (!size) return size.Failure();
  auto text = ReadText(**file, *size);
  if (!text) return text.Failure("reading " + files_.PathOf(name));
  auto whole = follower.Follow(*text, is_last, files_.PathOf(name),
                               [](const ManifestLine&) { return Result<>(); });
  if (!whole) return whole.Failure();
  if (whole->lines == 0) {
    segments_.erase(segment);
    return files_.Remove(name);
  }
  segment->second = {.lines = whole->lines, .bytes = whole->bytes, .stored = 0};
  if (!is_last) {
    if (segment->first < stored_before_) segment->second.stored = whole->lines;
    return {};
  }
  Result<> done;
  if (whole->bytes < *size) done = (*file)->Truncate(whole->bytes);
  // Also what a killed process did not get to.
  if (done) done = (*file)->Sync();
  tail_ = *std::move(file);
  return done;
}

Result<> DiskManifestLog::Append(std::span<ManifestLine> lines) {
  const std::lock_guard appending(append_mutex_);
  if (broken_) return Fail(broken_->code, broken_->message);
  if (lines.empty()) return {};
  Segments segments;  // Those that change: the last, and new ones.
  std::optional<ManifestLine> before;
  {
    const std::lock_guard lock(mutex_);
    before = last_;
    if (!segments_.empty()) segments.insert(*segments_.rbegin());
  }
  std::vector<Batch> batches;
  for (ManifestLine& line : lines) {
    const std::uint64_t seq = line.frame.seq;
    if (before && seq != SeqAfter(*before)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "manifest: line of seq " + std::to_string(seq) +
                      " instead of " + std::to_string(SeqAfter(*before)));
    }
    const std::string text =
        FormatLine(line, before ? before->chain : ChainStart()) + "\n";
    before = line;
    // Only runs without a frame can have more lines and one seq.
    if (segments.empty() || (segments.rbegin()->second.lines >= kSegmentLines &&
                             segments.rbegin()->first < seq)) {
      segments.emplace(seq, Segment());
    }
    auto& [first, segment] = *segments.rbegin();
    if (batches.empty() || batches.back().segment != first ||
        batches.back().text.size() + text.size() > kManifestBatchBytes) {
      batches.push_back({first, segment.bytes, ""});
    }
    batches.back().text += text;
    segment.bytes += text.size();
    ++segment.lines;
  }
  if (auto written = Write(batches); !written) {
    return written.Failure("writing the manifest");
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [first, segment] : segments) {
    // SetStored() may have been called meanwhile.
    Segment& known = segments_[first];
    known.lines = segment.lines;
    known.bytes = segment.bytes;
  }
  last_ = std::move(before);
  return {};
}

// Each batch is synced before the next: so only the last file can be torn, and
// no more of it than a batch.
Result<> DiskManifestLog::Write(const std::vector<Batch>& batches) {
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const Batch& batch = batches[i];
    const bool is_new = batch.offset == 0;
    Result<> done;
    if (is_new || !tail_) {
      auto file = files_.Open(NameOf(batch.segment));
      if (!file) done = file.Failure();
      if (file) tail_ = *std::move(file);
    }
    if (done) {
      done = tail_->Write(batch.offset, std::as_bytes(std::span(batch.text)));
    }
    if (!done) {
      Undo({batches.begin(), batches.begin() + std::ptrdiff_t(i) + 1});
      return done;
    }
    done = tail_->Sync();
    if (done && is_new) done = files_.SyncFolder();
    if (!done) {
      broken_ = done.error();
      return done;
    }
  }
  return {};
}

void DiskManifestLog::Undo(const std::vector<Batch>& batches) {
  tail_.reset();
  Result<> done;
  for (const Batch& batch : std::views::reverse(batches)) {
    if (batch.offset == 0) {
      done = files_.Remove(NameOf(batch.segment));
      if (!done && done.error().code == ErrorCode::kNotFound) done = {};
      if (done) done = files_.SyncFolder();
    } else {
      auto file = files_.Open(NameOf(batch.segment));
      if (!file) done = file.Failure();
      if (done) done = (*file)->Truncate(batch.offset);
      if (done) done = (*file)->Sync();
    }
    if (!done) {
      broken_ = done.error();
      return;
    }
  }
}

Result<std::optional<ManifestSegment>> DiskManifestLog::Unstored() {
  std::optional<ManifestSegment> found;
  std::uint64_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [first, segment] : segments_) {
      if (segment.stored >= segment.lines) continue;
      found = {.first_seq = first, .text = "", .lines = segment.lines};
      bytes = segment.bytes;
      break;
    }
  }
  if (!found) return found;
  const std::string doing =
      "reading " + files_.PathOf(NameOf(found->first_seq));
  auto file = files_.Open(NameOf(found->first_seq));
  if (!file) return file.Failure(doing);
  auto text = ReadText(**file, bytes);
  if (!text) return text.Failure(doing);
  if (text->size() != bytes) {
    return Fail(ErrorCode::kDataLoss,
                doing + ": it ends after " + std::to_string(text->size()) +
                    " of " + std::to_string(bytes) + " bytes");
  }
  found->text = *std::move(text);
  return found;
}

Result<> DiskManifestLog::SetStored(std::uint64_t first_seq,
                                    std::uint64_t lines) {
  const std::lock_guard storing(stored_mutex_);
  std::uint64_t stored_before = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = segments_.find(first_seq);
    if (found == segments_.end()) return {};
    found->second.stored = std::min(lines, found->second.lines);
    const auto first = std::find_if(
        segments_.begin(), std::prev(segments_.end()), [](const auto& entry) {
          return entry.second.stored < entry.second.lines;
        });
    stored_before = first->first;
  }
  if (stored_before > stored_before_) {
    auto written = WriteStored(stored_before);
    if (!written) return written.Failure("noting what is stored");
    stored_before_ = stored_before;
  }
  for (;;) {
    std::uint64_t oldest = 0;
    {
      const std::lock_guard lock(mutex_);
      if (segments_.size() <= kKeptSegments) return {};
      oldest = segments_.begin()->first;
      if (oldest >= stored_before) return {};
    }
    auto removed = files_.Remove(NameOf(oldest));
    if (!removed && removed.error().code != ErrorCode::kNotFound) {
      return removed.Failure("deleting stored lines");
    }
    const std::lock_guard lock(mutex_);
    segments_.erase(oldest);
  }
}

}  // namespace

Result<std::unique_ptr<ManifestLog>> ManifestLog::Open(
    FileSystem& files, const std::optional<ManifestLine>& last) {
  auto log = std::make_unique<DiskManifestLog>(files, last);
  if (auto recovered = log->Recover(); !recovered) {
    return recovered.Failure("opening the manifest");
  }
  return log;
}

Result<> ReadLocalLines(
    const std::string& folder,
    const std::function<Result<>(const ManifestLine&)>& each) {
  namespace fs = std::filesystem;
  const std::string doing = "reading the manifest in " + folder;
  std::map<std::uint64_t, fs::path> paths;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const auto seq =
        NumberOfName(entry->path().filename().string(), kManifestSuffix);
    if (seq) paths.emplace(*seq, entry->path());
  }
  if (error) return FailWithErrno(doing, error.value());

  ManifestFollower follower;
  for (auto path = paths.begin(); path != paths.end(); ++path) {
    auto bytes = ReadFileLimited(path->second, kMaxSegmentBytes);
    if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
      follower.Forget();  // Stored and deleted meanwhile.
      continue;
    }
    if (!bytes) return bytes.Failure(doing);
    const std::string_view text(reinterpret_cast<const char*>(bytes->data()),
                                bytes->size());
    auto done = follower.Follow(text, std::next(path) == paths.end(),
                                path->second.string(), each);
    if (!done) return done.Failure();
  }
  return {};
}

}  // namespace ocelli
