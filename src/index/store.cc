#include "index/store.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "index/similarity.h"

namespace ocelli {
namespace {

// Vectors lie apart, so that questions about items do not read through them.
// Whoever knows a moment catches up by what came after its last slot and last
// removal.
constexpr const char* kMigrations[] = {R"(
  CREATE TABLE collection(
    embedder TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    dimension INTEGER NOT NULL,
    metric INTEGER NOT NULL);
  CREATE TABLE items(
    slot INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    path TEXT NOT NULL);
  CREATE TABLE metadata(
    slot INTEGER NOT NULL REFERENCES items ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(slot, key)) WITHOUT ROWID;
  CREATE INDEX metadata_by_key ON metadata(key, slot, value);
  CREATE TABLE vectors(
    slot INTEGER PRIMARY KEY REFERENCES items ON DELETE CASCADE,
    vector BLOB NOT NULL);
  CREATE TABLE removed(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    slot INTEGER NOT NULL);
  CREATE TABLE changes(
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    token INTEGER NOT NULL);
  INSERT INTO changes(token) VALUES(random());)"};

constexpr std::size_t kMaxIdBytes = 1024;

DatabaseOptions StorageOptions() {
  DatabaseOptions options;
  options.application_id = 0x4f63436f;  // "OcCo".
  options.migrations = kMigrations;
  options.page_bytes = 16384;  // Several vectors a page.
  options.busy_timeout = std::chrono::seconds(30);
  return options;
}

std::span<const std::byte> BytesOf(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

Digest DigestIn(std::span<const std::byte> blob) {
  Digest digest;
  if (blob.size() == digest.bytes.size()) {
    std::memcpy(digest.bytes.data(), blob.data(), blob.size());
  }
  return digest;
}

Result<> CheckId(const std::string& id) {
  if (id.empty() || id.size() > kMaxIdBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "an id of " + std::to_string(id.size()) + " bytes; 1 to " +
                    std::to_string(kMaxIdBytes) + " are allowed");
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(id.begin(), id.end(), is_control)) {
    return Fail(ErrorCode::kInvalidArgument, "an id with a control character");
  }
  return {};
}

}  // namespace

Result<> Store::Create(const std::filesystem::path& file,
                       const CollectionSpec& spec) {
  auto database = Database::Open(file, StorageOptions());
  if (!database) return database.Failure();
  auto added = (*database)->Run(
      "INSERT INTO collection VALUES(?, ?, ?, ?)",
      {std::string_view(spec.embedder), BytesOf(spec.fingerprint),
       std::int64_t{spec.dimension}, static_cast<std::int64_t>(spec.metric)});
  if (!added) return added.Failure();
  return {};
}

Result<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& file) {
  auto database = Database::Open(file, StorageOptions());
  if (!database) return database.Failure();
  std::unique_ptr<Store> store(new Store(std::move(*database)));
  if (auto read = store->ReadSpec(); !read) return read.Failure();
  return store;
}

Result<> Store::ReadSpec() {
  std::int64_t dimension = 0, metric = -1;
  auto read = database_->Query(
      "SELECT embedder, fingerprint, dimension, metric FROM collection", {},
      [&](const SqlRow& row) -> Result<> {
        spec_.embedder = row.Text(0);
        spec_.fingerprint = DigestIn(row.Blob(1));
        dimension = row.Int(2);
        metric = row.Int(3);
        return {};
      });
  if (!read) return read;
  if (dimension < 1 || dimension > kMaxDimension || metric < 0 || metric > 1) {
    return Fail(ErrorCode::kDataLoss,
                database_->file().string() +
                    " is damaged: no collection's dimension and metric");
  }
  spec_.name = database_->file().parent_path().filename().string();
  spec_.dimension = static_cast<int>(dimension);
  spec_.metric = static_cast<Metric>(metric);
  return {};
}

