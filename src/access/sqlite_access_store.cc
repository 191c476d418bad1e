#include "access/sqlite_access_store.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/log.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

// `folded` is the name in lower case. A revoked key keeps its row, so that the
// audit log can be read; its name is free again. Ids of users are never used
// twice.
constexpr const char* kMigrations[] = {R"(
  CREATE TABLE state(locked INTEGER NOT NULL);
  INSERT INTO state VALUES(0);
  CREATE TABLE keys(
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    scopes INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER,
    revoked INTEGER);
  CREATE UNIQUE INDEX keys_by_name ON keys(folded) WHERE revoked IS NULL;
  CREATE TABLE users(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    scopes INTEGER NOT NULL,
    created INTEGER NOT NULL,
    last_login INTEGER);
  CREATE TABLE sessions(
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    created INTEGER NOT NULL,
    last_used INTEGER NOT NULL);
  CREATE INDEX sessions_by_user ON sessions(user);
  CREATE TABLE audit(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    by_kind INTEGER NOT NULL,
    by_name TEXT NOT NULL,
    by_id TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL);
  CREATE INDEX audit_by_time ON audit(time);
  CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
  END;)"};

constexpr std::size_t kMostTextBytes = 400;

// Cut where a character of UTF-8 begins.
std::string_view Cut(std::string_view text) {
  if (text.size() <= kMostTextBytes) return text;
  std::size_t size = kMostTextBytes;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

CallerKind KindFrom(std::int64_t kind) {
  return kind >= 0 && kind <= static_cast<int>(CallerKind::kUser)
             ? static_cast<CallerKind>(kind)
             : CallerKind::kNobody;
}

}  // namespace

std::string FoldedName(std::string_view name) {
  return CheckPersonName(name) ? FoldCase(name) : std::string();
}

std::int64_t ToMilliseconds(AccessTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             time.time_since_epoch())
      .count();
}

AccessTime FromMilliseconds(std::int64_t milliseconds) {
  // To the year 2255: what a damaged file says must not overflow.
  constexpr std::int64_t kMost = 9'000'000'000'000;
  return AccessTime(std::chrono::milliseconds(
      std::clamp<std::int64_t>(milliseconds, 0, kMost)));
}

std::optional<AccessTime> TimeIfAny(std::int64_t milliseconds) {
  if (milliseconds == 0) return std::nullopt;
  return FromMilliseconds(milliseconds);
}

SqlValue MillisecondsOrNull(std::optional<AccessTime> time) {
  if (!time) return nullptr;
  return ToMilliseconds(*time);
}

std::span<const std::byte> BytesOf(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

Digest DigestFrom(std::span<const std::byte> blob) {
  Digest digest;
  if (blob.size() == digest.bytes.size()) {
    std::memcpy(digest.bytes.data(), blob.data(), blob.size());
  }
  return digest;
}

SqliteAccessStore::SqliteAccessStore(Connections connections,
                                     const AccessOptions& options,
                                     const Clock& clock, RandomBytes random,
                                     std::unique_ptr<PasswordHasher> hasher)
    : options_(options),
      clock_(clock),
      random_(std::move(random)),
      hasher_(std::move(hasher)),
      limiter_(options.login_limits, clock),
      reader_(std::move(connections.reader)),
      writer_(std::move(connections.writer)),
      noter_(std::move(connections.noter)) {}

Result<bool> SqliteAccessStore::Locked() const {
  const std::lock_guard lock(reader_mutex_);
  const auto locked = reader_->QueryInt("SELECT locked FROM state");
  if (!locked) return locked.Failure();
  return *locked != 0;
}

Result<> SqliteAccessStore::Read(
    std::string_view sql, std::initializer_list<SqlValue> values,
    const std::function<Result<>(const SqlRow&)>& row) const {
  const std::lock_guard lock(reader_mutex_);
  return reader_->Query(sql, values, row);
}

Result<> SqliteAccessStore::Change(
    const Caller& by, std::string_view action, std::string_view subject_kind,
    std::string_view subject,
    const std::function<Result<>(Database&)>& change) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = Transaction::Begin(*writer_);
  if (!transaction) return transaction.Failure();
  if (auto done = change(*writer_); !done) return done;
  auto noted = Append(*writer_, by, action, subject_kind, subject);
  if (!noted) return noted;
  return transaction->Commit();
}

