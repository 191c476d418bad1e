#include "live/session_state.h"

#include <google/protobuf/arena.h>
#include <ocelli/v1/session.pb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "faces/gallery_name.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxBytes = 4 << 20;
constexpr int kMaxSettings = 64;
constexpr std::size_t kMaxText = 4096;  // Bytes of a name or value.
constexpr int kMaxTracks = 1000;
constexpr int kMaxBallots = 64;
constexpr int kMaxDescriptor = 4096;
constexpr std::uint32_t kMaxSide = 1 << 20;
constexpr float kMaxPlace = 1 << 24;  // Pixels from the picture's corner.
// Ids and counters that leave room to count on.
constexpr std::int64_t kMaxId = std::int64_t{1} << 53;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 53;
constexpr std::uint64_t kMaxAgeUs = std::uint64_t{365} * 24 * 3600 * 1'000'000;

bool IsHexDigest(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool IsPlace(float value) { return std::abs(value) <= kMaxPlace; }

bool IsUnit(std::span<const float> descriptor) {
  double square = 0;
  for (const float value : descriptor) square += double{value} * value;
  return std::abs(square - 1) < 1e-3;
}

bool ReadBallot(const v1::Ballot& from, TrackBallot& to) {
  if (!(std::abs(from.similarity()) <= 2) ||
      !(from.name().empty() || CheckPersonName(from.name()))) {
    return false;
  }
  to = {from.name(), from.similarity()};
  return true;
}

bool ReadTrack(const v1::Track& from, TrackState& to) {
  if (from.id() < 1 || from.id() > kMaxId || !IsPlace(from.x()) ||
      !IsPlace(from.y()) || !IsPlace(from.width()) || !IsPlace(from.height()) ||
      from.width() < 0 || from.height() < 0 || from.unseen_us() > kMaxAgeUs ||
      from.face_descriptor_size() > kMaxDescriptor ||
      from.ballots_size() > kMaxBallots ||
      from.votes() > std::uint32_t{std::numeric_limits<int>::max()}) {
    return false;
  }
  to.id = from.id();
  to.box = {from.x(), from.y(), from.width(), from.height()};
  to.unseen_for = microseconds(static_cast<std::int64_t>(from.unseen_us()));
  to.descriptor.assign(from.face_descriptor().begin(),
                       from.face_descriptor().end());
  if (!to.descriptor.empty() && !IsUnit(to.descriptor)) return false;
  to.votes.count = static_cast<int>(from.votes());
  for (const v1::Ballot& ballot : from.ballots()) {
    if (!ReadBallot(ballot, to.votes.ballots.emplace_back())) return false;
  }
  if (!from.has_verdict()) return true;
  // What is decided was voted on.
  TrackBallot verdict;
  if (to.votes.ballots.empty() || !ReadBallot(from.verdict(), verdict)) {
    return false;
  }
  to.votes.verdict = {std::move(verdict.name), verdict.similarity, true};
  return true;
}

bool ReadTracker(const v1::TrackerState& from, FaceTrackerState& to) {
  if (from.width() > kMaxSide || from.height() > kMaxSide ||
      from.tracks_size() > kMaxTracks || from.next_id() < 0 ||
      from.next_id() > kMaxId ||
      !(from.describer().empty() || IsHexDigest(from.describer()))) {
    return false;
  }
  to.width = static_cast<int>(from.width());
  to.height = static_cast<int>(from.height());
  to.next_id = std::max<std::int64_t>(1, from.next_id());
  to.describer = from.describer();
  std::set<std::int64_t> ids;
  for (const v1::Track& track : from.tracks()) {
    if (!ReadTrack(track, to.tracks.emplace_back())) return false;
    if (!ids.insert(track.id()).second) return false;
  }
  return true;
}

bool IsWithinLimits(const LiveSetting& setting) {
  return setting.name.size() <= kMaxText &&
         setting.values.size() <= std::size_t{kMaxSettings} &&
         std::all_of(
             setting.values.begin(), setting.values.end(),
             [](const std::string& value) { return value.size() <= kMaxText; });
}

bool ReadSettings(const v1::LiveSessionState& from,
                  std::vector<LiveSetting>& to) {
  if (from.settings_size() > kMaxSettings) return false;
  for (const v1::LiveSetting& setting : from.settings()) {
    to.push_back(
        {setting.name(), {setting.values().begin(), setting.values().end()}});
    if (!IsWithinLimits(to.back())) return false;
  }
  return true;
}

bool ReadCounters(const v1::LiveCounters& from, SessionCounters& to) {
  to = {from.frames_in(), from.frames_out(),    from.dropped(),
        from.skipped(),   from.damaged(),       from.reconnects(),
        from.tracks(),    from.next_sequence(), from.resumed()};
  return std::max({to.frames_in, to.frames_out, to.dropped, to.skipped,
                   to.damaged, to.reconnects, to.tracks, to.next_sequence,
                   to.resumed}) <= kMaxCount;
}

void WriteBallot(const std::string& name, float similarity, v1::Ballot& to) {
  to.set_name(name);
  to.set_similarity(similarity);
}

void WriteTrack(const TrackState& from, v1::Track& to) {
  to.set_id(from.id);
  if (IsPlace(from.box.x) && IsPlace(from.box.y) && IsPlace(from.box.right()) &&
      IsPlace(from.box.bottom()) && from.box.area() > 0) {
    to.set_x(from.box.x);
    to.set_y(from.box.y);
    to.set_width(from.box.width);
    to.set_height(from.box.height);
  }
  to.set_unseen_us(std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(
          std::max<std::int64_t>(0, from.unseen_for.count())),
      0, kMaxAgeUs));
  if (IsUnit(from.descriptor) &&
      from.descriptor.size() <= std::size_t{kMaxDescriptor}) {
    to.mutable_face_descriptor()->Assign(from.descriptor.begin(),
                                         from.descriptor.end());
  }
  to.set_votes(static_cast<std::uint32_t>(std::max(0, from.votes.count)));
  for (const TrackBallot& ballot : from.votes.ballots) {
    if (to.ballots_size() == kMaxBallots) break;
    WriteBallot(ballot.name, ballot.similarity, *to.add_ballots());
  }
  const TrackVerdict& verdict = from.votes.verdict;
  if (verdict.decided) {
    WriteBallot(verdict.name, verdict.similarity, *to.mutable_verdict());
  }
}

}  // namespace

