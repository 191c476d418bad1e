#include "cli/archive_range.h"

#include <charconv>
#include <string_view>

#include "core/utc_time.h"

namespace ocelli {
namespace {

constexpr std::string_view kSeq = "seq:";
constexpr std::size_t kDateLength = 10;  // "2026-11-25".

}  // namespace

Result<ArchivePlace> ParseArchivePlace(
    const std::string& text, std::chrono::system_clock::time_point now) {
  const auto bad = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "no time: " + text +
                    "; want 10:00, 10:00:30, 2026-11-25T10:00 (UTC) or seq:42");
  };
  ArchivePlace place;
  if (text.starts_with(kSeq)) {
    std::uint64_t seq = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data() + kSeq.size(), end, seq);
    if (error != std::errc() || rest != end) return bad();
    place.seq = seq;
    return place;
  }
  std::string whole = text;
  if (whole.ends_with('Z')) whole.pop_back();
  if (whole.find('-') == whole.npos) {
    // A time without its day.
    whole = UtcText(now).substr(0, kDateLength) + "T" + whole;
  }
  if (whole.size() == kDateLength) whole += "T00:00";
  constexpr std::size_t kMinuteLength = kDateLength + 6;  // "T10:00".
  if (whole.size() == kMinuteLength) whole += ":00";
  const auto time = ParseUtc(whole + "Z");
  if (!time) return bad();
  place.time = *time;
  return place;
}

bool ArchiveRange::Contains(const FrameRecord& frame) const {
  if (from && (from->seq ? frame.seq < *from->seq : frame.time < from->time)) {
    return false;
  }
  return !to || (to->seq ? frame.seq <= *to->seq : frame.time < to->time);
}

std::string ArchivePlaceText(const ArchivePlace& place) {
  return place.seq ? "seq " + std::to_string(*place.seq) : UtcText(place.time);
}

}  // namespace ocelli
