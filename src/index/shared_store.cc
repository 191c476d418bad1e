#include "index/shared_store.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/parse_number.h"
#include "index/shared_scripts.h"

namespace ocelli {
namespace {

constexpr int kPartitionsOfCluster = 16;
// Scripts hold up everybody else: what one reads stays below this.
constexpr std::size_t kMaxReadBytes = 1 << 20;
constexpr std::size_t kMaxReadItems = 1000;

std::string Where(const RedisClient& redis, std::string_view name) {
  return "collection \"" + std::string(name) + "\" in " +
         redis.url().ForMessage();
}

Result<std::optional<SharedSpec>> FindSpec(RedisClient& redis,
                                           const std::string& name) {
  std::vector<std::string> words = {"HMGET", SharedSpecKey(name)};
  words.insert(words.end(), SharedSpecFields().begin(),
               SharedSpecFields().end());
  auto values = redis.Run({std::move(words), RedisEffect::kRead});
  if (!values) return values.Failure();
  return ReadSharedSpec(name, *values);
}

Result<SharedSpec> MustFindSpec(RedisClient& redis, const std::string& name) {
  auto spec = FindSpec(redis, name);
  if (!spec) return spec.Failure(Where(redis, name));
  if (*spec) return std::move(**spec);
  return Fail(ErrorCode::kNotFound,
              "no collection \"" + name + "\" in " + redis.url().ForMessage());
}

// That there are vector sets.
Result<> CheckVectorSets(RedisClient& redis, const std::string& name) {
  auto count =
      redis.Run({{"VCARD", SharedVectorsKey(name, 0)}, RedisEffect::kRead});
  if (count) return {};
  if (count.error().code != ErrorCode::kUnimplemented) {
    return count.Failure(Where(redis, name));
  }
  std::string what = "has none";
  if (const auto version = redis.Version()) {
    what = "is version " + std::to_string(*version / 10000) + "." +
           std::to_string(*version / 100 % 100) + "." +
           std::to_string(*version % 100);
  }
  return Fail(ErrorCode::kUnimplemented,
              "shared collections need the vector sets of Redis 8 or later, "
              "and " +
                  redis.url().ForMessage() + " " + what +
                  ": give the address of another, or leave out --index to keep"
                  " the collection on this machine");
}

std::optional<float> NumberOf(const RedisReply& reply) {
  return ParseNumber<float>(reply.text);
}

std::string_view QuantizationWord(Quantization quantization) {
  switch (quantization) {
    case Quantization::kInt8:
      return "Q8";
    case Quantization::kBinary:
      return "BIN";
    case Quantization::kNone:
      break;
  }
  return "NOQUANT";
}

}  // namespace

SharedStore::SharedStore(std::unique_ptr<RedisClient> redis, SharedSpec spec)
    : redis_(std::move(redis)),
      spec_(std::move(spec)),
      heading_(SharedHeading(spec_.token)),
      quantization_(QuantizationWord(spec_.quantization)) {}

tl::unexpected<Error> SharedStore::Failure(const Error& error) const {
  return Result<>(tl::unexpected(error))
      .Failure(Where(*redis_, spec_.spec.name));
}

tl::unexpected<Error> SharedStore::FailForeign() const {
  return Failure({ErrorCode::kDataLoss, "an answer that makes no sense"});
}

// The scripts' way to say that the heading is another's.
Result<RedisReply> SharedStore::Checked(Result<RedisReply> reply) const {
  if (!reply) return Failure(reply.error());
  if (reply->kind == RedisReply::Kind::kInteger && reply->integer < 0) {
    return FailGone();
  }
  return reply;
}

tl::unexpected<Error> SharedStore::FailGone() const {
  return Failure({ErrorCode::kNotFound,
                  "it was removed on another machine, or Redis lost it"});
}

RedisClient::ScriptCall SharedStore::Call(const RedisScript& script,
                                          int partition,
                                          std::vector<std::string> arguments,
                                          RedisEffect effect) const {
  const std::string& name = spec_.spec.name;
  return {&script,
          {SharedItemsKey(name, partition), SharedVectorsKey(name, partition)},
          std::move(arguments),
          effect};
}

Result<std::unique_ptr<SharedStore>> SharedStore::Create(
    std::unique_ptr<RedisClient> redis, const CollectionSpec& spec,
    const SharedPlace& place) {
  if (spec.metric != Metric::kCosine) {
    return Fail(ErrorCode::kInvalidArgument,
                "vector sets of Redis compare by cosine only: --metric l2 is"
                " for collections without --index");
  }
  if (place.partitions < 0 || place.partitions > kMaxPartitions) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(place.partitions) + " partitions; 1 to " +
                    std::to_string(kMaxPartitions) + " are possible");
  }
  auto able = CheckVectorSets(*redis, spec.name);
  if (!able) return able.Failure();
  const bool cluster = redis->url().topology == RedisTopology::kCluster;
  SharedSpec made{.spec = spec,
                  .quantization = place.quantization,
                  .partitions = place.partitions > 0 ? place.partitions
                                : cluster            ? kPartitionsOfCluster
                                                     : 1,
                  .token = NewSharedToken()};
  std::vector<std::string> pairs;
  const auto values = SharedSpecValues(made);
  for (std::size_t i = 0; i < values.size(); ++i) {
    pairs.push_back(SharedSpecFields()[i]);
    pairs.push_back(values[i]);
  }
  const std::string key = SharedSpecKey(spec.name);
  std::unique_ptr<SharedStore> store(
      new SharedStore(std::move(redis), std::move(made)));
  RedisClient& client = *store->redis_;
  auto created = client.RunScript(CreateSpecScript(), {key}, std::move(pairs));
  if (!created) return store->Failure(created.error());
  if (created->integer == 0) {
    // Ours, where the first answer was lost and the script ran twice.
    auto kept = FindSpec(client, spec.name);
    if (!kept) return store->Failure(kept.error());
    if (!*kept || (*kept)->token != store->spec_.token) {
      return Fail(ErrorCode::kAlreadyExists,
                  "there is a collection \"" + spec.name + "\" in " +
                      client.url().ForMessage() +
                      " already; to use it on this machine: ocelli collection"
                      " attach " +
                      spec.name + " --index " + client.url().ForMessage());
    }
  }
  if (auto ready = store->ReadyPartitions(/*clear=*/true); !ready) {
    static_cast<void>(
        client.RunScript(DropSpecScript(), {key}, {store->spec_.token}));
    return ready.Failure();
  }
  return store;
}

