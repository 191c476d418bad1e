#include "api/grpc_entrance.h"

#include <algorithm>
#include <random>

#include "api/status_codes.h"
#include "core/ascii.h"
#include "core/log.h"

namespace ocelli {
namespace {

std::string RandomPrefix() {
  std::random_device random;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string prefix;
  for (int i = 0; i < 8; ++i) prefix += kDigits[random() % 16];
  return prefix + "-";
}

// So that it can stand in a line of a log.
bool IsPlainWord(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
         });
}

std::string ClientText(const Caller& caller, const std::string& address) {
  switch (caller.kind) {
    case CallerKind::kKey:
      return "key " + caller.id;
    case CallerKind::kUser:
      return "user " + caller.name;
    case CallerKind::kNobody:
    case CallerKind::kOpen:
    case CallerKind::kOwner:
      return "address " + address;
  }
  return {};
}

std::string Outcome(const Error* error) {
  return error ? WordOf(error->code) : "ok";
}

}  // namespace

GrpcEntrance::GrpcEntrance(AccessStore& access, RequestGate& gate,
                           RequestCounters& counters, MetricsRegistry& metrics,
                           const RequestLimits& stream_limits,
                           const Clock& clock)
    : access_(access),
      gate_(gate),
      counters_(counters),
      metrics_(metrics),
      clock_(clock),
      stream_gate_(stream_limits, clock),
      id_prefix_(RandomPrefix()) {}

std::optional<GrpcRefusal> GrpcEntrance::Admit(const GrpcHead& head,
                                               GrpcVisit& visit) {
  visit.began = clock_.MonotonicTime();
  visit.address = AddressOfPeer(head.peer);
  visit.context.request_id = IsPlainWord(head.request_id)
                                 ? std::string(head.request_id)
                                 : id_prefix_ + std::to_string(next_id_++);
  visit.running.emplace(counters_, std::string(head.method), "grpc");
  if (closed_) {
    return GrpcRefusal{{ErrorCode::kUnavailable, "the service ends"}};
  }
  auto caller = WhoAsks(head);
  visit.context.caller = caller ? std::move(*caller) : Caller();
  visit.context.client = ClientText(visit.context.caller, visit.address);
  if (!caller) return GrpcRefusal{caller.error()};
  if (auto allowed = Authorize(visit.context.caller, head.action); !allowed) {
    return GrpcRefusal{allowed.error()};
  }
  auto admission =
      (head.is_stream ? stream_gate_ : gate_).Enter(visit.context.client);
  if (!admission.place) {
    return GrpcRefusal{
        {ErrorCode::kResourceExhausted,
         std::string("too many ") + (head.is_stream ? "streams" : "requests") +
             " under way; try again in " +
             std::to_string(admission.retry_after.count()) + " s"},
        admission.retry_after};
  }
  visit.place.emplace(std::move(*admission.place));
  return std::nullopt;
}

Result<Caller> GrpcEntrance::WhoAsks(const GrpcHead& head) {
  const auto locked = access_.Locked();
  if (!locked) return locked.Failure("looking up who asks");
  if (head.authorizations.empty()) {
    return *locked ? Caller() : Caller::Open();
  }
  std::string_view text = head.authorizations.front();
  constexpr std::string_view kScheme = "bearer ";
  if (head.authorizations.size() > 1 ||
      LowerCase(text.substr(0, kScheme.size())) != kScheme) {
    return Fail(ErrorCode::kUnauthenticated,
                "authorization takes one \"Bearer KEY\" only");
  }
  text.remove_prefix(kScheme.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return access_.CallerOfKey(text);
}

Result<> GrpcEntrance::StillValid(const GrpcVisit& visit) const {
  const Caller& caller = visit.context.caller;
  if (caller.kind != CallerKind::kOpen) return access_.StillValid(caller);
  const auto locked = access_.Locked();
  if (!locked) return locked.Failure("looking up who asks");
  if (!*locked) return {};
  return Fail(ErrorCode::kUnauthenticated,
              "this service needs a key since a moment ago");
}

void GrpcEntrance::Leave(std::string_view method, const Error* error,
                         GrpcVisit& visit) {
  const std::string outcome = Outcome(error);
  const double seconds =
      std::chrono::duration<double>(clock_.MonotonicTime() - visit.began)
          .count();
  visit.place.reset();
  if (visit.running) visit.running->Ended(outcome);
  visit.running.reset();
  const std::string name(method);
  const std::lock_guard lock(mutex_);
  Counter*& requests = requests_[{name, outcome}];
  if (!requests) {
    requests = &metrics_.AddCounter("ocelli_api_grpc_requests_total",
                                    "Requests over gRPC",
                                    {{"method", name}, {"code", outcome}});
  }
  requests->Add();
  Histogram*& histogram = seconds_[name];
  if (!histogram) {
    histogram = &metrics_.AddHistogram(
        "ocelli_api_grpc_request_seconds",
        "From the head of a request to the end of its answer", LatencyBounds(),
        {{"method", name}});
  }
  histogram->Observe(seconds);
}

void GrpcEntrance::Note(std::string_view method, const Error* error,
                        const GrpcVisit& visit) const {
  Log(LogLevel::kInfo, "request",
      {{"rpc.method", method},
       {"rpc.status", Outcome(error)},
       {"event.duration", (clock_.MonotonicTime() - visit.began).count()},
       {"client.address", visit.address},
       {"client.user.id", visit.context.client},
       {"http.request.id", visit.context.request_id}});
}

std::string AddressOfPeer(std::string_view peer) {
  const std::size_t scheme = peer.find(':');
  if (scheme == peer.npos) return std::string(peer);
  std::string_view host = peer.substr(scheme + 1);
  host = host.substr(0, host.rfind(':'));
  for (const std::string_view bracket : {"%5B", "["}) {
    if (host.starts_with(bracket)) host.remove_prefix(bracket.size());
  }
  for (const std::string_view bracket : {"%5D", "]"}) {
    if (host.ends_with(bracket)) host.remove_suffix(bracket.size());
  }
  return std::string(host);
}

}  // namespace ocelli
