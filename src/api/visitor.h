#pragma once

#include <optional>
#include <string>

#include "access/access.h"
#include "core/result.h"
#include "http/http_message.h"

namespace ocelli {

inline constexpr std::string_view kSessionCookie = "ocelli_session";

// Who sent a request, as far as its head says.
struct Visitor {
  Caller caller;
  std::optional<UserSession> session;  // Of a user who came with the cookie.
  // Why what was brought is not taken, of somebody who is nobody for it.
  std::optional<Error> refused;
  bool locked = true;

  // Between whom the service is fair, and whom limits count: the key, the
  // user, or the address.
  std::string ClientText(const HttpHead& head) const;
};

// A key before a cookie; with neither, anybody while the service is not locked.
// Reads the file of `access` and waits for nothing else. An error is one of the
// file, and no leave to go on.
Result<Visitor> WhoAsks(const HttpHead& head, AccessStore& access);

// What changes something and comes with the cookie must bring the token of the
// session as well, which pages of other sites can't know. kPermissionDenied.
Result<> CheckCsrf(const HttpHead& head, const Visitor& visitor);

}  // namespace ocelli
