#include "access/sqlite_access_store.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

struct StoredKey {
  Caller caller;
  Digest hash;
  std::optional<AccessTime> last_used;
  bool revoked = false;
};

}  // namespace

Result<NewKey> SqliteAccessStore::CreateKey(const Caller& by,
                                            const KeyRequest& request) {
  if (auto allowed = Authorize(by, Action::kManageKeys); !allowed) {
    return allowed.Failure();
  }
  auto granted = AuthorizeGrant(by, request.scopes, request.expires);
  if (!granted) return granted.Failure();
  if (auto named = CheckPersonName(request.name); !named) {
    return named.Failure("name of the key");
  }
  if (request.scopes.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a key without any scope");
  }
  const AccessTime now = Now();
  if (request.expires && *request.expires <= now) {
    return Fail(ErrorCode::kInvalidArgument,
                "a key that has expired when it is made");
  }
  Secret secret = MakeSecret(SecretKind::kKey, random_);
  const std::string folded = FoldCase(request.name);
  auto done = Change(
      by, "create", "key", request.name, [&](Database& database) -> Result<> {
        const auto taken = database.QueryInt(
            "SELECT 1 FROM keys WHERE folded = ? AND revoked IS NULL",
            {std::string_view(folded)});
        if (!taken) return taken.Failure();
        if (*taken) {
          return Fail(ErrorCode::kAlreadyExists,
                      "there is a key called \"" + request.name +
                          "\" already; revoke it first");
        }
        auto added = database.Run(
            "INSERT INTO keys(id, hash, name, folded, scopes, created, expires)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            {std::string_view(secret.reference.id),
             BytesOf(secret.reference.hash), std::string_view(request.name),
             std::string_view(folded), std::int64_t{request.scopes.bits()},
             ToMilliseconds(now), MillisecondsOrNull(request.expires)});
        if (!added) return added.Failure();
        added = database.Run("UPDATE state SET locked = 1 WHERE locked = 0");
        if (!added) return added.Failure();
        return {};
      });
  if (!done) return done.Failure();
  return NewKey{{request.name,
                 secret.reference.id,
                 request.scopes,
                 now,
                 request.expires,
                 {},
                 {}},
                std::move(secret.text)};
}

Result<std::vector<ApiKey>> SqliteAccessStore::Keys(const Caller& by) const {
  if (auto allowed = Authorize(by, Action::kSeeAccess); !allowed) {
    return allowed.Failure();
  }
  std::vector<ApiKey> keys;
  auto read = Read(
      "SELECT name, id, scopes, created, expires, last_used, revoked FROM keys"
      " ORDER BY folded, created, id",
      {}, [&](const SqlRow& row) -> Result<> {
        keys.push_back({std::string(row.Text(0)), std::string(row.Text(1)),
                        Scopes::FromBits(row.Int(2)),
                        FromMilliseconds(row.Int(3)), TimeIfAny(row.Int(4)),
                        TimeIfAny(row.Int(5)), TimeIfAny(row.Int(6))});
        return {};
      });
  if (!read) return read.Failure();
  return keys;
}

Result<> SqliteAccessStore::RevokeKey(const Caller& by, std::string_view name) {
  if (auto allowed = Authorize(by, Action::kManageKeys); !allowed) {
    return allowed;
  }
  const std::string folded = FoldedName(name);
  return Change(by, "revoke", "key", name, [&](Database& database) -> Result<> {
    const auto revoked = database.Run(
        "UPDATE keys SET revoked = ? WHERE folded = ? AND revoked IS NULL",
        {ToMilliseconds(Now()), std::string_view(folded)});
    if (!revoked) return revoked.Failure();
    if (*revoked == 0) {
      return Fail(ErrorCode::kNotFound, "no key is called \"" +
                                            std::string(name) +
                                            "\"; ocelli key list shows them");
    }
    return {};
  });
}

Result<Caller> SqliteAccessStore::CallerOfKey(std::string_view text) {
  const auto reference = ReadSecret(SecretKind::kKey, text);
  if (!reference) return reference.Failure();
  std::optional<StoredKey> key;
  auto read = Read(
      "SELECT name, scopes, expires, last_used, revoked, hash FROM keys"
      " WHERE id = ?",
      {std::string_view(reference->id)}, [&](const SqlRow& row) -> Result<> {
        key = {{CallerKind::kKey, std::string(row.Text(0)), reference->id,
                Scopes::FromBits(row.Int(1)), TimeIfAny(row.Int(2))},
               DigestFrom(row.Blob(5)),
               TimeIfAny(row.Int(3)),
               row.Int(4) != 0};
        return {};
      });
  if (!read) return read.Failure();
  if (!key || !EqualInConstantTime(key->hash, reference->hash)) {
    return Fail(ErrorCode::kUnauthenticated, "an unknown API key");
  }
  if (key->revoked) {
    return Fail(ErrorCode::kUnauthenticated,
                "the API key \"" + key->caller.name + "\" has been revoked");
  }
  if (key->caller.expires && *key->caller.expires <= Now()) {
    return Fail(ErrorCode::kUnauthenticated,
                "the API key \"" + key->caller.name + "\" has expired");
  }
  NoteUse("UPDATE keys SET last_used = ? WHERE id = ?", reference->id,
          key->last_used.value_or(AccessTime()));
  return key->caller;
}

}  // namespace ocelli
