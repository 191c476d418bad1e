#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "access/login_limiter.h"
#include "access/password.h"
#include "access/scope.h"
#include "access/secret.h"
#include "core/clock.h"
#include "core/result.h"

namespace ocelli {

using AccessTime = std::chrono::system_clock::time_point;

struct KeyRequest {
  std::string name;
  Scopes scopes;
  std::optional<AccessTime> expires;
};

struct ApiKey {
  std::string name;
  std::string id;  // The characters after "ocelli_" by which it is told.
  Scopes scopes;
  AccessTime created;
  std::optional<AccessTime> expires;
  std::optional<AccessTime> last_used;  // To the minute.
  std::optional<AccessTime> revoked;
};

struct NewKey {
  ApiKey key;
  std::string text;  // The only time that it is to be had.
};

struct User {
  std::string name;
  Scopes scopes;
  AccessTime created;
  std::optional<AccessTime> last_login;
  std::int64_t sessions = 0;  // That have not expired.
};

struct UserSession {
  Caller caller;
  // Of this session alone; what changes anything must bring it besides the
  // cookie. Never in a cookie or an address.
  Digest csrf_token;
  AccessTime expires;  // Unless it is used before.
};

struct NewSession {
  std::string token;  // For the cookie.
  UserSession session;
};

// Who did what to whom.
struct AuditEntry {
  std::int64_t id = 0;  // Grows with every entry.
  AccessTime time;
  CallerKind by_kind = CallerKind::kNobody;
  std::string by_name;
  std::string by_id;
  std::string action;        // "create", "revoke", "add", "remove", ...
  std::string subject_kind;  // "key", "user", "person", ...
  std::string subject;
};

struct AccessOptions {
  std::chrono::seconds session_idle{8 * 3600};
  std::chrono::seconds session_longest{7 * 24 * 3600};
  int sessions_of_user = 32;  // Another one ends the oldest.
  std::chrono::hours audit_kept{365 * 24};
  LoginLimits login_limits;
  // How long a change waits for another process.
  std::chrono::milliseconds patience{5000};
};

// Keys, users and sessions of the service, and the log of who changed what.
// Thread-safe; several processes may share the file: every call reads it, so
// that each sees at once what the others changed. Failed log-ins are counted
// by each process alone.
//
// Names are as people's (faces/gallery.h); two that differ only in case are
// the same. Whoever calls is checked (api/caller.h): kPermissionDenied.
// Every call may fail with the errors of Database (sqlite/database.h).
class AccessStore {
 public:
  // Makes the file, mode 0600, when missing. kDataLoss for a damaged one: it
  // is left as it is, and a service must not start. `clock` outlives it;
  // without a hasher it makes its own.
  static Result<std::unique_ptr<AccessStore>> Open(
      const std::filesystem::path& file, const AccessOptions& options = {},
      const Clock& clock = SystemClock(), RandomBytes random = SystemRandom(),
      std::unique_ptr<PasswordHasher> hasher = nullptr);
  virtual ~AccessStore() = default;

  // Whether there has ever been a key or a user. It stays so when the last of
  // them is revoked, expires or is removed.
  virtual Result<bool> Locked() const = 0;

  // kAlreadyExists: a key that is not revoked has the name.
  virtual Result<NewKey> CreateKey(const Caller& by,
                                   const KeyRequest& request) = 0;
  // By name, also revoked ones, as long as the audit log is kept.
  virtual Result<std::vector<ApiKey>> Keys(const Caller& by) const = 0;
  virtual Result<> RevokeKey(const Caller& by, std::string_view name) = 0;
  // Whose key `text` is. kUnauthenticated: nobody's, revoked or expired.
  virtual Result<Caller> CallerOfKey(std::string_view text) = 0;

  virtual Result<> AddUser(const Caller& by, std::string_view name,
                           std::string_view password, Scopes scopes) = 0;
  virtual Result<std::vector<User>> Users(const Caller& by) const = 0;
  // Their sessions end.
  virtual Result<> RemoveUser(const Caller& by, std::string_view name) = 0;
  // Their sessions end, in both.
  virtual Result<> SetPassword(const Caller& by, std::string_view name,
                               std::string_view password) = 0;
  virtual Result<> ChangeOwnPassword(const Caller& by,
                                     std::string_view old_password,
                                     std::string_view password,
                                     std::string_view address) = 0;

  // `address` is the client's (LoginLimiter). kUnauthenticated for a wrong
  // password and for an unknown user, at the same cost. kResourceExhausted:
  // too many tries; see LoginWait().
  virtual Result<NewSession> LogIn(std::string_view name,
                                   std::string_view password,
                                   std::string_view address) = 0;
  virtual std::chrono::nanoseconds LoginWait(
      std::string_view name, std::string_view address) const = 0;
  // kUnauthenticated: there is none, it has ended or expired.
  virtual Result<UserSession> SessionOf(std::string_view token) = 0;
  // Of no session: nothing happens.
  virtual Result<> LogOut(std::string_view token) = 0;

  // For what goes on for long: kUnauthenticated as soon as the key or the
  // session of `caller` would no longer be taken.
  virtual Result<> StillValid(const Caller& caller) const = 0;

  // Adds to the log what the caller did elsewhere: Record(by, "rename",
  // "person", "Ada"). Texts beyond 400 bytes are cut.
  virtual Result<> Record(const Caller& by, std::string_view action,
                          std::string_view subject_kind,
                          std::string_view subject) = 0;
  // The newest first, from before the entry `before` (0: from the end).
  virtual Result<std::vector<AuditEntry>> Audit(const Caller& by,
                                                std::int64_t before,
                                                std::size_t most) const = 0;
};

// Whether what a request sent is the session's token, as 64 hexadecimal
// digits; in constant time.
bool CsrfTokenMatches(const UserSession& session, std::string_view sent);

}  // namespace ocelli
