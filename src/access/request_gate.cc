#include "access/request_gate.h"

#include <algorithm>
#include <cmath>

namespace ocelli {

RequestGate::Place::~Place() {
  if (gate_) gate_->Leave(client_, since_);
}

RequestGate::Admission RequestGate::Enter(std::string_view client) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  const int of_client = found == clients_.end() ? 0 : found->second;
  if (in_flight_ >= limits_.in_flight ||
      of_client >= limits_.in_flight_of_client) {
    const auto longest = static_cast<double>(limits_.longest_wait.count());
    const std::chrono::seconds usual(static_cast<std::int64_t>(
        std::ceil(std::min(average_seconds_, longest))));
    return {std::nullopt, std::max(usual, limits_.shortest_wait)};
  }
  ++in_flight_;
  if (found == clients_.end()) {
    clients_.emplace(client, 1);
  } else {
    ++found->second;
  }
  return {Place(this, std::string(client), clock_.MonotonicTime()), {}};
}

void RequestGate::Leave(const std::string& client,
                        std::chrono::steady_clock::time_point since) {
  const std::lock_guard lock(mutex_);
  const std::chrono::duration<double> took = clock_.MonotonicTime() - since;
  constexpr double kShare = 1.0 / 16;
  average_seconds_ += kShare * (took.count() - average_seconds_);
  --in_flight_;
  const auto found = clients_.find(client);
  if (--found->second == 0) clients_.erase(found);
}

int RequestGate::in_flight() const {
  const std::lock_guard lock(mutex_);
  return in_flight_;
}

}  // namespace ocelli
