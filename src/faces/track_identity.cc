#include "faces/track_identity.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ocelli {

using std::chrono::microseconds;

TrackIdentities::TrackIdentities(const TrackIdentityOptions& options)
    : options_(options) {}

bool TrackIdentities::Due(std::int64_t track, microseconds time) const {
  const auto found = tracks_.find(track);
  return found == tracks_.end() || time >= found->second.next;
}

bool TrackIdentities::Worthwhile(std::int64_t track, float quality,
                                 microseconds time) {
  Votes& votes = tracks_[track];
  if (quality >= options_.good_quality) return true;
  if (votes.waiting_since.count() < 0) votes.waiting_since = time;
  if (quality >= options_.least_quality &&
      time - votes.waiting_since >= options_.seldom) {
    return true;
  }
  votes.next = time + options_.soon;
  return false;
}

void TrackIdentities::Vote(std::int64_t track, const std::string& name,
                           float similarity, microseconds time) {
  Votes& votes = tracks_[track];
  if (std::isfinite(similarity)) {
    votes.ballots.push_back({name, similarity});
    if (votes.ballots.size() > static_cast<std::size_t>(options_.memory)) {
      votes.ballots.pop_front();
    }
    ++votes.count;
    votes.waiting_since = microseconds(-1);
    Decide(track, votes);
  }
  votes.next = time + IntervalOf(votes);
}

microseconds TrackIdentities::IntervalOf(const Votes& votes) const {
  // What was decided but is in doubt is looked at soon, too.
  if (votes.verdict.decided && LeaderOf(votes) == votes.verdict.name &&
      votes.ballots.back().name == votes.verdict.name) {
    return options_.seldom;
  }
  const int doublings = std::clamp(votes.count - options_.memory, 0, 16);
  return std::min<microseconds>(options_.soon * (1 << doublings),
                                options_.seldom);
}

TrackIdentities::Tally TrackIdentities::TallyOf(const Votes& votes,
                                                const std::string& name,
                                                int last) const {
  Tally tally;
  const int size = static_cast<int>(votes.ballots.size());
  for (int i = std::max(0, size - last); i < size; ++i) {
    const TrackBallot& ballot = votes.ballots[static_cast<std::size_t>(i)];
    if (ballot.name != name) continue;
    ++tally.count;
    tally.similarity += ballot.similarity;
  }
  if (tally.count > 0) tally.similarity /= static_cast<float>(tally.count);
  return tally;
}

const std::string& TrackIdentities::LeaderOf(const Votes& votes) const {
  const TrackBallot* best = &votes.ballots.back();
  int most = 0;
  const int recent =
      votes.verdict.name.empty() ? options_.recent : options_.memory;
  for (const TrackBallot& ballot : votes.ballots) {
    const int count = TallyOf(votes, ballot.name, recent).count;
    if (count <= most) continue;
    most = count;
    best = &ballot;
  }
  return best->name;
}

void TrackIdentities::Decide(std::int64_t track, Votes& votes) {
  TrackVerdict& verdict = votes.verdict;
  const std::string leader = LeaderOf(votes);
  const bool named = !verdict.name.empty();
  const Tally tally =
      TallyOf(votes, leader, named ? options_.memory : options_.recent);
  const bool stays = verdict.decided && leader == verdict.name;
  if (stays) {
    verdict.similarity = leader.empty() ? 0 : tally.similarity;
    return;
  }
  if (tally.count < (named ? options_.overturn : options_.decide)) return;
  if (leader.empty()) {
    verdict = {"", 0, true};
  } else if (TakesNameFromOthers(track, leader, tally.similarity)) {
    verdict = {leader, tally.similarity, true};
  } else if (named) {
    verdict = {};  // Its votes are no longer for the name it had.
  }
}

bool TrackIdentities::TakesNameFromOthers(std::int64_t track,
                                          const std::string& name,
                                          float similarity) {
  const std::int64_t holder = HolderOf(name);
  if (holder == kNobody || holder == track) return true;
  const Votes& other = tracks_[holder];
  if (other.seen && similarity < other.verdict.similarity + options_.margin) {
    return false;
  }
  Restart(holder);
  return true;
}

void TrackIdentities::SetSeen(std::int64_t track, bool seen) {
  const auto found = tracks_.find(track);
  if (found != tracks_.end()) found->second.seen = seen;
}

void TrackIdentities::AskSoon(std::int64_t track, microseconds time) {
  const auto found = tracks_.find(track);
  if (found != tracks_.end()) {
    found->second.next = std::min(found->second.next, time);
  }
}

void TrackIdentities::Restart(std::int64_t track) {
  const auto found = tracks_.find(track);
  if (found == tracks_.end()) return;
  const bool seen = found->second.seen;
  found->second = {};
  found->second.seen = seen;
}

void TrackIdentities::End(std::int64_t track) { tracks_.erase(track); }

TrackVotes TrackIdentities::VotesOf(std::int64_t track) const {
  const auto found = tracks_.find(track);
  if (found == tracks_.end()) return {};
  const Votes& votes = found->second;
  return {
      {votes.ballots.begin(), votes.ballots.end()}, votes.verdict, votes.count};
}

void TrackIdentities::Restore(std::int64_t track, const TrackVotes& votes,
                              microseconds time) {
  End(track);
  Votes restored;
  restored.next = time;
  if (HolderOf(votes.verdict.name) == kNobody) {
    const std::size_t kept = std::min(
        votes.ballots.size(), static_cast<std::size_t>(options_.memory));
    restored.ballots.assign(
        votes.ballots.end() - static_cast<std::ptrdiff_t>(kept),
        votes.ballots.end());
    restored.verdict = votes.verdict;
    restored.count = votes.count;
  }
  tracks_[track] = std::move(restored);
}

TrackVerdict TrackIdentities::VerdictOf(std::int64_t track) const {
  const auto found = tracks_.find(track);
  return found == tracks_.end() ? TrackVerdict() : found->second.verdict;
}

std::int64_t TrackIdentities::HolderOf(const std::string& name) const {
  if (name.empty()) return kNobody;
  for (const auto& [track, votes] : tracks_) {
    if (votes.verdict.name == name) return track;
  }
  return kNobody;
}

}  // namespace ocelli