Result<PutSummary> Store::Put(std::span<const Entry> entries) {
  auto transaction = Transaction::Begin(*database_);
  if (!transaction) return transaction.Failure();
  PutSummary summary;
  bool vectors_changed = false;
  std::unordered_set<std::string_view> ids;
  std::vector<float> vector;
  for (const Entry& entry : entries) {
    const std::string& id = entry.item.id;
    if (auto checked = CheckId(id); !checked) return checked.Failure();
    if (!ids.insert(id).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  "\"" + id + "\" comes twice at once");
    }
    vector = entry.vector;
    if (!vector.empty()) {
      auto prepared = PrepareVector(spec_.metric, spec_.dimension, vector);
      if (!prepared) return prepared.Failure("\"" + id + "\"");
    }
    auto outcome = PutOne(entry.item, vector);
    if (!outcome) return outcome.Failure();
    ++(outcome->kind == PutKind::kAdded     ? summary.added
       : outcome->kind == PutKind::kUpdated ? summary.updated
                                            : summary.unchanged);
    vectors_changed |= outcome->vectors_changed;
  }
  if (vectors_changed) {
    if (auto noted = NoteChange(); !noted) return noted.Failure();
  }
  if (auto done = transaction->Commit(); !done) return done.Failure();
  return summary;
}

Result<Store::PutOutcome> Store::PutOne(const Item& item,
                                        std::span<const float> vector) {
  auto slot = SlotOf(item.id);
  if (!slot) return slot.Failure();
  if (!*slot) {
    if (vector.empty()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "\"" + item.id + "\" is new and comes without a vector");
    }
    if (auto done = Insert(item, vector); !done) return done.Failure();
    return PutOutcome{PutKind::kAdded, true};
  }
  auto kept = VectorAt(**slot);
  if (!kept) return kept.Failure();
  if (vector.empty() || std::equal(kept->begin(), kept->end(),  //
                                   vector.begin(), vector.end())) {
    return Update(**slot, item);
  }
  if (auto gone = RemoveSlot(**slot); !gone) return gone.Failure();
  if (auto done = Insert(item, vector); !done) return done.Failure();
  return PutOutcome{PutKind::kUpdated, true};
}

Result<Store::PutOutcome> Store::Update(std::int64_t slot, const Item& item) {
  auto kept = ItemAt(slot);
  if (!kept) return kept.Failure();
  if (*kept == item) return PutOutcome{PutKind::kUnchanged, false};
  auto updated =
      database_->Run("UPDATE items SET digest = ?, path = ? WHERE slot = ?",
                     {BytesOf(item.digest), std::string_view(item.path), slot});
  if (!updated) return updated.Failure();
  auto cleared = database_->Run("DELETE FROM metadata WHERE slot = ?", {slot});
  if (!cleared) return cleared.Failure();
  if (auto done = InsertMetadata(slot, item); !done) return done.Failure();
  return PutOutcome{PutKind::kUpdated, false};
}

Result<> Store::Insert(const Item& item, std::span<const float> vector) {
  auto added =
      database_->Run("INSERT INTO items(id, digest, path) VALUES(?, ?, ?)",
                     {std::string_view(item.id), BytesOf(item.digest),
                      std::string_view(item.path)});
  if (!added) return added.Failure();
  const std::int64_t slot = database_->last_insert_id();
  auto kept = database_->Run("INSERT INTO vectors VALUES(?, ?)",
                             {slot, std::as_bytes(vector)});
  if (!kept) return kept.Failure();
  return InsertMetadata(slot, item);
}

Result<> Store::InsertMetadata(std::int64_t slot, const Item& item) {
  for (const auto& [key, value] : item.metadata) {
    auto added =
        database_->Run("INSERT INTO metadata VALUES(?, ?, ?)",
                       {slot, std::string_view(key), std::string_view(value)});
    if (!added) return added.Failure();
  }
  return {};
}

Result<> Store::RemoveSlot(std::int64_t slot) {
  auto gone = database_->Run("DELETE FROM items WHERE slot = ?", {slot});
  if (!gone) return gone.Failure();
  auto noted = database_->Run("INSERT INTO removed(slot) VALUES(?)", {slot});
  if (!noted) return noted.Failure();
  return {};
}

Result<> Store::NoteChange() {
  auto noted = database_->Run("INSERT INTO changes(token) VALUES(random())");
  if (!noted) return noted.Failure();
  return {};
}

