#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "faces/tracker_state.h"

namespace ocelli {

// A flag of `ocelli live`, and its values in their order.
struct LiveSetting {
  std::string name;  // "--effect".
  std::vector<std::string> values;
  bool operator==(const LiveSetting&) const = default;
};

// Since a session began, whichever processes had it.
struct SessionCounters {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t dropped = 0;
  std::uint64_t skipped = 0;
  std::uint64_t damaged = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t tracks = 0;
  std::uint64_t next_sequence = 0;  // Of frames.
  std::uint64_t resumed = 0;        // How often another process went on.
  bool operator==(const SessionCounters&) const = default;
};

// What a live session needs to go on in another process. Holds descriptors of
// people: never to be logged.
struct SessionState {
  std::vector<LiveSetting> settings;
  SessionCounters counters;
  FaceTrackerState tracker;
  bool ended = false;  // By itself: no frame came after this.
};

// ocelli.v1.LiveSessionState. What is over the limits of ParseSessionState()
// is left out.
std::string SerializeSessionState(const SessionState& state);

// Believes nothing: kDataLoss for bytes that are no state of this version, for
// sizes that no session has and numbers that are not finite.
Result<SessionState> ParseSessionState(std::string_view bytes);

}  // namespace ocelli