Result<std::unique_ptr<SharedStore>> SharedStore::Open(
    std::unique_ptr<RedisClient> redis, const std::string& name) {
  auto able = CheckVectorSets(*redis, name);
  if (!able) return able.Failure();
  auto spec = MustFindSpec(*redis, name);
  if (!spec) return spec.Failure();
  std::unique_ptr<SharedStore> store(
      new SharedStore(std::move(redis), std::move(*spec)));
  if (!store->spec_.ready) {
    // Whoever created it ended in the middle, or is at it.
    auto ready = store->ReadyPartitions(/*clear=*/false);
    if (!ready) return ready.Failure();
    return store;
  }
  auto counts = store->Counts();
  if (!counts) return counts.Failure();
  return store;
}

Result<> SharedStore::ReadyPartitions(bool clear) {
  std::vector<RedisClient::ScriptCall> calls;
  for (int i = 0; i < spec_.partitions; ++i) {
    calls.push_back(
        Call(ReadyPartitionScript(), i,
             {heading_, std::string(kSharedHeading), clear ? "1" : "0"},
             RedisEffect::kRepeatable));
  }
  for (auto& reply : redis_->RunScripts(std::move(calls))) {
    if (!reply) return Failure(reply.error());
    if (reply->integer == -1) {
      return Failure({ErrorCode::kFailedPrecondition,
                      "it is half made; to make it anew: ocelli collection"
                      " remove " +
                          spec_.spec.name +
                          " --whole --everywhere, then create it again"});
    }
    if (reply->integer == -2) {
      return Failure({ErrorCode::kFailedPrecondition,
                      "another program uses its keys, which begin with "
                      "ocelli:c:{" +
                          spec_.spec.name + ":"});
    }
  }
  spec_.ready = true;
  return WriteSettings({"ready", "1"});
}

Result<> SharedStore::Drop(std::unique_ptr<RedisClient> redis,
                           const std::string& name) {
  auto spec = MustFindSpec(*redis, name);
  if (!spec) return spec.Failure();
  SharedStore store(std::move(redis), std::move(*spec));
  // First what says that it is there; what a crash leaves after that is
  // cleared away when the name is used again.
  auto dropped = store.redis_->RunScript(
      DropSpecScript(), {SharedSpecKey(name)}, {store.spec_.token});
  if (!dropped) return store.Failure(dropped.error());
  std::vector<RedisClient::ScriptCall> calls;
  for (int i = 0; i < store.spec_.partitions; ++i) {
    calls.push_back(store.Call(DropPartitionScript(), i,
                               {std::string(kSharedHeading), store.heading_},
                               RedisEffect::kRepeatable));
  }
  for (auto& reply : store.redis_->RunScripts(std::move(calls))) {
    if (!reply) return store.Failure(reply.error());
  }
  return {};
}