std::string SerializeSessionState(const SessionState& state) {
  google::protobuf::Arena arena;
  auto& message =
      *google::protobuf::Arena::CreateMessage<v1::LiveSessionState>(&arena);
  message.set_version(kVersion);
  message.set_ended(state.ended);
  for (const LiveSetting& setting : state.settings) {
    if (!IsWithinLimits(setting) || message.settings_size() == kMaxSettings) {
      continue;
    }
    v1::LiveSetting& added = *message.add_settings();
    added.set_name(setting.name);
    for (const std::string& value : setting.values) added.add_values(value);
  }
  const SessionCounters& counted = state.counters;
  v1::LiveCounters& counters = *message.mutable_counters();
  counters.set_frames_in(counted.frames_in);
  counters.set_frames_out(counted.frames_out);
  counters.set_dropped(counted.dropped);
  counters.set_skipped(counted.skipped);
  counters.set_damaged(counted.damaged);
  counters.set_reconnects(counted.reconnects);
  counters.set_tracks(counted.tracks);
  counters.set_next_sequence(counted.next_sequence);
  counters.set_resumed(counted.resumed);
  v1::TrackerState& tracker = *message.mutable_tracker();
  tracker.set_width(static_cast<std::uint32_t>(state.tracker.width));
  tracker.set_height(static_cast<std::uint32_t>(state.tracker.height));
  tracker.set_next_id(state.tracker.next_id);
  tracker.set_describer(state.tracker.describer);
  for (const TrackState& track : state.tracker.tracks) {
    if (tracker.tracks_size() == kMaxTracks) break;
    WriteTrack(track, *tracker.add_tracks());
  }
  return message.SerializeAsString();
}

Result<SessionState> ParseSessionState(std::string_view bytes) {
  google::protobuf::Arena arena;
  auto& message =
      *google::protobuf::Arena::CreateMessage<v1::LiveSessionState>(&arena);
  if (bytes.size() > kMaxBytes ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail(ErrorCode::kDataLoss, "not the state of a live session");
  }
  if (message.version() != kVersion) {
    return Fail(ErrorCode::kDataLoss,
                "the state of a live session in version " +
                    std::to_string(message.version()) + ", not " +
                    std::to_string(kVersion));
  }
  SessionState state;
  state.ended = message.ended();
  if (!ReadSettings(message, state.settings) ||
      !ReadCounters(message.counters(), state.counters) ||
      !ReadTracker(message.tracker(), state.tracker)) {
    return Fail(ErrorCode::kDataLoss,
                "the state of a live session with values that none has");
  }
  return state;
}

}  // namespace ocelli
