#include "archive/upload_window.h"

#include <algorithm>
#include <utility>

#include "archive/archiver.h"

namespace ocelli {
namespace {

constexpr std::size_t kMostOriginals = 4096;
constexpr std::size_t kMostDelivered = 1000;

}  // namespace

UploadWindow::UploadWindow(const UploadWindowOptions& options,
                           std::uint64_t next_seq)
    : options_(options), random_(options.seed), first_seq_(next_seq) {}

const UploadWindow::Original* UploadWindow::OriginalOf(
    const FrameRecord& record) {
  const auto found = by_digest_.find(record.digest);
  if (found == by_digest_.end()) return nullptr;
  const auto apart = record.time - found->second->time;
  if (apart > options_.duplicates_within ||
      -apart > options_.duplicates_within) {
    return nullptr;
  }
  originals_.splice(originals_.begin(), originals_, found->second);
  return &*found->second;
}

void UploadWindow::MakeOriginal(std::uint64_t seq) {
  Entry& entry = At(seq);
  entry.key = FrameKey(entry.record);
  if (const auto found = by_digest_.find(entry.record.digest);
      found != by_digest_.end()) {
    originals_.erase(found->second);
  } else if (originals_.size() >= kMostOriginals) {
    by_digest_.erase(originals_.back().digest);
    originals_.pop_back();
  }
  originals_.push_front(
      {entry.record.digest, seq, entry.record.time, entry.key});
  by_digest_[entry.record.digest] = originals_.begin();
  MakeReady(seq);
}

void UploadWindow::MakeReady(std::uint64_t seq) {
  At(seq).state = State::kReady;
  ready_.insert(seq);
}

void UploadWindow::Push(SpooledFrame frame) {
  const std::uint64_t seq = next_seq();
  Entry& entry = entries_.emplace_back();
  entry.record = frame.record;
  entry.body = std::move(frame.body);
  if (frame.dropped) {
    entry.state = State::kDropped;
    return;
  }
  const Original* original = OriginalOf(entry.record);
  if (original == nullptr) {
    MakeOriginal(seq);
    return;
  }
  entry.key = original->key;
  entry.refers_to = original->seq;
  const bool stored =
      original->seq < first_seq_ || At(original->seq).state == State::kDone;
  if (stored) {
    entry.state = State::kDone;
    entry.body = {};
    return;
  }
  entry.state = State::kRefers;
  ++referring_;
}

void UploadWindow::Advance(Time now) {
  while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
    const std::uint64_t seq = sleeping_.begin()->second;
    sleeping_.erase(sleeping_.begin());
    MakeReady(seq);
  }
}

std::optional<UploadWindow::Time> UploadWindow::NextReady() const {
  if (sleeping_.empty()) return std::nullopt;
  return sleeping_.begin()->first;
}

void UploadWindow::WakeAll() {
  std::set<std::pair<Time, std::uint64_t>> sooner;
  for (const auto& [wake, seq] : sleeping_) {
    Entry& entry = At(seq);
    entry.wake = entry.not_until;
    sooner.emplace(entry.wake, seq);
  }
  sleeping_ = std::move(sooner);
}

void UploadWindow::WakeFirst() {
  if (sleeping_.empty()) return;
  const std::uint64_t seq = sleeping_.begin()->second;
  sleeping_.erase(sleeping_.begin());
  At(seq).wake = At(seq).not_until;
  sleeping_.emplace(At(seq).wake, seq);
}

std::optional<UploadWindow::Upload> UploadWindow::Begin() {
  if (ready_.empty()) return std::nullopt;
  const std::uint64_t seq = *ready_.begin();
  Entry& entry = At(seq);
  ready_.erase(ready_.begin());
  entry.state = State::kUploading;
  ++entry.attempts;
  ++uploading_;
  return Upload{seq,
                {entry.key, entry.body, entry.record.digest, "image/jpeg"}};
}

void UploadWindow::Settle(std::uint64_t seq, State state) {
  Entry& entry = At(seq);
  entry.state = state;
  entry.body = {};
  std::optional<std::uint64_t> heir;
  for (std::uint64_t later = seq + 1; referring_ > 0 && later < next_seq();
       ++later) {
    Entry& other = At(later);
    if (other.state != State::kRefers || other.refers_to != seq) continue;
    if (state == State::kDone) {
      other.state = State::kDone;
      other.body = {};
      --referring_;
    } else if (!heir) {
      heir = later;
      --referring_;
      MakeOriginal(later);
    } else {
      other.refers_to = *heir;
      other.key = At(*heir).key;
    }
  }
  if (state != State::kDropped || heir) return;
  if (const auto found = by_digest_.find(entry.record.digest);
      found != by_digest_.end() && found->second->seq == seq) {
    originals_.erase(found->second);
    by_digest_.erase(found);
  }
}

void UploadWindow::Stored(std::uint64_t seq) {
  --uploading_;
  Settle(seq, State::kDone);
}

bool UploadWindow::Failed(std::uint64_t seq, Time now,
                          std::chrono::milliseconds retry_after) {
  Entry& entry = At(seq);
  --uploading_;
  const auto wait =
      BackoffBefore(entry.attempts, options_.first_wait, options_.last_wait,
                    std::generate_canonical<double, 53>(random_));
  entry.not_until = now + retry_after;
  entry.wake = std::max(now + wait, entry.not_until);
  entry.state = State::kSleeping;
  sleeping_.emplace(entry.wake, seq);
  return entry.attempts < options_.tries;
}

void UploadWindow::Returned(std::uint64_t seq) {
  --uploading_;
  --At(seq).attempts;
  MakeReady(seq);
}

void UploadWindow::Lost(std::uint64_t seq) {
  --uploading_;
  Settle(seq, State::kDropped);
}

int UploadWindow::AttemptsOf(std::uint64_t seq) const {
  return At(seq).attempts;
}

const FrameRecord& UploadWindow::RecordOf(std::uint64_t seq) const {
  return At(seq).record;
}

const ByteSource& UploadWindow::BodyOf(std::uint64_t seq) const {
  return At(seq).body;
}

std::vector<ManifestLine> UploadWindow::Deliverable() const {
  std::vector<ManifestLine> lines;
  for (const Entry& entry : entries_) {
    const bool dropped = entry.state == State::kDropped;
    if ((entry.state != State::kDone && !dropped) ||
        lines.size() == kMostDelivered) {
      break;
    }
    ManifestLine& line = lines.emplace_back();
    line.frame = entry.record;
    line.dropped = dropped;
    if (!dropped) line.key = entry.key;
    line.attempts = entry.attempts;
  }
  return lines;
}

void UploadWindow::Delivered(std::size_t count) {
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<std::ptrdiff_t>(count));
  first_seq_ += count;
}

}  // namespace ocelli
