#include <algorithm>

#include "access/sqlite_access_store.h"

namespace ocelli {
namespace {

auto NoSession() {
  return Fail(ErrorCode::kUnauthenticated,
              "the session has ended; log in again");
}

// Only who has the token of the cookie can make it.
Digest CsrfTokenOf(std::string_view token) {
  return HmacSha256(std::as_bytes(std::span(token)), "ocelli csrf token 1");
}

}  // namespace

Result<NewSession> SqliteAccessStore::LogIn(std::string_view name,
                                            std::string_view password,
                                            std::string_view address) {
  const std::string folded = FoldedName(name);
  const auto user = UserCalled(folded);
  if (!user) return user.Failure();
  auto right = CheckLogin(*user, folded, password, address);
  if (!right) return right.Failure();
  std::string hash;
  if (hasher_->Outdated(user->password)) {
    // Where it can't be now, the next log-in does it.
    if (auto renewed = hasher_->Hash(password)) hash = std::move(*renewed);
  }
  Secret secret = MakeSecret(SecretKind::kSession, random_);
  const AccessTime now = Now();
  {
    const std::lock_guard lock(writer_mutex_);
    auto transaction = Transaction::Begin(*writer_);
    if (!transaction) return transaction.Failure();
    auto added = Insert(*writer_, *user, secret.reference, now);
    if (!added) return added.Failure();
    auto noted = writer_->Run(
        "UPDATE users SET last_login = ?1,"
        " password = iif(?2 = '', password, ?2) WHERE id = ?3",
        {ToMilliseconds(now), std::string_view(hash), user->id});
    if (!noted) return noted.Failure();
    if (auto done = transaction->Commit(); !done) return done.Failure();
  }
  UserSession session =
      SessionFrom(*user, secret.reference.id, secret.text, now, now);
  return NewSession{std::move(secret.text), std::move(session)};
}

Result<> SqliteAccessStore::Insert(Database& database, const KnownUser& user,
                                   const SecretReference& session,
                                   AccessTime now) {
  auto done =
      database.Run("DELETE FROM sessions WHERE last_used <= ? OR created <= ?",
                   {ToMilliseconds(now - options_.session_idle),
                    ToMilliseconds(now - options_.session_longest)});
  if (!done) return done.Failure();
  done = database.Run(
      "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user = ?"
      " ORDER BY created DESC, id LIMIT -1 OFFSET ?)",
      {user.id, std::int64_t{options_.sessions_of_user} - 1});
  if (!done) return done.Failure();
  // Not where the user or the password went while it was being checked.
  done = database.Run(
      "INSERT INTO sessions(id, hash, user, created, last_used)"
      " SELECT ?1, ?2, id, ?3, ?3 FROM users WHERE id = ?4 AND password = ?5",
      {std::string_view(session.id), BytesOf(session.hash), ToMilliseconds(now),
       user.id, std::string_view(user.password)});
  if (!done) return done.Failure();
  if (*done == 0) {
    return Fail(ErrorCode::kUnauthenticated, "wrong user name or password");
  }
  return {};
}

std::chrono::nanoseconds SqliteAccessStore::LoginWait(
    std::string_view name, std::string_view address) const {
  return limiter_.Wait(FoldedName(name), address);
}

UserSession SqliteAccessStore::SessionFrom(const KnownUser& user,
                                           std::string_view id,
                                           std::string_view token,
                                           AccessTime created,
                                           AccessTime last_used) const {
  return {{CallerKind::kUser, user.name, std::string(id), user.scopes, {}},
          CsrfTokenOf(token),
          std::min(created + options_.session_longest,
                   last_used + options_.session_idle)};
}

Result<UserSession> SqliteAccessStore::SessionOf(std::string_view token) {
  const auto reference = ReadSecret(SecretKind::kSession, token);
  if (!reference) return reference.Failure();
  std::optional<UserSession> session;
  Digest hash;
  AccessTime last_used;
  auto read = Read(
      "SELECT u.id, u.name, u.scopes, s.created, s.last_used, s.hash"
      " FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ?",
      {std::string_view(reference->id)}, [&](const SqlRow& row) -> Result<> {
        const KnownUser user{row.Int(0),
                             std::string(row.Text(1)),
                             {},
                             Scopes::FromBits(row.Int(2))};
        last_used = FromMilliseconds(row.Int(4));
        session = SessionFrom(user, reference->id, token,
                              FromMilliseconds(row.Int(3)), last_used);
        hash = DigestFrom(row.Blob(5));
        return {};
      });
  if (!read) return read.Failure();
  if (!session || !EqualInConstantTime(hash, reference->hash) ||
      session->expires <= Now()) {
    return NoSession();
  }
  NoteUse("UPDATE sessions SET last_used = ? WHERE id = ?", reference->id,
          last_used);
  return std::move(*session);
}

Result<> SqliteAccessStore::LogOut(std::string_view token) {
  const auto session = SessionOf(token);
  if (!session) {
    return session.error().code == ErrorCode::kUnauthenticated
               ? Result<>()
               : session.Failure();
  }
  const std::lock_guard lock(writer_mutex_);
  const auto ended = writer_->Run("DELETE FROM sessions WHERE id = ?",
                                  {std::string_view(session->caller.id)});
  if (!ended) return ended.Failure();
  return {};
}

Result<> SqliteAccessStore::StillValid(const Caller& caller) const {
  const AccessTime now = Now();
  bool valid = false;
  const auto found = [&](const SqlRow&) -> Result<> {
    valid = true;
    return {};
  };
  switch (caller.kind) {
    case CallerKind::kNobody:
      break;
    case CallerKind::kOwner:
      return {};
    case CallerKind::kOpen: {
      const auto locked = Locked();
      if (!locked) return locked.Failure();
      if (!*locked) return {};
      return Fail(ErrorCode::kUnauthenticated,
                  "an API key or a log-in is needed by now");
    }
    case CallerKind::kKey: {
      auto read = Read(
          "SELECT 1 FROM keys WHERE id = ? AND revoked IS NULL"
          " AND (expires IS NULL OR expires > ?)",
          {std::string_view(caller.id), ToMilliseconds(now)}, found);
      if (!read) return read;
      if (valid) return {};
      return Fail(ErrorCode::kUnauthenticated,
                  "the API key \"" + caller.name +
                      "\" has been revoked or has expired");
    }
    case CallerKind::kUser: {
      auto read = Read(
          "SELECT 1 FROM sessions WHERE id = ? AND last_used > ?"
          " AND created > ?",
          {std::string_view(caller.id),
           ToMilliseconds(now - options_.session_idle),
           ToMilliseconds(now - options_.session_longest)},
          found);
      if (!read) return read;
      if (valid) return {};
      break;
    }
  }
  return NoSession();
}

bool CsrfTokenMatches(const UserSession& session, std::string_view sent) {
  const auto digest = Digest::FromHex(sent);
  return digest && EqualInConstantTime(*digest, session.csrf_token);
}

}  // namespace ocelli
