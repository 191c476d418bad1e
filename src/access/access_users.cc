#include <algorithm>
#include <cmath>

#include "access/sqlite_access_store.h"
#include "core/log.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

auto NoUser(std::string_view name) {
  return Fail(ErrorCode::kNotFound, "no user is called \"" + std::string(name) +
                                        "\"; ocelli user list shows them");
}

}  // namespace

Result<> SqliteAccessStore::AddUser(const Caller& by, std::string_view name,
                                    std::string_view password, Scopes scopes) {
  if (auto allowed = Authorize(by, Action::kManageUsers); !allowed) {
    return allowed;
  }
  if (auto granted = AuthorizeGrant(by, scopes, {}); !granted) return granted;
  if (auto named = CheckPersonName(name); !named) {
    return named.Failure("name of the user");
  }
  if (scopes.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a user without any scope");
  }
  if (auto good = CheckPassword(password, name); !good) return good;
  const std::string folded = FoldedName(name);
  const auto known = UserCalled(folded);
  if (!known) return known.Failure();
  const auto taken = [&](std::string_view by_whom) {
    return Fail(ErrorCode::kAlreadyExists,
                "there is a user called \"" + std::string(by_whom) +
                    "\" already; ocelli user passwd changes the password");
  };
  if (known->id) return taken(known->name);
  const auto hash = hasher_->Hash(password);
  if (!hash) return hash.Failure();
  return Change(by, "add", "user", name, [&](Database& database) -> Result<> {
    auto added = database.Run(
        "INSERT INTO users(name, folded, password, scopes, created)"
        " VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        {name, std::string_view(folded), std::string_view(*hash),
         std::int64_t{scopes.bits()}, ToMilliseconds(Now())});
    if (!added) return added.Failure();
    if (*added == 0) return taken(name);
    added = database.Run("UPDATE state SET locked = 1 WHERE locked = 0");
    if (!added) return added.Failure();
    return {};
  });
}

Result<std::vector<User>> SqliteAccessStore::Users(const Caller& by) const {
  if (auto allowed = Authorize(by, Action::kSeeAccess); !allowed) {
    return allowed.Failure();
  }
  const AccessTime now = Now();
  std::vector<User> users;
  auto read = Read(
      "SELECT name, scopes, created, last_login, (SELECT count(*) FROM sessions"
      " WHERE user = users.id AND last_used > ? AND created > ?)"
      " FROM users ORDER BY folded",
      {ToMilliseconds(now - options_.session_idle),
       ToMilliseconds(now - options_.session_longest)},
      [&](const SqlRow& row) -> Result<> {
        users.push_back({std::string(row.Text(0)), Scopes::FromBits(row.Int(1)),
                         FromMilliseconds(row.Int(2)), TimeIfAny(row.Int(3)),
                         row.Int(4)});
        return {};
      });
  if (!read) return read.Failure();
  return users;
}

Result<> SqliteAccessStore::RemoveUser(const Caller& by,
                                       std::string_view name) {
  if (auto allowed = Authorize(by, Action::kManageUsers); !allowed) {
    return allowed;
  }
  const std::string folded = FoldedName(name);
  return Change(
      by, "remove", "user", name, [&](Database& database) -> Result<> {
        // With their sessions.
        const auto removed = database.Run("DELETE FROM users WHERE folded = ?",
                                          {std::string_view(folded)});
        if (!removed) return removed.Failure();
        if (*removed == 0) return NoUser(name);
        return {};
      });
}

Result<> SqliteAccessStore::SetPassword(const Caller& by, std::string_view name,
                                        std::string_view password) {
  if (auto allowed = Authorize(by, Action::kManageUsers); !allowed) {
    return allowed;
  }
  return StorePassword(by, name, password, {});
}

Result<> SqliteAccessStore::ChangeOwnPassword(const Caller& by,
                                              std::string_view old_password,
                                              std::string_view password,
                                              std::string_view address) {
  if (auto allowed = Authorize(by, Action::kChangeOwnPassword); !allowed) {
    return allowed;
  }
  if (auto good = CheckPassword(password, by.name); !good) return good;
  const std::string folded = FoldedName(by.name);
  const auto user = UserCalled(folded);
  if (!user) return user.Failure();
  auto right = CheckLogin(*user, folded, old_password, address);
  // Who asks is known; only what they want is refused.
  if (!right && right.error().code == ErrorCode::kUnauthenticated) {
    return Fail(ErrorCode::kPermissionDenied, "wrong password");
  }
  if (!right) return right;
  return StorePassword(by, by.name, password, user->password);
}

// `only_if`: the hash that must still be there; empty: whichever is.
Result<> SqliteAccessStore::StorePassword(const Caller& by,
                                          std::string_view name,
                                          std::string_view password,
                                          const std::string& only_if) {
  if (auto good = CheckPassword(password, name); !good) return good;
  const std::string folded = FoldedName(name);
  const auto hash = hasher_->Hash(password);
  if (!hash) return hash.Failure();
  return Change(
      by, "set password", "user", name, [&](Database& database) -> Result<> {
        auto changed = database.Run(
            "UPDATE users SET password = ?1 WHERE folded = ?2"
            " AND (?3 = '' OR password = ?3)",
            {std::string_view(*hash), std::string_view(folded),
             std::string_view(only_if)});
        if (!changed) return changed.Failure();
        if (*changed == 0 && only_if.empty()) return NoUser(name);
        if (*changed == 0) {
          return Fail(ErrorCode::kPermissionDenied,
                      "the password was changed meanwhile; log in again");
        }
        changed = database.Run(
            "DELETE FROM sessions WHERE user ="
            " (SELECT id FROM users WHERE folded = ?)",
            {std::string_view(folded)});
        if (!changed) return changed.Failure();
        return {};
      });
}

Result<SqliteAccessStore::KnownUser> SqliteAccessStore::UserCalled(
    std::string_view folded) const {
  KnownUser user;
  auto read =
      Read("SELECT id, name, password, scopes FROM users WHERE folded = ?",
           {folded}, [&](const SqlRow& row) -> Result<> {
             user = {row.Int(0), std::string(row.Text(1)),
                     std::string(row.Text(2)), Scopes::FromBits(row.Int(3))};
             return {};
           });
  if (!read) return read.Failure();
  return user;
}

Result<> SqliteAccessStore::CheckLogin(const KnownUser& user,
                                       std::string_view folded,
                                       std::string_view password,
                                       std::string_view address) {
  const auto wait = limiter_.Begin(folded, address);
  if (wait.count() > 0) {
    const double seconds =
        std::ceil(std::chrono::duration<double>(wait).count());
    return Fail(ErrorCode::kResourceExhausted,
                "too many failed log-ins; try again in " +
                    std::to_string(static_cast<std::int64_t>(seconds)) + " s");
  }
  const std::string_view bounded = password.substr(0, kMostPasswordBytes + 1);
  Result<bool> right = false;
  if (user.id) {
    right = hasher_->Verify(user.password, bounded);
  } else if (const auto hash = hasher_->Hash(bounded); !hash) {
    // It takes as long as finding a wrong password.
    right = hash.Failure();
  }
  if (!right) {
    limiter_.Withdraw(folded, address);
    return right.Failure();
  }
  if (!*right) {
    // What was typed for a name may be a password: only ours are logged.
    Log(LogLevel::kWarning, "log-in failed",
        {{"user", user.id ? user.name : "unknown"}, {"client", address}});
    return Fail(ErrorCode::kUnauthenticated, "wrong user name or password");
  }
  limiter_.Succeeded(folded, address);
  return {};
}

}  // namespace ocelli
