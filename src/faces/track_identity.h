#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace ocelli {

struct TrackIdentityOptions {
  // Agreeing votes of the last `recent` that decide who a face is.
  int decide = 3;
  int recent = 5;
  // Agreeing votes of the last `memory` that replace a name by another or by
  // nobody.
  int overturn = 6;
  int memory = 9;
  // How much more similar another face has to be to take a name over.
  float margin = .05f;
  // Media time from one vote to the next: while undecided, doubled with each
  // vote after the first `memory`; and once decided.
  std::chrono::milliseconds soon{150};
  std::chrono::milliseconds seldom{5000};
  // The least quality (FaceQuality::overall) of a face worth a vote, and of
  // one that has had none for `seldom`.
  float good_quality = .3f;
  float least_quality = .12f;
};

struct TrackVerdict {
  std::string name;      // Empty: nobody known, or not decided.
  float similarity = 0;  // Mean over the recent votes for `name`.
  bool decided = false;
};

struct TrackBallot {
  std::string name;  // Empty: nobody that is known.
  float similarity = 0;
};

// What was voted on one face, for another process to go on with.
struct TrackVotes {
  std::vector<TrackBallot> ballots;  // Oldest first.
  TrackVerdict verdict;
  int count = 0;  // Of votes ever.
};

// Who the faces of one video are, by votes over its frames. No name stands for
// two tracks at once: the one that is seen keeps it, or else the clearly more
// similar one; the other is undecided again. Not thread-safe.
class TrackIdentities {
 public:
  explicit TrackIdentities(const TrackIdentityOptions& options = {});

  // Whether it is time to look at this face. `track` may be new.
  bool Due(std::int64_t track, std::chrono::microseconds time) const;
  // Of a face that is due: whether it is good enough. If not, it is due again
  // soon.
  bool Worthwhile(std::int64_t track, float quality,
                  std::chrono::microseconds time);
  // One look: a name, or empty for nobody that is known. A similarity that is
  // not finite is no vote.
  void Vote(std::int64_t track, const std::string& name, float similarity,
            std::chrono::microseconds time);

  // A face that is not seen gives its name up to another that has the votes.
  void SetSeen(std::int64_t track, bool seen);
  // The face was out of sight: it is due now.
  void AskSoon(std::int64_t track, std::chrono::microseconds time);
  // Forgets the votes: the face may be another's now.
  void Restart(std::int64_t track);
  void End(std::int64_t track);

  TrackVotes VotesOf(std::int64_t track) const;
  // A track of before, due now. Its name is another's, if another has it.
  void Restore(std::int64_t track, const TrackVotes& votes,
               std::chrono::microseconds time);

  TrackVerdict VerdictOf(std::int64_t track) const;
  // Who has this name, or none.
  std::int64_t HolderOf(const std::string& name) const;
  static constexpr std::int64_t kNobody = -1;

 private:
  struct Votes {
    std::deque<TrackBallot> ballots;  // Oldest first, at most options_.memory.
    TrackVerdict verdict;
    bool seen = true;
    int count = 0;  // Of votes ever.
    std::chrono::microseconds next{};
    std::chrono::microseconds waiting_since{-1};  // For a good face.
  };
  struct Tally {
    int count = 0;
    float similarity = 0;  // Mean.
  };

  Tally TallyOf(const Votes& votes, const std::string& name, int last) const;
  // The name with the most of the last votes.
  const std::string& LeaderOf(const Votes& votes) const;
  void Decide(std::int64_t track, Votes& votes);
  bool TakesNameFromOthers(std::int64_t track, const std::string& name,
                           float similarity);
  std::chrono::microseconds IntervalOf(const Votes& votes) const;

  const TrackIdentityOptions options_;
  std::map<std::int64_t, Votes> tracks_;
};

}  // namespace ocelli
