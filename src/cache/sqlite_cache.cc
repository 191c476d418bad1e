#include <atomic>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "cache/result_cache.h"
#include "cache/value_envelope.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

// The row id is made of both digests, so a look-up walks one tree. Values lie
// apart in the order in which they came: a touch never rewrites one, and a
// folder read again reads the file in order. Times are microseconds.
constexpr const char* kMigrations[] = {R"(
  CREATE TABLE entries(
    id INTEGER PRIMARY KEY,
    image BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    value INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL);
  CREATE INDEX entries_by_use ON entries(used);
  CREATE TABLE stored(id INTEGER PRIMARY KEY, value BLOB NOT NULL);
  CREATE TABLE totals(entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
  INSERT INTO totals VALUES(0, 0);
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.bytes;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.bytes;
    DELETE FROM stored WHERE id = OLD.value;
  END;)",
                                       R"(
  ALTER TABLE totals ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE totals ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;)"};

// What an entry's rows take beside its value.
constexpr std::uint64_t kEntryOverhead = 200;
// A hit renews the last use only where that is older.
constexpr std::chrono::microseconds kTouchAfter = std::chrono::hours(1);
constexpr std::size_t kMaxPendingTouches = 4096;
constexpr std::size_t kMaxIdleConnections = 16;

DatabaseOptions StorageOptions() {
  DatabaseOptions options;
  options.application_id = 0x4f634361;  // "OcCa".
  options.migrations = kMigrations;
  options.durable = false;
  options.busy_timeout = std::chrono::milliseconds(100);
  options.page_bytes = 8192;
  options.checkpoint_pages = 128;
  options.checkpoint_on_close = false;
  return options;
}

std::int64_t RowId(const ResultKey& key) {
  std::int64_t image = 0, fingerprint = 0;
  std::memcpy(&image, key.image.bytes.data(), sizeof(image));
  std::memcpy(&fingerprint, key.fingerprint.bytes.data(), sizeof(fingerprint));
  return image ^ fingerprint;
}

std::span<const std::byte> BytesOf(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

bool Equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// The connections to one file, lent to one thread at a time, so that readers
// never wait for each other. Thread-safe.
class Connections {
 public:
  static Result<std::shared_ptr<Connections>> Open(
      const std::filesystem::path& file) {
    const FileIdentity before = IdentityOf(file);
    auto first = Database::Open(file, StorageOptions());
    if (!first && first.error().code == ErrorCode::kDataLoss) {
      if (auto moved = SetAside(file, before); !moved) return moved.Failure();
      first = Database::Open(file, StorageOptions());
    }
    if (!first) return first.Failure();
    auto connections = std::make_shared<Connections>(file);
    connections->idle_.push_back(std::move(*first));
    return connections;
  }

  explicit Connections(const std::filesystem::path& file)
      : file_(file), identity_(IdentityOf(file)) {}

  Result<std::unique_ptr<Database>> Borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return Database::Open(file_, StorageOptions());
  }

  void Return(std::unique_ptr<Database> connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdleConnections) {
      idle_.push_back(std::move(connection));
    }
  }

  const FileIdentity& identity() const { return identity_; }

 private:
  const std::filesystem::path file_;
  const FileIdentity identity_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::unique_ptr<Database>> idle_;
};

class SqliteCache final : public ResultCache {
 public:
  SqliteCache(const std::filesystem::path& file, const CacheOptions& options,
              const Clock& clock, std::shared_ptr<Connections> connections)
      : file_(file),
        options_(options),
        clock_(clock),
        connections_(std::move(connections)) {}

  ~SqliteCache() override {
    if (hits_ + misses_ == 0) return;
    // Nobody is left to tell, and losing them costs little.
    static_cast<void>(WithConnection(
        [this](Database& database) { return WriteUse(database); }));
  }

  Result<std::optional<std::string>> Get(const ResultKey& key) override {
    return Find(key, true);
  }

  Result<std::optional<std::string>> GetAgain(const ResultKey& key) override {
    return Find(key, false);
  }

