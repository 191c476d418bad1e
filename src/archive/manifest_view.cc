#include "archive/manifest_view.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "archive/archive_reader.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kNoSeq = std::numeric_limits<std::uint64_t>::max();

// The first of `from`, `from + step`, ... that is not before `seq`.
std::uint64_t StepTo(std::uint64_t from, std::uint64_t step,
                     std::uint64_t seq) {
  if (seq <= from) return from;
  const std::uint64_t behind = (seq - from) % step;
  if (behind == 0) return seq;
  return step - behind > kNoSeq - seq ? kNoSeq : seq + (step - behind);
}

}  // namespace

ManifestView::ManifestView(ObjectStore& store, ManifestViewOptions options,
                           const Clock& clock)
    : store_(store), options_(options), clock_(clock) {}

Result<ManifestView::Seqs> ManifestView::FirstSeqs(
    const std::stop_token& stop) {
  const Time now = clock_.MonotonicTime();
  {
    const std::lock_guard lock(mutex_);
    if (first_seqs_ && now - listed_ < options_.fresh) return first_seqs_;
  }
  auto listed = ListMeantSegments(store_, stop);
  if (!listed) return listed.Failure();
  if (listed->empty()) {
    return Fail(ErrorCode::kNotFound, "no frames in " + store_.root());
  }
  auto seqs =
      std::make_shared<const std::vector<std::uint64_t>>(*std::move(listed));
  const std::lock_guard lock(mutex_);
  first_seqs_ = seqs;
  listed_ = now;
  // What a prune took is not to be found any more.
  std::erase_if(kept_, [&](const Segment& segment) {
    return segment.first_seq < seqs->front();
  });
  return seqs;
}

void ManifestView::Keep(Segment segment) {
  const std::lock_guard lock(mutex_);
  std::erase_if(kept_, [&](const Segment& kept) {
    return kept.first_seq == segment.first_seq;
  });
  kept_.push_front(std::move(segment));
  std::size_t lines = 0;
  auto kept = kept_.begin();
  for (; kept != kept_.end(); ++kept) {
    lines += kept->lines->size();
    if (lines > options_.kept_lines && kept != kept_.begin()) break;
  }
  kept_.erase(kept, kept_.end());
}

Result<ManifestView::Lines> ManifestView::LinesOf(
    const std::vector<std::uint64_t>& first_seqs, std::size_t segment,
    const std::stop_token& stop) {
  const std::uint64_t first_seq = first_seqs[segment];
  const bool is_last = segment + 1 == first_seqs.size();
  const Time now = clock_.MonotonicTime();
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(
        kept_.begin(), kept_.end(),
        [&](const Segment& kept) { return kept.first_seq == first_seq; });
    if (found != kept_.end() &&
        (found->whole || (is_last && now - found->read < options_.fresh))) {
      kept_.splice(kept_.begin(), kept_, found);
      return kept_.front().lines;
    }
  }
  auto lines = ReadSegment(store_, first_seq, stop);
  if (!lines) return lines.Failure();
  std::erase_if(*lines, [](const ManifestLine& line) { return line.end; });
  Segment read{.first_seq = first_seq,
               .lines = std::make_shared<const std::vector<ManifestLine>>(
                   *std::move(lines)),
               .whole = !is_last,
               .read = now};
  Lines shared = read.lines;
  Keep(std::move(read));
  return shared;
}

Result<ManifestView::Part> ManifestView::Frames(std::uint64_t from,
                                                std::uint64_t step,
                                                std::size_t most,
                                                const std::stop_token& stop) {
  const auto first_seqs = FirstSeqs(stop);
  if (!first_seqs) return first_seqs.Failure();
  const std::vector<std::uint64_t>& seqs = **first_seqs;
  std::uint64_t wanted = StepTo(from, step, seqs.front());
  std::size_t segment = static_cast<std::size_t>(
      std::upper_bound(seqs.begin(), seqs.end(), wanted) - seqs.begin() - 1);
  Part part;
  while (segment < seqs.size()) {
    const auto lines = LinesOf(seqs, segment, stop);
    if (!lines) return lines.Failure();
    auto line = (*lines)->begin();
    while (true) {
      line = std::lower_bound(line, (*lines)->end(), wanted,
                              [](const ManifestLine& one, std::uint64_t seq) {
                                return one.frame.seq < seq;
                              });
      if (line == (*lines)->end()) break;
      if (line->frame.seq != wanted) {  // None is here: the next by the step.
        wanted = StepTo(from, step, line->frame.seq);
        continue;
      }
      if (part.frames.size() == most) {
        part.more = true;
        return part;
      }
      part.frames.push_back(*line);
      if (step > kNoSeq - wanted) return part;
      wanted += step;
    }
    // Straight to the segment that may have it.
    const auto next = std::upper_bound(seqs.begin(), seqs.end(), wanted);
    segment = std::max(segment + 1,
                       static_cast<std::size_t>(next - seqs.begin() - 1));
  }
  return part;
}

Result<ManifestLine> ManifestView::Frame(std::uint64_t seq,
                                         const std::stop_token& stop) {
  auto part = Frames(seq, kNoSeq, 1, stop);
  if (!part) return part.Failure();
  if (part->frames.empty() || part->frames.front().frame.seq != seq) {
    return Fail(ErrorCode::kNotFound,
                "no frame " + std::to_string(seq) + " in " + store_.root());
  }
  return std::move(part->frames.front());
}

Result<ManifestView::Ends> ManifestView::FirstAndLast(
    const std::stop_token& stop) {
  const auto first_seqs = FirstSeqs(stop);
  if (!first_seqs) return first_seqs.Failure();
  const std::vector<std::uint64_t>& seqs = **first_seqs;
  Ends ends;
  // A segment may hold nothing but the end of a run.
  for (std::size_t i = 0; i < seqs.size() && !ends.first; ++i) {
    const auto lines = LinesOf(seqs, i, stop);
    if (!lines) return lines.Failure();
    if (!(*lines)->empty()) ends.first = (*lines)->front();
  }
  for (std::size_t i = seqs.size(); i-- > 0 && !ends.last;) {
    const auto lines = LinesOf(seqs, i, stop);
    if (!lines) return lines.Failure();
    if (!(*lines)->empty()) ends.last = (*lines)->back();
  }
  return ends;
}

}  // namespace ocelli
