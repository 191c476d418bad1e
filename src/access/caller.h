#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "access/scope.h"
#include "core/result.h"

namespace ocelli {

enum class CallerKind {
  kNobody,  // Brought nothing that we know.
  kOpen,    // Anybody, of a service that nobody has locked yet.
  kOwner,   // Who may read and write the files: the command line.
  kKey,
  kUser,
};

// Who makes a request.
struct Caller {
  CallerKind kind = CallerKind::kNobody;
  std::string name;  // Of the key or the user.
  std::string id;    // Of the key or the session; no secret.
  Scopes scopes;
  std::optional<std::chrono::system_clock::time_point> expires;  // Of a key.

  static Caller Owner();
  static Caller Open();  // Reads and writes, but makes no keys.
};

// What may be allowed or not. Each needs a scope, and some a kind of caller:
// the table is in caller.cc.
enum class Action {
  kRead,
  kWrite,
  kAdminister,   // What reaches beyond this service: sources, sinks.
  kSeeAccess,    // Which keys and users there are; the audit log.
  kManageKeys,   // Make and revoke them.
  kManageUsers,  // Add and remove them, set their passwords.
  kChangeOwnPassword,
};

// kPermissionDenied says what is missing. Nobody has no right at all:
// kUnauthenticated.
Result<> Authorize(const Caller& caller, Action action);

// Whether `caller` may make something that has these scopes until then, or for
// ever: nothing comes out with more than its maker has. There is no call that
// changes the scopes of what exists. kPermissionDenied.
Result<> AuthorizeGrant(
    const Caller& caller, Scopes scopes,
    std::optional<std::chrono::system_clock::time_point> until);

// "key \"ci\"", "user \"Ada\"", "the command line".
std::string CallerText(const Caller& caller);

}  // namespace ocelli
