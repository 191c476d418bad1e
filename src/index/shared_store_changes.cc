// The changing half of SharedStore.
#include <algorithm>
#include <utility>

#include "index/entry_checks.h"
#include "index/filter_expression.h"
#include "index/shared_scripts.h"
#include "index/shared_store.h"

namespace ocelli {
namespace {

// A new vector takes Redis about a millisecond, in which it does nothing else.
constexpr std::size_t kEntriesAtOnce = 16;
constexpr std::size_t kIdsAtOnce = 32;

// Vectors that end in a ReLU are all alike by their signs.
Result<> CheckSigns(const Entry& entry, std::span<const float> vector) {
  const auto is_negative = [](float value) { return value < 0; };
  if (vector.empty() ||
      std::any_of(vector.begin(), vector.end(), is_negative)) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "\"" + entry.item.id +
                  "\": a vector without negative numbers, of which binary"
                  " quantization would keep nothing; create the collection"
                  " with --quantization int8 or none");
}

}  // namespace

Result<std::vector<SharedStore::Change>> SharedStore::Prepare(
    std::span<const Entry> entries) {
  std::vector<Change> changes(entries.size());
  EntryChecks checks(spec_.spec);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    changes[i].entry = &entries[i];
    auto checked = checks.Check(entries[i], changes[i].vector);
    if (checked) checked = CheckSharedItem(entries[i].item);
    if (checked && spec_.quantization == Quantization::kBinary) {
      checked = CheckSigns(entries[i], changes[i].vector);
    }
    if (!checked) return checked.Failure();
  }
  if (auto done = KeepWhatIsTheSame(changes); !done) return done.Failure();
  if (auto done = NumberAll(changes); !done) return done.Failure();
  return changes;
}

// A vector that came from here may go in again: rounded, it is not what was
// put, and still no change.
Result<> SharedStore::KeepWhatIsTheSame(std::vector<Change>& changes) {
  std::vector<std::string> ids;
  for (const Change& change : changes) ids.push_back(change.entry->item.id);
  auto kept = Read(ids, /*with_vectors=*/false);
  if (!kept) return kept.Failure();
  std::vector<std::size_t> differing;
  ids.clear();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    const auto& found = (*kept)[i];
    if (change.vector.empty()) {
      if (!found) return FailWithoutVector(change.entry->item.id);
    } else if (found && found->record.vector_digest !=
                            SharedVectorDigest(change.vector)) {
      differing.push_back(i);
      ids.push_back(change.entry->item.id);
    }
  }
  if (ids.empty()) return {};
  auto vectors = Read(ids, /*with_vectors=*/true);
  if (!vectors) return vectors.Failure();
  for (std::size_t n = 0; n < ids.size(); ++n) {
    Change& change = changes[differing[n]];
    const auto& found = (*vectors)[n];
    if (found && found->vector == change.vector) change.vector.clear();
  }
  return {};
}

Result<> SharedStore::NumberAll(std::vector<Change>& changes) {
  if (changes.empty()) return {};
  auto first =
      redis_->RunScript(TakeNumbersScript(), {SharedSpecKey(spec_.spec.name)},
                        {spec_.token, std::to_string(changes.size())});
  if (!first) return Failure(first.error());
  if (first->integer <= 0) return FailGone();
  auto number = static_cast<std::uint64_t>(first->integer);
  for (Change& change : changes) change.number = number++;
  return {};
}

Result<PutSummary> SharedStore::Put(std::span<const Entry> entries) {
  auto changes = Prepare(entries);
  if (!changes) return changes.Failure();
  std::vector<std::vector<const Change*>> by_partition(
      static_cast<std::size_t>(spec_.partitions));
  std::size_t most = 0;
  for (const Change& change : *changes) {
    auto& its = by_partition[static_cast<std::size_t>(
        PartitionOf(change.entry->item.id, spec_.partitions))];
    its.push_back(&change);
    most = std::max(most, its.size());
  }
  PutSummary summary;
  // One script a partition at a time, so that others get their turns.
  for (std::size_t from = 0; from < most; from += kEntriesAtOnce) {
    auto done = PutPartOf(by_partition, from, summary);
    if (!done) return done.Failure();
  }
  return summary;
}

Result<> SharedStore::PutPartOf(
    std::span<const std::vector<const Change*>> by_partition, std::size_t from,
    PutSummary& summary) {
  std::vector<RedisClient::ScriptCall> calls;
  std::vector<std::span<const Change* const>> parts;
  for (std::size_t p = 0; p < by_partition.size(); ++p) {
    const std::span<const Change* const> all = by_partition[p];
    if (from >= all.size()) continue;
    const auto part =
        all.subspan(from, std::min(kEntriesAtOnce, all.size() - from));
    std::vector<std::string> arguments = {heading_, quantization_};
    for (const Change* change : part) {
      const Item& item = change->entry->item;
      arguments.push_back(item.id);
      arguments.push_back(WriteSharedRecord(
          {.number = change->number,
           .vector_digest = SharedVectorDigest(change->vector),
           .item = item}));
      arguments.push_back(FilterAttributes(item.metadata));
      arguments.emplace_back(
          reinterpret_cast<const char*>(change->vector.data()),
          change->vector.size() * sizeof(float));
    }
    calls.push_back(Call(PutScript(), static_cast<int>(p), std::move(arguments),
                         RedisEffect::kRepeatable));
    parts.push_back(part);
  }
  auto replies = redis_->RunScripts(std::move(calls));
  for (std::size_t c = 0; c < replies.size(); ++c) {
    auto reply = Checked(std::move(replies[c]));
    if (!reply) return reply.Failure();
    if (reply->elements.size() != parts[c].size()) return FailForeign();
    for (std::size_t i = 0; i < parts[c].size(); ++i) {
      switch (reply->elements[i].integer) {
        case 0:
          ++summary.unchanged;
          break;
        case 1:
          ++summary.updated;
          break;
        case 2:
          ++summary.added;
          break;
        default:
          return FailWithoutVector(parts[c][i]->entry->item.id);
      }
    }
  }
  return {};
}

Result<std::size_t> SharedStore::Remove(std::span<const std::string> ids) {
  std::vector<std::vector<std::string>> by_partition(
      static_cast<std::size_t>(spec_.partitions));
  for (const std::string& id : ids) {
    if (id.empty()) continue;  // The heading.
    by_partition[static_cast<std::size_t>(PartitionOf(id, spec_.partitions))]
        .push_back(id);
  }
  std::vector<RedisClient::ScriptCall> calls;
  for (std::size_t p = 0; p < by_partition.size(); ++p) {
    const auto& all = by_partition[p];
    for (std::size_t at = 0; at < all.size(); at += kIdsAtOnce) {
      std::vector<std::string> arguments = {heading_};
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
      arguments.insert(arguments.end(), first,
                       first + static_cast<std::ptrdiff_t>(
                                   std::min(kIdsAtOnce, all.size() - at)));
      calls.push_back(Call(RemoveScript(), static_cast<int>(p),
                           std::move(arguments), RedisEffect::kRepeatable));
    }
  }
  std::size_t count = 0;
  for (auto& answer : redis_->RunScripts(std::move(calls))) {
    auto reply = Checked(std::move(answer));
    if (!reply) return reply.Failure();
    count += static_cast<std::size_t>(reply->integer);
  }
  return count;
}

}  // namespace ocelli