Result<> SqliteAccessStore::Append(Database& database, const Caller& by,
                                   std::string_view action,
                                   std::string_view subject_kind,
                                   std::string_view subject) {
  const AccessTime now = Now();
  auto added = database.Run(
      "INSERT INTO audit(time, by_kind, by_name, by_id, action, subject_kind,"
      " subject) VALUES(?, ?, ?, ?, ?, ?, ?)",
      {ToMilliseconds(now), static_cast<std::int64_t>(by.kind),
       std::string_view(by.name), std::string_view(by.id), Cut(action),
       Cut(subject_kind), Cut(subject)});
  if (!added) return added.Failure();
  const std::int64_t oldest = ToMilliseconds(now - options_.audit_kept);
  auto forgotten = database.Run("DELETE FROM audit WHERE time < ?", {oldest});
  if (!forgotten) return forgotten.Failure();
  forgotten = database.Run("DELETE FROM keys WHERE revoked < ?", {oldest});
  if (!forgotten) return forgotten.Failure();
  return {};
}

void SqliteAccessStore::NoteUse(std::string_view sql, std::string_view id,
                                AccessTime last_used) {
  const AccessTime now = Now();
  if (std::chrono::abs(now - last_used) < std::chrono::minutes(1)) return;
  const std::lock_guard lock(noter_mutex_);
  const auto noted = noter_->Run(sql, {ToMilliseconds(now), id});
  // Where another connection writes just now, the next use is noted.
  if (noted || noted.error().code == ErrorCode::kUnavailable) return;
  // Not a warning: a full disk would fill the log with every request.
  Log(LogLevel::kDebug, "last use not noted",
      {{"reason", noted.error().message}});
}

Result<> SqliteAccessStore::Record(const Caller& by, std::string_view action,
                                   std::string_view subject_kind,
                                   std::string_view subject) {
  return Change(by, action, subject_kind, subject,
                [](Database&) { return Result<>(); });
}

Result<std::vector<AuditEntry>> SqliteAccessStore::Audit(
    const Caller& by, std::int64_t before, std::size_t most) const {
  if (auto allowed = Authorize(by, Action::kSeeAccess); !allowed) {
    return allowed.Failure();
  }
  std::vector<AuditEntry> entries;
  auto read = Read(
      "SELECT id, time, by_kind, by_name, by_id, action, subject_kind, subject"
      " FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
      {before > 0 ? before : std::numeric_limits<std::int64_t>::max(),
       static_cast<std::int64_t>(std::min<std::size_t>(most, 10000))},
      [&](const SqlRow& row) -> Result<> {
        entries.push_back({row.Int(0), FromMilliseconds(row.Int(1)),
                           KindFrom(row.Int(2)), std::string(row.Text(3)),
                           std::string(row.Text(4)), std::string(row.Text(5)),
                           std::string(row.Text(6)), std::string(row.Text(7))});
        return {};
      });
  if (!read) return read.Failure();
  return entries;
}

Result<std::unique_ptr<AccessStore>> AccessStore::Open(
    const std::filesystem::path& file, const AccessOptions& options,
    const Clock& clock, RandomBytes random,
    std::unique_ptr<PasswordHasher> hasher) {
  DatabaseOptions database;
  database.application_id = 0x4f634163;  // "OcAc".
  database.migrations = kMigrations;
  database.secure_delete = true;
  database.busy_timeout = options.patience;
  SqliteAccessStore::Connections connections;
  for (auto* connection : {&connections.writer, &connections.reader}) {
    auto opened = Database::Open(file, database);
    if (!opened) return opened.Failure("opening keys and users");
    *connection = std::move(*opened);
  }
  database.durable = false;
  database.busy_timeout = {};
  auto noter = Database::Open(file, database);
  if (!noter) return noter.Failure("opening keys and users");
  connections.noter = std::move(*noter);
  if (!hasher) hasher = MakePasswordHasher();
  return std::make_unique<SqliteAccessStore>(std::move(connections), options,
                                             clock, std::move(random),
                                             std::move(hasher));
}

}  // namespace ocelli
