#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access.h"
#include "access/request_gate.h"
#include "core/clock.h"
#include "core/result.h"
#include "metrics/metrics.h"
#include "service/call_context.h"
#include "service/service.h"

namespace ocelli {

// What is known of a call when its head has come.
struct GrpcHead {
  std::string_view method;  // "ocelli.v1.Vision.Recognize".
  bool is_stream = false;
  Action action = Action::kAdminister;  // What it takes.
  std::vector<std::string_view> authorizations;
  std::string_view request_id;  // The client's own, or empty.
  std::string peer;             // As gRPC has it: "ipv4:127.0.0.1:5555".
};

// A call that was let in, until its end.
struct GrpcVisit {
  CallContext context;  // Without `stop`.
  std::string address;
  std::chrono::steady_clock::time_point began;
  // Of a call that was let in.
  std::optional<RequestGate::Place> place;
  std::optional<RequestCounters::Running> running;
};

// Why not, and for how long to stay away (0: that does not help).
struct GrpcRefusal {
  Error error;
  std::chrono::seconds retry_after{0};
};

// The door: who asks, whether they may, and whether there is room; and the book
// of who came and how it ended. Thread-safe.
class GrpcEntrance {
 public:
  // They outlive it. `gate` is the one of all transports; streams, which last,
  // have places of their own.
  GrpcEntrance(AccessStore& access, RequestGate& gate,
               RequestCounters& counters, MetricsRegistry& metrics,
               const RequestLimits& stream_limits, const Clock& clock);

  // Fills `visit`, also of who is refused.
  std::optional<GrpcRefusal> Admit(const GrpcHead& head, GrpcVisit& visit);
  // Whether who was let in may go on: kUnauthenticated and the like.
  Result<> StillValid(const GrpcVisit& visit) const;

  // Counts it and gives back its place. `error`: null for success.
  void Leave(std::string_view method, const Error* error, GrpcVisit& visit);
  // One line of the log; after Leave().
  void Note(std::string_view method, const Error* error,
            const GrpcVisit& visit) const;

  // Refuses everybody from now on.
  void Close() { closed_ = true; }
  bool closed() const { return closed_; }

 private:
  Result<Caller> WhoAsks(const GrpcHead& head);

  AccessStore& access_;
  RequestGate& gate_;
  RequestCounters& counters_;
  MetricsRegistry& metrics_;
  const Clock& clock_;
  RequestGate stream_gate_;
  const std::string id_prefix_;  // Of request ids, of this process.
  std::atomic<std::uint64_t> next_id_ = 0;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  // Guarded by mutex_: looking one up in the registry takes longer.
  std::map<std::pair<std::string, std::string>, Counter*> requests_;
  std::map<std::string, Histogram*, std::less<>> seconds_;
};

// "127.0.0.1" of "ipv4:127.0.0.1:5555", "::1" of "ipv6:%5B::1%5D:5555".
std::string AddressOfPeer(std::string_view peer);

}  // namespace ocelli
