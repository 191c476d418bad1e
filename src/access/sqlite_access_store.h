#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access.h"
#include "access/login_limiter.h"
#include "access/password.h"
#include "sqlite/database.h"

namespace ocelli {

// AccessStore in a database: access_keys.cc, access_users.cc,
// access_sessions.cc, and sqlite_access_store.cc for what they share.
class SqliteAccessStore final : public AccessStore {
 public:
  struct Connections {
    std::unique_ptr<Database> reader;
    std::unique_ptr<Database> writer;
    // Notes when something was last used: never waits, may lose it.
    std::unique_ptr<Database> noter;
  };

  SqliteAccessStore(Connections connections, const AccessOptions& options,
                    const Clock& clock, RandomBytes random,
                    std::unique_ptr<PasswordHasher> hasher);

  Result<bool> Locked() const override;
  Result<NewKey> CreateKey(const Caller& by,
                           const KeyRequest& request) override;
  Result<std::vector<ApiKey>> Keys(const Caller& by) const override;
  Result<> RevokeKey(const Caller& by, std::string_view name) override;
  Result<Caller> CallerOfKey(std::string_view text) override;
  Result<> AddUser(const Caller& by, std::string_view name,
                   std::string_view password, Scopes scopes) override;
  Result<std::vector<User>> Users(const Caller& by) const override;
  Result<> RemoveUser(const Caller& by, std::string_view name) override;
  Result<> SetPassword(const Caller& by, std::string_view name,
                       std::string_view password) override;
  Result<> ChangeOwnPassword(const Caller& by, std::string_view old_password,
                             std::string_view password,
                             std::string_view address) override;
  Result<NewSession> LogIn(std::string_view name, std::string_view password,
                           std::string_view address) override;
  std::chrono::nanoseconds LoginWait(std::string_view name,
                                     std::string_view address) const override;
  Result<UserSession> SessionOf(std::string_view token) override;
  Result<> LogOut(std::string_view token) override;
  Result<> StillValid(const Caller& caller) const override;
  Result<> Record(const Caller& by, std::string_view action,
                  std::string_view subject_kind,
                  std::string_view subject) override;
  Result<std::vector<AuditEntry>> Audit(const Caller& by, std::int64_t before,
                                        std::size_t most) const override;

 private:
  struct KnownUser {
    std::int64_t id = 0;  // 0: there is none.
    std::string name;
    std::string password;  // Its hash.
    Scopes scopes;
  };

  AccessTime Now() const { return clock_.WallTime(); }

  // sqlite_access_store.cc
  Result<> Read(std::string_view sql, std::initializer_list<SqlValue> values,
                const std::function<Result<>(const SqlRow&)>& row) const;
  // All of `change` and its line in the audit log, or nothing.
  Result<> Change(const Caller& by, std::string_view action,
                  std::string_view subject_kind, std::string_view subject,
                  const std::function<Result<>(Database&)>& change);
  Result<> Append(Database& database, const Caller& by, std::string_view action,
                  std::string_view subject_kind, std::string_view subject);
  // Sets last_used, not more often than once a minute. `sql` has two `?`: the
  // time in milliseconds, and `id`.
  void NoteUse(std::string_view sql, std::string_view id, AccessTime last_used);

  // access_users.cc. The name folded, which is how it is looked up.
  Result<KnownUser> UserCalled(std::string_view folded) const;
  // Whose password it is, `user` or nobody's; attempts are counted.
  Result<> CheckLogin(const KnownUser& user, std::string_view folded,
                      std::string_view password, std::string_view address);
  Result<> StorePassword(const Caller& by, std::string_view name,
                         std::string_view password, const std::string& only_if);

  // access_sessions.cc
  UserSession SessionFrom(const KnownUser& user, std::string_view id,
                          std::string_view token, AccessTime created,
                          AccessTime last_used) const;
  Result<> Insert(Database& database, const KnownUser& user,
                  const SecretReference& session, AccessTime now);

  const AccessOptions options_;
  const Clock& clock_;
  const RandomBytes random_;
  const std::unique_ptr<PasswordHasher> hasher_;
  LoginLimiter limiter_;

  // A reader does not wait for a writer.
  mutable std::mutex reader_mutex_;
  const std::unique_ptr<Database> reader_;  // Guarded by reader_mutex_.
  std::mutex writer_mutex_;
  const std::unique_ptr<Database> writer_;  // Guarded by writer_mutex_.
  std::mutex noter_mutex_;
  const std::unique_ptr<Database> noter_;  // Guarded by noter_mutex_.
};

// By which it is looked up. What can't be a name gives "", which nobody has.
std::string FoldedName(std::string_view name);

// Milliseconds since 1970, as the file has them; 0 is none.
std::int64_t ToMilliseconds(AccessTime time);
AccessTime FromMilliseconds(std::int64_t milliseconds);
std::optional<AccessTime> TimeIfAny(std::int64_t milliseconds);
SqlValue MillisecondsOrNull(std::optional<AccessTime> time);
std::span<const std::byte> BytesOf(const Digest& digest);
Digest DigestFrom(std::span<const std::byte> blob);

}  // namespace ocelli
