#include "api/visitor.h"

#include <utility>

#include "core/ascii.h"

namespace ocelli {
namespace {

// The credentials of "Bearer ...", or nothing.
std::optional<std::string_view> BearerOf(const HttpHead& head) {
  std::string_view text = head.Field("Authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (LowerCase(text.substr(0, kScheme.size())) != kScheme) {
    return std::nullopt;
  }
  text.remove_prefix(kScheme.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

}  // namespace

std::string Visitor::ClientText(const HttpHead& head) const {
  switch (caller.kind) {
    case CallerKind::kKey:
      return "key " + caller.id;
    case CallerKind::kUser:
      return "user " + caller.name;
    case CallerKind::kNobody:
    case CallerKind::kOpen:
    case CallerKind::kOwner:
      return "address " + head.client;
  }
  return {};
}

Result<Visitor> WhoAsks(const HttpHead& head, AccessStore& access) {
  Visitor visitor;
  const auto locked = access.Locked();
  if (!locked) return locked.Failure("looking up who asks");
  visitor.locked = *locked;

  const std::string_view authorization = head.Field("Authorization");
  if (!authorization.empty()) {
    const auto bearer = BearerOf(head);
    if (!bearer) {
      visitor.refused = Error{ErrorCode::kUnauthenticated,
                              "Authorization takes \"Bearer KEY\" only"};
      return visitor;
    }
    auto caller = access.CallerOfKey(*bearer);
    if (caller) {
      visitor.caller = std::move(*caller);
    } else if (caller.error().code == ErrorCode::kUnauthenticated) {
      visitor.refused = caller.error();
    } else {
      return caller.Failure("looking up a key");
    }
    return visitor;
  }

  // A browser sends an old cookie by itself: that is no reason to refuse what
  // anybody may.
  if (const std::string_view token = head.Cookie(kSessionCookie);
      !token.empty()) {
    auto session = access.SessionOf(token);
    if (session) {
      visitor.caller = session->caller;
      visitor.session = std::move(*session);
      return visitor;
    }
    if (session.error().code != ErrorCode::kUnauthenticated) {
      return session.Failure("looking up a session");
    }
    visitor.refused = session.error();
  }
  if (!visitor.locked) {
    visitor.caller = Caller::Open();
    visitor.refused.reset();
  }
  return visitor;
}

Result<> CheckCsrf(const HttpHead& head, const Visitor& visitor) {
  if (!visitor.session ||
      CsrfTokenMatches(*visitor.session, head.Field("X-CSRF-Token"))) {
    return {};
  }
  return Fail(ErrorCode::kPermissionDenied,
              "what changes something needs the session's token in "
              "X-CSRF-Token; GET /v1/session tells it");
}

}  // namespace ocelli