Result<std::vector<std::optional<SharedStore::Kept>>> SharedStore::Read(
    std::span<const std::string> ids, bool with_vectors) {
  const std::size_t bytes_each =
      with_vectors ? static_cast<std::size_t>(spec_.spec.dimension) * 4 : 0;
  const std::size_t at_once = std::clamp<std::size_t>(
      bytes_each > 0 ? kMaxReadBytes / bytes_each : kMaxReadItems, 1,
      kMaxReadItems);
  std::vector<std::vector<std::size_t>> by_partition(
      static_cast<std::size_t>(spec_.partitions));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty()) continue;  // The heading.
    by_partition[static_cast<std::size_t>(
                     PartitionOf(ids[i], spec_.partitions))]
        .push_back(i);
  }
  std::vector<RedisClient::ScriptCall> calls;
  std::vector<std::span<const std::size_t>> places;
  for (int p = 0; p < spec_.partitions; ++p) {
    std::span<const std::size_t> rest =
        by_partition[static_cast<std::size_t>(p)];
    while (!rest.empty()) {
      const auto some = rest.first(std::min(at_once, rest.size()));
      rest = rest.subspan(some.size());
      std::vector<std::string> arguments = {heading_, with_vectors ? "1" : "0"};
      for (const std::size_t i : some) arguments.push_back(ids[i]);
      calls.push_back(
          Call(ReadScript(), p, std::move(arguments), RedisEffect::kRead));
      places.push_back(some);
    }
  }
  std::vector<std::optional<Kept>> found(ids.size());
  auto replies = redis_->RunScripts(std::move(calls));
  for (std::size_t c = 0; c < replies.size(); ++c) {
    auto reply = Checked(std::move(replies[c]));
    if (!reply) return reply.Failure();
    if (reply->elements.size() != places[c].size()) return FailForeign();
    for (std::size_t n = 0; n < places[c].size(); ++n) {
      const std::size_t i = places[c][n];
      const std::span<const RedisReply> one = reply->elements[n].elements;
      if (one.empty()) continue;
      auto record = ReadSharedRecord(ids[i], one[0].text);
      if (!record) return Failure(record.error());
      found[i].emplace(Kept{std::move(*record), {}});
      if (!with_vectors) continue;
      auto vector = ReadKeptVector(one.subspan(1), spec_.spec.dimension);
      if (!vector) return Failure(vector.error());
      found[i]->vector = std::move(*vector);
    }
  }
  return found;
}

Result<> SharedStore::ForEachRecord(
    const std::function<Result<>(const SharedRecord&)>& visit) {
  for (int p = 0; p < spec_.partitions; ++p) {
    std::string cursor = "0";
    do {
      auto reply =
          Checked(redis_->Run({{"HSCAN", SharedItemsKey(spec_.spec.name, p),
                                cursor, "COUNT", std::to_string(kMaxReadItems)},
                               RedisEffect::kRead}));
      if (!reply) return reply.Failure();
      if (reply->elements.size() != 2) return FailForeign();
      cursor = reply->elements[0].text;
      auto& pairs = reply->elements[1].elements;
      for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        if (pairs[i].text.empty()) continue;  // The heading.
        auto record =
            ReadSharedRecord(std::move(pairs[i].text), pairs[i + 1].text);
        if (!record) return Failure(record.error());
        if (auto done = visit(*record); !done) return done;
      }
    } while (cursor != "0");
  }
  return {};
}

Result<std::vector<std::uint64_t>> SharedStore::Counts() {
  std::vector<RedisCommand> commands;
  for (int p = 0; p < spec_.partitions; ++p) {
    commands.push_back(
        {{"HGET", SharedItemsKey(spec_.spec.name, p), ""}, RedisEffect::kRead});
    commands.push_back(
        {{"VCARD", SharedVectorsKey(spec_.spec.name, p)}, RedisEffect::kRead});
  }
  std::vector<std::uint64_t> counts;
  auto replies = redis_->RunAll(std::move(commands));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    auto reply = Checked(std::move(replies[i]));
    if (!reply) return reply.Failure();
    if (i % 2 == 1) {
      counts.push_back(static_cast<std::uint64_t>(reply->integer));
    } else if (reply->text != heading_) {
      return FailGone();
    }
  }
  return counts;
}