Result<std::size_t> Store::Remove(std::span<const std::string> ids) {
  auto transaction = Transaction::Begin(*database_);
  if (!transaction) return transaction.Failure();
  std::size_t count = 0;
  for (const std::string& id : ids) {
    auto slot = SlotOf(id);
    if (!slot) return slot.Failure();
    if (!*slot) continue;
    if (auto gone = RemoveSlot(**slot); !gone) return gone.Failure();
    ++count;
  }
  if (count > 0) {
    if (auto noted = NoteChange(); !noted) return noted.Failure();
  }
  if (auto done = transaction->Commit(); !done) return done.Failure();
  return count;
}

Result<> Store::Compact() {
  {
    auto transaction = Transaction::Begin(*database_);
    if (!transaction) return transaction.Failure();
    for (const char* table : {"DELETE FROM removed", "DELETE FROM changes"}) {
      if (auto gone = database_->Run(table); !gone) return gone.Failure();
    }
    if (auto noted = NoteChange(); !noted) return noted;
    if (auto done = transaction->Commit(); !done) return done;
  }
  if (auto shrunk = database_->Run("VACUUM"); !shrunk) return shrunk.Failure();
  return database_->EmptyLog();
}

Store::Reading::~Reading() {
  if (!database_) return;
  // Reading leaves nothing that could fail to be kept.
  static_cast<void>(database_->Run("COMMIT"));
}

