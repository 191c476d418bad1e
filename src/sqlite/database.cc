#include "sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "core/log.h"

namespace ocelli {
namespace {

struct CloseStatement {
  void operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
  }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, CloseStatement>;

auto FailWithSqlite(const std::filesystem::path& path, sqlite3* connection,
                    int rc) {
  const std::string file = path.string();
  const std::string reason = connection ? sqlite3_errmsg(connection)  //
                                        : sqlite3_errstr(rc);
  const int number = connection ? sqlite3_system_errno(connection) : 0;
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Fail(ErrorCode::kUnavailable,
                  file + " is in use by another process; try again");
    case SQLITE_FULL:
      return Fail(ErrorCode::kResourceExhausted,
                  "no space left to write " + file);
    case SQLITE_IOERR:
      return Fail(ErrorCode::kResourceExhausted,
                  "cannot read or write " + file + ": " + reason +
                      (number ? ", " + std::generic_category().message(number)
                              : std::string()));
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Fail(ErrorCode::kResourceExhausted, file + ": " + reason);
    case SQLITE_CORRUPT:
      return Fail(ErrorCode::kDataLoss, file + " is damaged: " + reason);
    case SQLITE_NOTADB:
      return Fail(ErrorCode::kDataLoss,
                  file + " is damaged or no database at all");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Fail(ErrorCode::kPermissionDenied,
                  "cannot write " + file + ": " + reason);
    case SQLITE_CANTOPEN:
      return number ? FailWithErrno("cannot open " + file, number)
                    : Fail(ErrorCode::kFailedPrecondition,
                           "cannot open " + file + ": " + reason);
    default:
      return Fail(ErrorCode::kInternal, file + ": " + reason);
  }
}

Result<> MakePrivateFolders(const std::filesystem::path& folder) {
  if (folder.empty() || mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno == ENOENT && folder.has_parent_path() &&
      folder.parent_path() != folder) {
    if (auto made = MakePrivateFolders(folder.parent_path()); !made) {
      return made;
    }
    if (mkdir(folder.c_str(), 0700) == 0) return {};
  }
  if (errno == EEXIST) return {};
  return FailWithErrno("cannot make the folder " + folder.string(), errno);
}

// SQLite gives its log the permissions of the file. A file that exists is not
// opened: closing it would drop the locks that other connections of this
// process hold on it.
Result<> MakePrivateFile(const std::filesystem::path& file) {
  if (auto made = MakePrivateFolders(file.parent_path()); !made) return made;
  const int descriptor =
      open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    close(descriptor);
  } else if (errno != EEXIST) {
    return FailWithErrno("cannot make " + file.string(), errno);
  }
  return {};
}

int Bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
  struct Binder {
    sqlite3_stmt* statement;
    int index;
    int operator()(std::nullptr_t) const {
      return sqlite3_bind_null(statement, index);
    }
    int operator()(std::int64_t number) const {
      return sqlite3_bind_int64(statement, index, number);
    }
    int operator()(double number) const {
      return sqlite3_bind_double(statement, index, number);
    }
    int operator()(std::string_view text) const {
      return sqlite3_bind_text64(statement, index,
                                 text.data() ? text.data() : "", text.size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(std::span<const std::byte> blob) const {
      return sqlite3_bind_blob64(
          statement, index,
          blob.data() ? static_cast<const void*>(blob.data()) : "", blob.size(),
          SQLITE_STATIC);
    }
  };
  return std::visit(Binder{statement, index}, value);
}

}  // namespace

struct Database::State {
  ~State() {
    statements.clear();
    sqlite3_close(connection);
  }
  // After each commit. SQLite's own automatic checkpoint keeps the log's
  // frames: where every process writes little and ends, none ever knows that
  // they have been moved, and the log grows for ever.
  static int EmptyLongLog(void* self, sqlite3* connection, const char*,
                          int pages) {
    const auto* state = static_cast<State*>(self);
    if (pages < state->checkpoint_pages) return SQLITE_OK;
    // Who reads is not waited for: a later commit tries again.
    sqlite3_busy_timeout(connection, 0);
    sqlite3_wal_checkpoint_v2(connection, nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                              nullptr, nullptr);
    sqlite3_busy_timeout(connection, state->busy_timeout_ms);
    return SQLITE_OK;
  }