  Result<> Put(const ResultKey& key, std::string value) override {
    const std::uint64_t size = value.size() + kEntryOverhead;
    if (size > options_.max_bytes) return {};
    const auto bytes = std::as_bytes(std::span(value));
    return WithConnection([&](Database& database) -> Result<> {
      // One writer of this process at a time: waiting here is fair, waiting
      // in SQLite is not.
      const std::lock_guard lock(write_mutex_);
      auto transaction = Transaction::Begin(database);
      if (!transaction) return transaction.Failure();
      if (auto noted = NoteUse(database); !noted) return noted;
      auto removed =
          database.Run("DELETE FROM entries WHERE id = ?", {RowId(key)});
      if (!removed) return removed.Failure();
      auto stored =
          database.Run("INSERT INTO stored(value) VALUES(?)", {bytes});
      if (!stored) return stored.Failure();
      auto added = database.Run(
          "INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
          {RowId(key), BytesOf(key.image), BytesOf(key.fingerprint),
           database.last_insert_id(), static_cast<std::int64_t>(size),
           ValueChecksum(key, bytes), Now(), Now()});
      if (!added) return added.Failure();
      if (auto evicted = Evict(database); !evicted) return evicted;
      return transaction->Commit();
    });
  }

  Result<CacheStats> Stats() override {
    CacheStats stats{hits_, misses_, 0, 0, options_.max_bytes};
    auto read = WithConnection([&](Database& database) {
      return database.Query(
          "SELECT hits, misses, entries, bytes FROM totals", {},
          [&](const SqlRow& row) -> Result<> {
            const auto count = [&](int column) {
              return static_cast<std::uint64_t>(row.Int(column));
            };
            stats.hits += count(0);
            stats.misses += count(1);
            stats.entries = count(2);
            stats.bytes = count(3);
            return {};
          });
    });
    if (!read) return read.Failure();
    return stats;
  }

  // Rewrites the file: what was in it is nowhere in it any more.
  Result<std::uint64_t> Purge() override {
    std::uint64_t count = 0;
    auto purged = WithConnection([&](Database& database) -> Result<> {
      const std::lock_guard lock(write_mutex_);
      auto removed = database.Run("DELETE FROM entries");
      if (!removed) return removed.Failure();
      count = static_cast<std::uint64_t>(*removed);
      hits_ = misses_ = 0;
      auto reset = database.Run("UPDATE totals SET hits = 0, misses = 0");
      if (!reset) return reset.Failure();
      if (auto shrunk = database.Run("VACUUM"); !shrunk) {
        return shrunk.Failure();
      }
      return database.EmptyLog();
    });
    if (!purged) return purged.Failure();
    return count;
  }

 private:
  Result<std::optional<std::string>> Find(const ResultKey& key,
                                          bool count_miss) {
    std::optional<std::string> value;
    std::int64_t used = 0;
    auto read = WithConnection([&](Database& database) {
      return database.Query(
          "SELECT e.image, e.fingerprint, e.checksum, e.created, e.used,"
          " s.value FROM entries e JOIN stored s ON s.id = e.value"
          " WHERE e.id = ?",
          {RowId(key)}, [&](const SqlRow& row) -> Result<> {
            const auto bytes = row.Blob(5);
            if (Equal(row.Blob(0), BytesOf(key.image)) &&
                Equal(row.Blob(1), BytesOf(key.fingerprint)) &&
                row.Int(2) == ValueChecksum(key, bytes) &&
                !Expired(row.Int(3))) {
              value.emplace(reinterpret_cast<const char*>(bytes.data()),
                            bytes.size());
              used = row.Int(4);
            }
            return {};
          });
    });
    if (!read) {
      // Its successor is empty.
      if (read.error().code != ErrorCode::kDataLoss) return read.Failure();
      value.reset();
    }
    if (value) {
      ++hits_;
    } else if (count_miss) {
      ++misses_;
    }
    if (value && used < Now() - kTouchAfter.count()) Touch(RowId(key));
    return value;
  }

