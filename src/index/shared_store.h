#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "index/collection.h"
#include "index/shared_format.h"
#include "redis/redis_client.h"

namespace ocelli {

// A shared collection as Redis has it: one method a question, each one round
// trip or a few, to all partitions at once. Thread-safe. Errors say which
// collection and which Redis.
class SharedStore {
 public:
  // As Collection's.
  static Result<std::unique_ptr<SharedStore>> Create(
      std::unique_ptr<RedisClient> redis, const CollectionSpec& spec,
      const SharedPlace& place);
  static Result<std::unique_ptr<SharedStore>> Open(
      std::unique_ptr<RedisClient> redis, const std::string& name);
  // Deletes all of it. kNotFound.
  static Result<> Drop(std::unique_ptr<RedisClient> redis,
                       const std::string& name);

  const SharedSpec& spec() const { return spec_; }
  const RedisUrl& url() const { return redis_->url(); }

  Result<PutSummary> Put(std::span<const Entry> entries);
  Result<std::size_t> Remove(std::span<const std::string> ids);

  struct Kept {
    SharedRecord record;
    std::vector<float> vector;  // Empty where it was not asked for.
  };
  // Of each id, in order; none for those that are not there.
  Result<std::vector<std::optional<Kept>>> Read(
      std::span<const std::string> ids, bool with_vectors);
  // Every item that is there all the time, in no order.
  Result<> ForEachRecord(
      const std::function<Result<>(const SharedRecord& record)>& visit);

  // The number of items in each partition; that the collection is still there.
  Result<std::vector<std::uint64_t>> Counts();
  Result<std::uint64_t> MemoryBytes();
  // About `count` ids, by chance.
  Result<std::vector<std::string>> Sample(std::size_t count);

  struct NearestQuery {
    std::span<const float> query;
    std::size_t count = 0;  // Of each partition.
    int effort = 0;         // EF; 0: compare all.
    std::string filter;     // An expression; empty: none.
  };
  struct Nearest {
    std::vector<std::string> ids;  // Of all partitions, in no order.
    // No item that is not among them is more similar, by Redis's own reckoning;
    // without `effort`. None: there is no other one.
    std::optional<float> beyond;
  };
  Result<std::vector<Nearest>> FindNearest(
      std::span<const NearestQuery> queries);

  // Numbers that every machine shares, beside the spec; nil: not set.
  Result<std::vector<RedisReply>> ReadSettings(
      const std::vector<std::string>& fields);
  Result<> WriteSettings(const std::vector<std::string>& fields_and_values);

 private:
  SharedStore(std::unique_ptr<RedisClient> redis, SharedSpec spec);

  struct Change {
    const Entry* entry = nullptr;
    std::vector<float> vector;  // Prepared; empty: as it is.
    std::uint64_t number = 0;
  };
  Result<std::vector<Change>> Prepare(std::span<const Entry> entries);
  Result<> KeepWhatIsTheSame(std::vector<Change>& changes);
  Result<> NumberAll(std::vector<Change>& changes);
  Result<> PutPartOf(std::span<const std::vector<const Change*>> by_partition,
                     std::size_t from, PutSummary& summary);
  Result<> ReadyPartitions(bool clear);
  RedisClient::ScriptCall Call(const RedisScript& script, int partition,
                               std::vector<std::string> arguments,
                               RedisEffect effect) const;
  // For all that it can't be.
  tl::unexpected<Error> Failure(const Error& error) const;
  tl::unexpected<Error> FailGone() const;
  tl::unexpected<Error> FailForeign() const;
  Result<RedisReply> Checked(Result<RedisReply> reply) const;

  const std::unique_ptr<RedisClient> redis_;
  SharedSpec spec_;
  const std::string heading_;
  const std::string quantization_;  // As VADD calls it.
};

}  // namespace ocelli
