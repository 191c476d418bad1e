#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "index/collection.h"
#include "sqlite/database.h"

namespace ocelli {

// A moment in the history of a collection's vectors. Every change of them has
// a revision; the token tells two histories apart where a file was put back.
struct Moment {
  std::int64_t revision = 0;
  std::int64_t token = 0;
  std::int64_t last_slot = 0;     // The newest vector's, removed or not.
  std::int64_t last_removal = 0;  // The newest removal's number.
  bool operator==(const Moment&) const = default;
};

// The truth about a collection: one connection to its database. Vectors are
// known by slot, a number that only grows and is never used again. One thread
// at a time.
class Store {
 public:
  // Makes the file, which must not exist.
  static Result<> Create(const std::filesystem::path& file,
                         const CollectionSpec& spec);
  // The name is the folder's. kNotFound.
  static Result<std::unique_ptr<Store>> Open(const std::filesystem::path& file);

  const CollectionSpec& spec() const { return spec_; }

  // As Collection's.
  Result<PutSummary> Put(std::span<const Entry> entries);
  Result<std::size_t> Remove(std::span<const std::string> ids);
  // Forgets the past, so that every older index is stale, and frees space.
  Result<> Compact();

  // Until it is destroyed, this connection sees one moment.
  class Reading {
   public:
    ~Reading();
    Reading(Reading&& other) noexcept;
    Reading& operator=(Reading&&) = delete;

   private:
    friend class Store;
    explicit Reading(Database* database) : database_(database) {}
    Database* database_;
  };
  Result<Reading> BeginReading();

  Result<Moment> Now();
  // Whether `moment` is part of this history.
  Result<bool> Remembers(const Moment& moment);
  // Items with a slot after `slot`.
  Result<std::uint64_t> CountAfter(std::int64_t slot);

  using VisitVector =
      std::function<Result<>(std::int64_t slot, std::span<const float> vector)>;
  // Those with a slot after `slot`, in order.
  Result<> VectorsAfter(std::int64_t slot, const VisitVector& visit);
  Result<std::vector<std::int64_t>> SlotsRemovedAfter(std::int64_t removal);

  Result<std::optional<std::int64_t>> SlotOf(std::string_view id);
  Result<std::string> IdAt(std::int64_t slot);
  Result<Item> ItemAt(std::int64_t slot);
  Result<std::vector<float>> VectorAt(std::int64_t slot);
  // Those whose items satisfy all, ascending.
  Result<std::vector<std::int64_t>> Matching(
      std::span<const Condition> conditions);
  Result<std::unordered_map<std::string, Digest>> Digests();
  Result<> ForEach(
      const std::function<Result<>(const Item&, std::span<const float>)>&
          visit);

 private:
  explicit Store(std::unique_ptr<Database> database)
      : database_(std::move(database)) {}
  Result<> ReadSpec();
  enum class PutKind { kAdded, kUpdated, kUnchanged };
  struct PutOutcome {
    PutKind kind;
    bool vectors_changed;
  };
  // `vector`: the entry's, prepared.
  Result<PutOutcome> PutOne(const Item& item, std::span<const float> vector);
  Result<PutOutcome> Update(std::int64_t slot, const Item& item);
  Result<> Insert(const Item& item, std::span<const float> vector);
  Result<> InsertMetadata(std::int64_t slot, const Item& item);
  Result<> RemoveSlot(std::int64_t slot);
  Result<> NoteChange();
  Result<> KeepMatching(const Condition& condition,
                        std::vector<std::int64_t>& slots);
  // Good until the next call.
  Result<std::span<const float>> VectorIn(std::span<const std::byte> blob,
                                          std::int64_t slot);

  const std::unique_ptr<Database> database_;
  CollectionSpec spec_;
  std::vector<float> vector_;  // SQLite aligns no blob.
};

}  // namespace ocelli