  std::int64_t Now() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               clock_.WallTime().time_since_epoch())
        .count();
  }

  bool Expired(std::int64_t created) const {
    return options_.ttl.count() > 0 &&
           created <= Now() - std::chrono::microseconds(options_.ttl).count();
  }

  // Calls `use` with a connection of its own. Where the file turns out to be
  // damaged, it is replaced by an empty one before the error returns.
  Result<> WithConnection(const std::function<Result<>(Database&)>& use) {
    std::shared_ptr<Connections> connections;
    {
      const std::lock_guard lock(mutex_);
      connections = connections_;
    }
    auto database = connections->Borrow();
    auto done = database ? use(**database) : Result<>(database.Failure());
    if (done || done.error().code != ErrorCode::kDataLoss) {
      if (database) connections->Return(std::move(*database));
      return done;
    }
    const std::lock_guard lock(mutex_);
    if (connections_ == connections) {
      if (auto moved = SetAside(file_, connections->identity()); !moved) {
        return moved;
      }
      auto fresh = Connections::Open(file_);
      if (!fresh) return fresh.Failure();
      connections_ = std::move(*fresh);
    }
    return done;
  }

  void Touch(std::int64_t id) {
    {
      const std::lock_guard lock(mutex_);
      touched_.push_back(id);
      if (touched_.size() < kMaxPendingTouches) return;
    }
    static_cast<void>(WithConnection(
        [this](Database& database) { return WriteUse(database); }));
  }

  Result<> WriteUse(Database& database) {
    const std::lock_guard lock(write_mutex_);
    auto transaction = Transaction::Begin(database);
    if (!transaction) return transaction.Failure();
    if (auto noted = NoteUse(database); !noted) return noted;
    return transaction->Commit();
  }

  // Inside a transaction: hits, misses and touches since the last time.
  Result<> NoteUse(Database& database) {
    auto counted =
        database.Run("UPDATE totals SET hits = hits + ?, misses = misses + ?",
                     {static_cast<std::int64_t>(hits_.exchange(0)),
                      static_cast<std::int64_t>(misses_.exchange(0))});
    if (!counted) return counted.Failure();
    std::vector<std::int64_t> ids;
    {
      const std::lock_guard lock(mutex_);
      ids.swap(touched_);
    }
    for (const std::int64_t id : ids) {
      auto renewed =
          database.Run("UPDATE entries SET used = ? WHERE id = ?", {Now(), id});
      if (!renewed) return renewed.Failure();
    }
    return {};
  }

  // Inside a transaction: what is too old goes once, then whatever was used
  // longest ago until the rest fits.
  Result<> Evict(Database& database) {
    if (options_.ttl.count() > 0 && !std::exchange(swept_, true)) {
      auto removed = database.Run(
          "DELETE FROM entries WHERE created <= ?",
          {Now() - std::chrono::microseconds(options_.ttl).count()});
      if (!removed) return removed.Failure();
    }
    while (true) {
      auto bytes = database.QueryInt("SELECT bytes FROM totals");
      if (!bytes) return bytes.Failure();
      if (static_cast<std::uint64_t>(*bytes) <= options_.max_bytes) return {};
      auto removed = database.Run(
          "DELETE FROM entries WHERE id ="
          " (SELECT id FROM entries ORDER BY used LIMIT 1)");
      if (!removed) return removed.Failure();
      if (*removed == 0) {
        return Fail(ErrorCode::kDataLoss,
                    file_.string() + " is damaged: wrong totals");
      }
    }
  }

  const std::filesystem::path file_;
  const CacheOptions options_;
  const Clock& clock_;
  // Not yet in the file.
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;

  std::mutex write_mutex_;
  bool swept_ = false;  // Guarded by write_mutex_.

  std::mutex mutex_;
  // Guarded by mutex_. Shared with the calls under way, so that a damaged
  // file's connections close after their last one.
  std::shared_ptr<Connections> connections_;
  std::vector<std::int64_t> touched_;
};

}  // namespace

Result<std::unique_ptr<ResultCache>> OpenSqliteCache(
    const std::filesystem::path& file, const CacheOptions& options,
    const Clock& clock) {
  auto connections = Connections::Open(file);
  if (!connections) return connections.Failure("opening the result cache");
  return std::make_unique<SqliteCache>(file, options, clock,
                                       std::move(*connections));
}

}  // namespace ocelli