  sqlite3* connection = nullptr;
  int busy_timeout_ms = 0;
  int checkpoint_pages = 0;
  std::map<std::string, StatementPtr, std::less<>> statements;
};

std::int64_t SqlRow::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double SqlRow::Real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view SqlRow::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_, column);
  if (!text) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> SqlRow::Blob(int column) const {
  const void* blob = sqlite3_column_blob(statement_, column);
  if (!blob) return {};
  return {static_cast<const std::byte*>(blob),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Database::Database(std::filesystem::path file, std::unique_ptr<State> state)
    : file_(std::move(file)), state_(std::move(state)) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::Open(
    const std::filesystem::path& file, const DatabaseOptions& options) {
  if (auto made = MakePrivateFile(file); !made) return made.Failure();
  // Absolute, so that no name reads as a URI or as SQLite's ":memory:".
  std::error_code ignored;
  const std::string absolute =
      std::filesystem::absolute(file, ignored).string();
  auto state = std::make_unique<State>();
  const int rc =
      sqlite3_open_v2(absolute.c_str(), &state->connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                          SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                      nullptr);
  if (rc != SQLITE_OK) return FailWithSqlite(file, state->connection, rc);
  std::unique_ptr<Database> database(new Database(file, std::move(state)));
  if (auto configured = database->Configure(options); !configured) {
    return configured.Failure();
  }
  if (auto migrated = database->Migrate(options); !migrated) {
    return migrated.Failure();
  }
  return database;
}

Result<> Database::Configure(const DatabaseOptions& options) {
  sqlite3* connection = state_->connection;
  state_->busy_timeout_ms = static_cast<int>(options.busy_timeout.count());
  state_->checkpoint_pages = options.checkpoint_pages;
  sqlite3_busy_timeout(connection, state_->busy_timeout_ms);
  sqlite3_wal_hook(connection, State::EmptyLongLog, state_.get());
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  // The file may be hostile: its schema is never to run code of ours.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                    options.checkpoint_on_close ? 0 : 1, nullptr);
  return Script(
      "PRAGMA temp_store=MEMORY;"
      "PRAGMA secure_delete=" +
      std::string(options.secure_delete ? "ON;" : "OFF;") +
      "PRAGMA synchronous=" + (options.durable ? "FULL" : "NORMAL"));
}

Result<> Database::Migrate(const DatabaseOptions& options) {
  const auto newest = static_cast<std::int64_t>(options.migrations.size());
  // The version, checked; -1 for a file that holds nothing yet.
  const auto version = [&]() -> Result<std::int64_t> {
    auto known = QueryInt("PRAGMA user_version");
    auto application = QueryInt("PRAGMA application_id");
    auto schema = QueryInt("PRAGMA schema_version");
    if (!known) return known.Failure();
    if (!application) return application.Failure();
    if (!schema) return schema.Failure();
    if (*known == 0 && *application == 0 && *schema == 0) return -1;
    if (*application != options.application_id) {
      return Fail(ErrorCode::kFailedPrecondition,
                  file_.string() + " is another program's database");
    }
    if (*known > newest) {
      return Fail(ErrorCode::kFailedPrecondition,
                  file_.string() + " was written by a newer ocelli (format " +
                      std::to_string(*known) + ", this one knows " +
                      std::to_string(newest) + ")");
    }
    return known;
  };

  auto found = version();
  if (!found) return found.Failure();
  if (*found == newest) return {};
  if (*found < 0) {
    auto made =
        Script("PRAGMA page_size=" + std::to_string(options.page_bytes) +
               ";PRAGMA journal_mode=WAL");
    if (!made) return made;
  }
  auto transaction = Transaction::Begin(*this);
  if (!transaction) return transaction.Failure();
  // Another process may have done it meanwhile.
  found = version();
  if (!found) return found.Failure();
  for (std::int64_t i = std::max<std::int64_t>(*found, 0); i < newest; ++i) {
    auto done = Script(options.migrations[static_cast<std::size_t>(i)]);
    if (!done) return done.Failure("bringing the format up to date");
  }
  auto marked = Script(
      "PRAGMA user_version=" + std::to_string(newest) +
      ";PRAGMA application_id=" + std::to_string(options.application_id));
  if (!marked) return marked;
  return transaction->Commit();
}

Result<> Database::Script(const std::string& sql) {
  const int rc =
      sqlite3_exec(state_->connection, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return FailWithSqlite(file_, state_->connection, rc);
  return {};
}

Result<std::int64_t> Database::Run(std::string_view sql,
                                   std::initializer_list<SqlValue> values) {
  const auto before = sqlite3_total_changes64(state_->connection);
  auto done = Query(sql, values, [](const SqlRow&) { return Result<>(); });
  if (!done) return done.Failure();
  // Without what triggers and foreign keys changed.
  return sqlite3_total_changes64(state_->connection) == before
             ? 0
             : sqlite3_changes64(state_->connection);
}

Result<std::int64_t> Database::QueryInt(
    std::string_view sql, std::initializer_list<SqlValue> values) {
  std::int64_t value = 0;
  bool first = true;
  auto done = Query(sql, values, [&](const SqlRow& row) -> Result<> {
    if (std::exchange(first, false)) value = row.Int(0);
    return {};
  });
  if (!done) return done.Failure();
  return value;
}

Result<> Database::Query(std::string_view sql,
                         std::initializer_list<SqlValue> values,
                         const std::function<Result<>(const SqlRow&)>& row) {
  auto found = state_->statements.find(sql);
  if (found == state_->statements.end()) {
    sqlite3_stmt* compiled = nullptr;
    const int rc = sqlite3_prepare_v3(
        state_->connection, sql.data(), static_cast<int>(sql.size()),
        SQLITE_PREPARE_PERSISTENT, &compiled, nullptr);
    if (rc == SQLITE_ERROR) {
      return Fail(ErrorCode::kDataLoss,
                  file_.string() + " lacks a table that it should have: " +
                      sqlite3_errmsg(state_->connection));
    }
    if (rc != SQLITE_OK) {
      return FailWithSqlite(file_, state_->connection, rc);
    }
    found = state_->statements.emplace(sql, StatementPtr(compiled)).first;
  }
  sqlite3_stmt* statement = found->second.get();
  OCELLI_CHECK(!sqlite3_stmt_busy(statement));

  int index = 0;
  for (const SqlValue& value : values) {
    OCELLI_CHECK(Bind(statement, ++index, value) == SQLITE_OK);
  }
  Result<> result;
  int rc = SQLITE_ROW;
  while (result && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
    result = row(SqlRow(statement));
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    result = FailWithSqlite(file_, state_->connection, rc);
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return result;
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(state_->connection);
}

Result<> Database::EmptyLog() {
  const int rc =
      sqlite3_wal_checkpoint_v2(state_->connection, nullptr,
                                SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (rc != SQLITE_OK) return FailWithSqlite(file_, state_->connection, rc);
  return {};
}

Result<Transaction> Transaction::Begin(Database& database) {
  auto begun = database.Run("BEGIN IMMEDIATE");
  if (!begun) return begun.Failure();
  return Transaction(&database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (!database_) return;
  // Fails where SQLite has rolled back by itself, after a full disk say.
  const auto ignored = database_->Run("ROLLBACK");
  static_cast<void>(ignored);
}

Result<> Transaction::Commit() {
  auto done = database_->Run("COMMIT");
  if (!done) return done.Failure();
  database_ = nullptr;
  return {};
}

FileIdentity IdentityOf(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

Result<> SetAside(const std::filesystem::path& file,
                  const FileIdentity& damaged) {
  const auto folder = file.has_parent_path() ? file.parent_path() : ".";
  const int lock = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0 || flock(lock, LOCK_EX) != 0) {
    const int number = errno;
    if (lock >= 0) close(lock);
    return FailWithErrno("cannot lock " + folder.string(), number);
  }
  Result<> result;
  if (IdentityOf(file) == damaged) {
    std::filesystem::path target;
    std::error_code error;
    for (int n = 1; target.empty() || std::filesystem::exists(target, error);
         ++n) {
      target = file.string() + ".damaged-" + std::to_string(n);
    }
    // The log goes first: left behind, it would be replayed into the new file.
    std::filesystem::rename(file.string() + "-wal", target.string() + "-wal",
                            error);
    std::filesystem::remove(file.string() + "-shm", error);
    if (rename(file.c_str(), target.c_str()) != 0) {
      result = FailWithErrno("cannot set aside " + file.string(), errno);
    } else {
      Log(LogLevel::kWarning, "damaged database set aside",
          {{"file", file.string()}, {"to", target.string()}});
    }
  }
  close(lock);
  return result;
}

}  // namespace ocelli
