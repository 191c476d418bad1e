#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"

namespace ocelli {

struct RequestLimits {
  int in_flight = 256;           // Of all clients together.
  int in_flight_of_client = 32;  // So that no one takes all places.
  // Between these is what a refused client is told to wait.
  std::chrono::seconds shortest_wait{1};
  std::chrono::seconds longest_wait{30};
};

// Lets so many requests in at a time and refuses the others at once: nobody
// queues here. Thread-safe.
class RequestGate {
 public:
  // One request's; gives it back when it goes. The gate outlives it.
  class Place {
   public:
    ~Place();
    Place(Place&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)),
          client_(std::move(other.client_)),
          since_(other.since_) {}
    Place& operator=(Place&&) = delete;

   private:
    friend class RequestGate;
    Place(RequestGate* gate, std::string client,
          std::chrono::steady_clock::time_point since)
        : gate_(gate), client_(std::move(client)), since_(since) {}

    RequestGate* gate_;  // Null once moved from.
    std::string client_;
    std::chrono::steady_clock::time_point since_;
  };

  // A place, or for how long Retry-After (429, RESOURCE_EXHAUSTED) says to
  // stay away: about as long as requests take.
  struct Admission {
    std::optional<Place> place;
    std::chrono::seconds retry_after{0};
  };

  // The clock outlives it.
  RequestGate(const RequestLimits& limits, const Clock& clock)
      : limits_(limits), clock_(clock) {}

  // `client`: the key's id, the user's name, or the address.
  Admission Enter(std::string_view client);

  int in_flight() const;

 private:
  void Leave(const std::string& client,
             std::chrono::steady_clock::time_point since);

  const RequestLimits limits_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  int in_flight_ = 0;
  std::map<std::string, int, std::less<>> clients_;  // With any in flight.
  double average_seconds_ = 0;  // How long they took, the last ones mostly.
};

}  // namespace ocelli
