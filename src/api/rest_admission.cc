#include "api/rest_admission.h"

#include <utility>

#include "api/request_origin.h"
#include "core/ascii.h"
#include "core/log.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxSessionBytes = 16 << 10;
constexpr int kMaxSide = 8192;

bool IsRead(std::string_view method) {
  return method == "GET" || method == "HEAD";
}

bool IsWebSocket(const HttpHead& head) {
  return LowerCase(head.Field("Upgrade")) == "websocket";
}

bool TakesSessionBody(const RestRoute& route) {
  return route.extra == ExtraRoute::kLogIn ||
         route.extra == ExtraRoute::kChangePassword;
}

bool IsLive(const RestRoute& route) {
  return route.extra == ExtraRoute::kLiveMjpeg ||
         route.extra == ExtraRoute::kLiveEvents;
}

// Without a key, and in microseconds.
bool IsPlain(const RestRoute& route) {
  return route.extra == ExtraRoute::kAlive ||
         route.extra == ExtraRoute::kReady ||
         route.extra == ExtraRoute::kOpenApi;
}

Problem MethodNotAllowed(const HttpHead& head, const std::string& allowed) {
  Problem problem =
      ProblemOf(405, head.method + " is not for this path; " + allowed + " is");
  problem.fields.emplace_back("Allow", allowed);
  return problem;
}

Problem TooMany(std::string detail, std::chrono::seconds retry_after) {
  Problem problem =
      ProblemOf(Error{ErrorCode::kResourceExhausted, std::move(detail)});
  problem.retry_after = retry_after;
  return problem;
}

}  // namespace

auto RestAdmission::Check(const HttpHead& head, RestCall& call,
                          HttpVerdict& verdict) -> Refusal {
  Refusal refusal = FindRoute(head, call);
  if (auto origin = CheckOrigin(head, options_.hosts, call.asset != nullptr);
      !origin) {
    return ProblemOf(origin.error());
  }
  if (refusal || head.method == "OPTIONS") return refusal;
  verdict.at_once = call.asset || IsPlain(*call.route);
  if (verdict.at_once) return {};
  refusal = CheckVisitor(head, call);
  if (!refusal) refusal = CheckBody(head, call, verdict);
  if (!refusal) refusal = TakePlace(head, call);
  return refusal;
}

auto RestAdmission::FindRoute(const HttpHead& head, RestCall& call) const
    -> Refusal {
  RestRouter::Match match = router_.Find(head.method, head.path);
  call.route = match.route;
  call.path = std::move(match.fields);
  const WebAsset* const asset =
      match.verbs.empty() ? assets_.Find(head.path) : nullptr;
  if (asset) match.verbs = {"GET"};
  if (match.verbs.empty()) {
    call.entry.route = "none";
    return ProblemOf(Error{ErrorCode::kNotFound,
                           "there is nothing at this path; /openapi.json "
                           "tells what there is"});
  }
  for (const std::string& verb : match.verbs) {
    call.allowed += (call.allowed.empty() ? "" : ", ") + verb;
    if (verb == "GET") call.allowed += ", HEAD";
  }
  call.allowed += ", OPTIONS";
  call.entry.route = asset ? "page" : match.pattern;
  if (asset && IsRead(head.method)) call.asset = asset;
  if (call.route || call.asset || head.method == "OPTIONS") return {};
  return MethodNotAllowed(head, call.allowed);
}

auto RestAdmission::CheckVisitor(const HttpHead& head, RestCall& call)
    -> Refusal {
  const RestRoute& route = *call.route;
  call.client = "address " + head.client;
  if (route.extra == ExtraRoute::kLogIn) return {};
  auto visitor = WhoAsks(head, parts_.access);
  if (!visitor) {
    Log(LogLevel::kError, "can't tell who asks",
        {{"error", visitor.error().message},
         {"http.request.id", call.entry.request_id}});
    return ProblemOf(Error{ErrorCode::kInternal, {}});
  }
  call.visitor = std::move(*visitor);
  call.client = call.visitor.ClientText(head);
  call.entry.client = call.client;
  if (!IsRead(head.method) && route.checks_csrf) {
    if (auto csrf = CheckCsrf(head, call.visitor); !csrf) {
      return ProblemOf(csrf.error());
    }
  }
  const bool is_open = route.extra == ExtraRoute::kMetrics &&
                       options_.open_metrics_on_loopback &&
                       IsLoopbackHost(head.client);
  if (!route.need || is_open) return {};
  auto allowed = Authorize(call.visitor.caller, *route.need);
  if (allowed) return {};
  const bool is_nobody = call.visitor.caller.kind == CallerKind::kNobody;
  return ProblemOf(is_nobody && call.visitor.refused ? *call.visitor.refused
                                                     : allowed.error());
}

auto RestAdmission::CheckBody(const HttpHead& head, RestCall& call,
                              HttpVerdict& verdict) const -> Refusal {
  const RestRoute& route = *call.route;
  if (TakesSessionBody(route)) {
    verdict.max_body_bytes = kMaxSessionBytes;
    if (MediaType(head.Field("Content-Type")) == "application/json") return {};
    return ProblemOf(415, "this takes a body of application/json");
  }
  if (!route.shape) return {};
  const auto kind = route.shape->KindOf(head);
  if (!kind) {
    return ProblemOf(415, "this takes " + route.shape->TakenTypes());
  }
  call.body = *kind;
  verdict.max_body_bytes =
      route.shape->MaxBodyBytes(*kind, options_.max_image_bytes);
  return {};
}

auto RestAdmission::TakePlace(const HttpHead& head, RestCall& call) -> Refusal {
  if (!IsLive(*call.route)) {
    if (call.route->extra == ExtraRoute::kMetrics) return {};
    auto admission = parts_.gate.Enter(call.client);
    if (!admission.place) {
      return TooMany("too many requests are under way", admission.retry_after);
    }
    call.place.emplace(std::move(*admission.place));
    return {};
  }
  auto read =
      call.route->shape->Read(BodyKind::kNone, call.path, head, {}, call.watch);
  if (read && (call.watch.max_side() < 0 || call.watch.max_side() > kMaxSide)) {
    read = Fail(ErrorCode::kInvalidArgument,
                "maxSide is to be from 0 to " + std::to_string(kMaxSide));
  }
  if (!read) return ProblemOf(read.error());
  if (auto video = parts_.live.Find(call.watch.name()); !video) {
    return ProblemOf(video.error());
  }
  if (call.route->extra == ExtraRoute::kLiveEvents && !IsWebSocket(head)) {
    Problem problem = ProblemOf(426, "this is a WebSocket");
    problem.fields = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
    return problem;
  }
  call.seat = watchers_.Take();
  if (call.seat) return {};
  return TooMany("too many are watching", std::chrono::seconds(5));
}

}  // namespace ocelli