Result<std::uint64_t> SharedStore::MemoryBytes() {
  std::vector<RedisCommand> commands;
  for (int p = 0; p < spec_.partitions; ++p) {
    for (auto& key : {SharedItemsKey(spec_.spec.name, p),
                      SharedVectorsKey(spec_.spec.name, p)}) {
      commands.push_back({{"MEMORY", "USAGE", key}, RedisEffect::kRead, 2});
    }
  }
  std::uint64_t bytes = 0;
  for (auto& answer : redis_->RunAll(std::move(commands))) {
    auto reply = Checked(std::move(answer));
    if (!reply) return reply.Failure();
    bytes += static_cast<std::uint64_t>(reply->integer);
  }
  return bytes;
}

Result<std::vector<std::string>> SharedStore::Sample(std::size_t count) {
  const auto partitions = static_cast<std::size_t>(spec_.partitions);
  std::vector<RedisCommand> commands;
  for (int p = 0; p < spec_.partitions; ++p) {
    commands.push_back({{"VRANDMEMBER", SharedVectorsKey(spec_.spec.name, p),
                         std::to_string((count + partitions - 1) / partitions)},
                        RedisEffect::kRead});
  }
  std::vector<std::string> ids;
  for (auto& answer : redis_->RunAll(std::move(commands))) {
    auto reply = Checked(std::move(answer));
    if (!reply) return reply.Failure();
    for (auto& id : reply->elements) ids.push_back(std::move(id.text));
  }
  return ids;
}

Result<std::vector<SharedStore::Nearest>> SharedStore::FindNearest(
    std::span<const NearestQuery> queries) {
  std::vector<RedisCommand> commands;
  for (const NearestQuery& query : queries) {
    const std::string vector(reinterpret_cast<const char*>(query.query.data()),
                             query.query.size_bytes());
    for (int p = 0; p < spec_.partitions; ++p) {
      std::vector<std::string> words = {"VSIM",
                                        SharedVectorsKey(spec_.spec.name, p),
                                        "FP32",
                                        vector,
                                        "WITHSCORES",
                                        "COUNT",
                                        std::to_string(query.count)};
      const auto add = [&](std::initializer_list<std::string> more) {
        words.insert(words.end(), more);
      };
      if (query.effort > 0) {
        add({"EF", std::to_string(query.effort)});
      } else {
        add({"TRUTH"});
      }
      if (!query.filter.empty()) add({"FILTER", query.filter});
      commands.push_back({std::move(words), RedisEffect::kRead});
    }
  }
  auto replies = redis_->RunAll(std::move(commands));
  std::vector<Nearest> found(queries.size());
  for (std::size_t r = 0; r < replies.size(); ++r) {
    auto reply = Checked(std::move(replies[r]));
    if (!reply) return reply.Failure();
    const std::size_t i = r / static_cast<std::size_t>(spec_.partitions);
    auto& pairs = reply->elements;
    if (pairs.size() % 2 != 0) return FailForeign();
    for (std::size_t n = 0; n < pairs.size(); n += 2) {
      found[i].ids.push_back(std::move(pairs[n].text));
    }
    if (pairs.size() / 2 < queries[i].count) continue;
    const auto last = NumberOf(pairs.back());
    if (!last) return FailForeign();
    // Its score is (1 + cosine) / 2.
    const float cosine = 2 * *last - 1;
    found[i].beyond = std::max(cosine, found[i].beyond.value_or(cosine));
  }
  return found;
}

Result<std::vector<RedisReply>> SharedStore::ReadSettings(
    const std::vector<std::string>& fields) {
  std::vector<std::string> words = {"HMGET", SharedSpecKey(spec_.spec.name)};
  words.insert(words.end(), fields.begin(), fields.end());
  auto reply = Checked(redis_->Run({std::move(words), RedisEffect::kRead}));
  if (!reply) return reply.Failure();
  if (reply->elements.size() != fields.size()) return FailForeign();
  return std::move(reply->elements);
}

Result<> SharedStore::WriteSettings(
    const std::vector<std::string>& fields_and_values) {
  std::vector<std::string> arguments = {spec_.token};
  arguments.insert(arguments.end(), fields_and_values.begin(),
                   fields_and_values.end());
  auto reply =
      redis_->RunScript(WriteSettingsScript(), {SharedSpecKey(spec_.spec.name)},
                        std::move(arguments));
  if (!reply) return Failure(reply.error());
  if (reply->integer == 0) return FailGone();
  return {};
}

}  // namespace ocelli
