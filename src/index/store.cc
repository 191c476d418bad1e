#include "index/store.h"

#include <cstring>
#include <limits>
#include <utility>

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
  // It would be made anew.
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return Fail(ErrorCode::kNotFound,
                "no collection at " + file.parent_path().string());
  }
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
  for (const Condition& condition : conditions) {
    if (read) read = KeepMatching(condition, slots);
  }
  if (!read) return read.Failure();
  return slots;
}

// Walks along the slots and the values of the key, both in order.
Result<> Store::KeepMatching(const Condition& condition,
                             std::vector<std::int64_t>& slots) {
  auto next = slots.begin(), kept = slots.begin();
  const auto without_key_until = [&](std::int64_t slot) {
    for (; next != slots.end() && *next < slot; ++next) {
      if (condition.HoldsWithoutKey()) *kept++ = *next;
    }
  };
  auto read = database_->Query(
      "SELECT slot, value FROM metadata WHERE key = ? ORDER BY slot",
      {std::string_view(condition.key)}, [&](const SqlRow& row) -> Result<> {
        const std::int64_t slot = row.Int(0);
        without_key_until(slot);
        if (next == slots.end() || *next != slot) return {};
        if (condition.Holds(row.Text(1))) *kept++ = slot;
        ++next;
        return {};
      });
  without_key_until(std::numeric_limits<std::int64_t>::max());
  slots.erase(kept, slots.end());
  return read;
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
