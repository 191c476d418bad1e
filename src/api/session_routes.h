#pragma once

#include <string>
#include <string_view>

#include "access/access.h"
#include "api/visitor.h"
#include "http/http_message.h"

namespace ocelli {

// Logging in and out of the page, by a cookie that no script can read.
// Thread-safe.
class SessionRoutes {
 public:
  // They outlive it.
  SessionRoutes(AccessStore& access, const Clock& clock)
      : access_(access), clock_(clock) {}

  // {"name": ..., "password": ...}. Ends the session that the request came
  // with, if any.
  Result<HttpResponse> LogIn(const HttpHead& head, std::string_view body);
  Result<HttpResponse> WhoAmI(const Visitor& visitor);
  Result<HttpResponse> LogOut(const HttpHead& head);
  // {"oldPassword": ..., "newPassword": ...}
  Result<HttpResponse> ChangePassword(const HttpHead& head,
                                      const Visitor& visitor,
                                      std::string_view body);

  // For how long who was refused with kResourceExhausted is to stay away.
  std::chrono::seconds RetryAfter(std::string_view name,
                                  const HttpHead& head) const;

 private:
  AccessStore& access_;
  const Clock& clock_;
};

// The name in the body of LogIn(); empty: none.
std::string NameInLogIn(std::string_view body);

}  // namespace ocelli