Store::Reading::Reading(Reading&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Result<Store::Reading> Store::BeginReading() {
  if (auto begun = database_->Run("BEGIN"); !begun) return begun.Failure();
  return Reading(database_.get());
}

Result<Moment> Store::Now() {
  Moment moment;
  auto read = database_->Query(
      "SELECT revision, token FROM changes ORDER BY revision DESC LIMIT 1", {},
      [&](const SqlRow& row) -> Result<> {
        moment.revision = row.Int(0);
        moment.token = row.Int(1);
        return {};
      });
  if (!read) return read.Failure();
  const std::pair<const char*, std::int64_t*> kSequences[] = {
      {"items", &moment.last_slot}, {"removed", &moment.last_removal}};
  for (const auto& [table, last] : kSequences) {
    auto value =
        database_->QueryInt("SELECT seq FROM sqlite_sequence WHERE name = ?",
                            {std::string_view(table)});
    if (!value) return value.Failure();
    *last = *value;
  }
  return moment;
}

Result<bool> Store::Remembers(const Moment& moment) {
  auto found = database_->QueryInt(
      "SELECT count(*) FROM changes WHERE revision = ? AND token = ?",
      {moment.revision, moment.token});
  if (!found) return found.Failure();
  return *found == 1;
}

Result<std::uint64_t> Store::CountAfter(std::int64_t slot) {
  auto count =
      database_->QueryInt("SELECT count(*) FROM items WHERE slot > ?", {slot});
  if (!count) return count.Failure();
  return static_cast<std::uint64_t>(*count);
}

Result<std::span<const float>> Store::VectorIn(std::span<const std::byte> blob,
                                               std::int64_t slot) {
  const auto dimension = static_cast<std::size_t>(spec_.dimension);
  if (blob.size() != dimension * sizeof(float)) {
    return Fail(ErrorCode::kDataLoss,
                database_->file().string() + " is damaged: vector " +
                    std::to_string(slot) + " has " +
                    std::to_string(blob.size()) + " bytes");
  }
  vector_.resize(dimension);
  std::memcpy(vector_.data(), blob.data(), blob.size());
  return vector_;
}

Result<> Store::VectorsAfter(std::int64_t slot, const VisitVector& visit) {
  return database_->Query(
      "SELECT slot, vector FROM vectors WHERE slot > ? ORDER BY slot", {slot},
      [&](const SqlRow& row) -> Result<> {
        auto vector = VectorIn(row.Blob(1), row.Int(0));
        if (!vector) return vector.Failure();
        return visit(row.Int(0), *vector);
      });
}

Result<std::vector<std::int64_t>> Store::SlotsRemovedAfter(
    std::int64_t removal) {
  std::vector<std::int64_t> slots;
  auto read = database_->Query("SELECT slot FROM removed WHERE number > ?",
                               {removal}, [&](const SqlRow& row) -> Result<> {
                                 slots.push_back(row.Int(0));
                                 return {};
                               });
  if (!read) return read.Failure();
  return slots;
}

Result<std::optional<std::int64_t>> Store::SlotOf(std::string_view id) {
  std::optional<std::int64_t> slot;
  auto read = database_->Query("SELECT slot FROM items WHERE id = ?", {id},
                               [&](const SqlRow& row) -> Result<> {
                                 slot = row.Int(0);
                                 return {};
                               });
  if (!read) return read.Failure();
  return slot;
}

Result<std::string> Store::IdAt(std::int64_t slot) {
  std::string id;
  auto read = database_->Query("SELECT id FROM items WHERE slot = ?", {slot},
                               [&](const SqlRow& row) -> Result<> {
                                 id = row.Text(0);
                                 return {};
                               });
  if (!read) return read.Failure();
  return id;
}

Result<Item> Store::ItemAt(std::int64_t slot) {
  Item item;
  auto read =
      database_->Query("SELECT id, digest, path FROM items WHERE slot = ?",
                       {slot}, [&](const SqlRow& row) -> Result<> {
                         item.id = row.Text(0);
                         item.digest = DigestIn(row.Blob(1));
                         item.path = row.Text(2);
                         return {};
                       });
  if (!read) return read.Failure();
  read = database_->Query("SELECT key, value FROM metadata WHERE slot = ?",
                          {slot}, [&](const SqlRow& row) -> Result<> {
                            item.metadata.emplace(row.Text(0), row.Text(1));
                            return {};
                          });
  if (!read) return read.Failure();
  return item;
}

Result<std::vector<float>> Store::VectorAt(std::int64_t slot) {
  std::vector<float> vector;
  auto read = database_->Query("SELECT vector FROM vectors WHERE slot = ?",
                               {slot}, [&](const SqlRow& row) -> Result<> {
                                 auto values = VectorIn(row.Blob(0), slot);
                                 if (!values) return values.Failure();
                                 vector.assign(values->begin(), values->end());
                                 return {};
                               });
  if (!read) return read.Failure();
  if (vector.empty()) {
    return Fail(ErrorCode::kDataLoss, database_->file().string() +
                                          " is damaged: no vector " +
                                          std::to_string(slot));
  }
  return vector;
}

Result<std::vector<std::int64_t>> Store::Matching(
    std::span<const Condition> conditions) {
  std::vector<std::int64_t> slots;
  auto read = database_->Query("SELECT slot FROM items ORDER BY slot", {},
                               [&](const SqlRow& row) -> Result<> {
                                 slots.push_back(row.Int(0));
                                 return {};
                               });
  if (!read) return read.Failure();
  for (const Condition& condition : conditions) {
    std::vector<std::int64_t> kept;
    auto next = slots.begin();
    const auto without_key_until = [&](auto end) {
      if (condition.HoldsWithoutKey()) kept.insert(kept.end(), next, end);
      next = end;
    };
    read = database_->Query(
        "SELECT slot, value FROM metadata WHERE key = ? ORDER BY slot",
        {std::string_view(condition.key)}, [&](const SqlRow& row) -> Result<> {
          const std::int64_t slot = row.Int(0);
          without_key_until(std::lower_bound(next, slots.end(), slot));
          if (next == slots.end() || *next != slot) return {};
          if (condition.Holds(row.Text(1))) kept.push_back(slot);
          ++next;
          return {};
        });
    if (!read) return read.Failure();
    without_key_until(slots.end());
    slots = std::move(kept);
  }
  return slots;
}

Result<std::unordered_map<std::string, Digest>> Store::Digests() {
  std::unordered_map<std::string, Digest> digests;
  auto read = database_->Query(
      "SELECT id, digest FROM items", {}, [&](const SqlRow& row) -> Result<> {
        digests.emplace(row.Text(0), DigestIn(row.Blob(1)));
        return {};
      });
  if (!read) return read.Failure();
  return digests;
}

Result<> Store::ForEach(
    const std::function<Result<>(const Item&, std::span<const float>)>& visit) {
  return VectorsAfter(
      0, [&](std::int64_t slot, std::span<const float> vector) -> Result<> {
        auto item = ItemAt(slot);
        if (!item) return item.Failure();
        return visit(*item, vector);
      });
}

}  // namespace ocelli
