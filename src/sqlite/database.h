#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.h"

struct sqlite3_stmt;

namespace ocelli {

// A value for one `?`: null, a number, text or a blob. Text and blobs are not
// copied: they live until the call returns.
using SqlValue = std::variant<std::nullptr_t, std::int64_t, double,
                              std::string_view, std::span<const std::byte>>;

struct DatabaseOptions {
  // Marks the file as ours; a file with another mark is refused.
  std::int32_t application_id = 0;
  // The whole history of the schema: entry i is the SQL that takes a file
  // from version i to i + 1. Entries are only ever added.
  std::span<const char* const> migrations;
  // False: the last transactions may go with a power failure, none with a
  // crash of this process.
  bool durable = true;
  bool secure_delete = false;  // Deleted rows are overwritten with zeros.
  std::chrono::milliseconds busy_timeout{5000};
  int page_bytes = 4096;  // Of a new file.
  // Pages that wait in the write-ahead log until they are moved to the file.
  int checkpoint_pages = 1000;
  // False: closing is quick, and the next one to open reads the log.
  bool checkpoint_on_close = true;
};

// The current row of a query; gone when the callback returns. A column of
// another type converts as SQLite does: never undefined, maybe 0 or empty.
class SqlRow {
 public:
  std::int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Text(int column) const;
  std::span<const std::byte> Blob(int column) const;

 private:
  friend class Database;
  explicit SqlRow(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
};

// One connection to an embedded database in WAL mode. One thread at a time;
// several connections and processes may share the file.
//
// Errors: kUnavailable: another process holds the file. kResourceExhausted:
// no space, or the device fails. kDataLoss: damaged, or no database.
// kPermissionDenied: not ours to write. kFailedPrecondition: another
// program's file, or one of a newer version. Each message names the file.
class Database {
 public:
  // Makes file (mode 0600) and folders (0700) when missing, and brings the
  // schema up to date.
  static Result<std::unique_ptr<Database>> Open(
      const std::filesystem::path& file, const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one statement to its end; returns how many rows it changed.
  // Statements are compiled once per text.
  Result<std::int64_t> Run(std::string_view sql,
                           std::initializer_list<SqlValue> values = {});
  // Calls `row` for each row until it fails; its error comes back as it is.
  Result<> Query(std::string_view sql, std::initializer_list<SqlValue> values,
                 const std::function<Result<>(const SqlRow&)>& row);
  // The first column of the first row, 0 where there is none.
  Result<std::int64_t> QueryInt(std::string_view sql,
                                std::initializer_list<SqlValue> values = {});

  std::int64_t last_insert_id() const;
  const std::filesystem::path& file() const { return file_; }

  // Moves the log into the file and empties it. kUnavailable where a reader
  // of another connection stays in the way for the whole timeout.
  Result<> EmptyLog();

 private:
  struct State;
  Database(std::filesystem::path file, std::unique_ptr<State> state);

  Result<> Configure(const DatabaseOptions& options);
  Result<> Migrate(const DatabaseOptions& options);
  Result<> Script(const std::string& sql);

  const std::filesystem::path file_;
  std::unique_ptr<State> state_;
};

// All changes until Commit(), or none. The database outlives it.
class Transaction {
 public:
  // Takes the write lock at once, so that Commit() never meets another writer.
  static Result<Transaction> Begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  Result<> Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;  // Null once committed or moved from.
};

// Which file a path led to when it was asked.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity IdentityOf(const std::filesystem::path& file);

// Renames a damaged database and its log to FILE.damaged-N and says so in the
// log. Nothing happens where `file` is no longer `damaged`: another process
// was faster.
Result<> SetAside(const std::filesystem::path& file,
                  const FileIdentity& damaged);

}  // namespace ocelli
