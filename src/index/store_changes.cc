// The changing half of Store.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/entry_checks.h"
#include "index/store.h"

namespace ocelli {
namespace {

std::span<const std::byte> BytesOf(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

}  // namespace

Result<PutSummary> Store::Put(std::span<const Entry> entries) {
  auto transaction = Transaction::Begin(*database_);
  if (!transaction) return transaction.Failure();
  PutSummary summary;
  bool vectors_changed = false;
  EntryChecks checks(spec_);
  std::vector<float> vector;
  for (const Entry& entry : entries) {
    if (auto checked = checks.Check(entry, vector); !checked) {
      return checked.Failure();
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
      return FailWithoutVector(item.id);
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
  auto emptied = database_->EmptyLog();
  // Somebody reads: a later commit empties it.
  if (!emptied && emptied.error().code == ErrorCode::kUnavailable) return {};
  return emptied;
}

}  // namespace ocelli
