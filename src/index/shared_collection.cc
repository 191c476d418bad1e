#include "index/shared_collection.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <utility>

#include "index/shared_search.h"
#include "index/shared_store.h"

namespace ocelli {
namespace {

constexpr std::size_t kReadAtOnce = 512;
constexpr std::size_t kMeasuredQueries = 50;
constexpr double kGoodRecall = 0.95;
constexpr int kEfforts[] = {200, 400, 800, 1600};
// Measured again once there are so many times more.
constexpr std::uint64_t kMuchMore = 2;

// What measuring said, kept beside the spec for every machine.
struct Measured {
  int effort = kEfforts[0];
  double recall = 1;
  int queries = 0;
  std::uint64_t items = 0;
};

const std::vector<std::string>& MeasuredFields() {
  static const std::vector<std::string> kFields = {
      "effort", "recall", "recall_queries", "measured"};
  return kFields;
}

template <typename Number>
Number NumberOr(const RedisReply& reply, Number least, Number most,
                Number otherwise) {
  Number number{};
  const char* end = reply.text.data() + reply.text.size();
  const auto [stop, error] = std::from_chars(reply.text.data(), end, number);
  const bool good =
      error == std::errc() && stop == end && number >= least && number <= most;
  return good ? number : otherwise;
}

class SharedCollection final : public Collection {
 public:
  SharedCollection(std::unique_ptr<SharedStore> store,
                   const CollectionOptions& options)
      : Collection(store->spec().spec),
        store_(std::move(store)),
        exact_numbers_(options.shared_approximate_from_numbers) {}

  Result<PutSummary> Put(std::span<const Entry> entries) override {
    return store_->Put(entries);
  }

  Result<std::size_t> Remove(std::span<const std::string> ids) override {
    return store_->Remove(ids);
  }

  Result<std::optional<Item>> Find(std::string_view id) override {
    const std::string name(id);
    auto kept = store_->Read({&name, 1}, /*with_vectors=*/false);
    if (!kept) return kept.Failure();
    if (!kept->front()) return std::nullopt;
    return std::move(kept->front()->record.item);
  }

  Result<std::vector<float>> VectorOf(std::string_view id) override {
    const std::string name(id);
    auto kept = store_->Read({&name, 1}, /*with_vectors=*/true);
    if (!kept) return kept.Failure();
    if (kept->front()) return std::move(kept->front()->vector);
    return Fail(ErrorCode::kNotFound,
                "no \"" + name + "\" in collection \"" + spec().name + "\"");
  }

  Result<std::unordered_map<std::string, Digest>> Digests() override {
    std::unordered_map<std::string, Digest> digests;
    auto read = store_->ForEachRecord([&](const SharedRecord& record) {
      digests.insert_or_assign(record.item.id, record.item.digest);
      return Result<>();
    });
    if (!read) return read.Failure();
    return digests;
  }

  Result<> ForEach(
      const std::function<Result<>(const Item&, std::span<const float>)>& visit)
      override;
  Result<CollectionStats> Stats() override;
  Result<> UpdateIndex() override;
  // Redis frees what is removed by itself.
  Result<> Compact() override { return Measure(/*always=*/true); }

 protected:
  Result<std::vector<std::vector<Hit>>> SearchPrepared(
      std::span<const float> queries, const SearchOptions& options,
      std::span<const std::string> exclude_ids) override;

 private:
  Result<Measured> ReadMeasured();
  Result<> Measure(bool always);
  Result<double> RecallOf(int effort, std::span<const float> queries,
                          std::span<const std::string> ids,
                          std::span<const std::vector<Hit>> exact);
  // Whether a graph may answer instead of comparing all.
  bool IsApproximate(std::span<const std::uint64_t> counts) const {
    const std::uint64_t most =
        counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
    return most * static_cast<std::uint64_t>(spec().dimension) >=
           exact_numbers_;
  }

  const std::unique_ptr<SharedStore> store_;
  const std::uint64_t exact_numbers_;
};

Result<> SharedCollection::ForEach(
    const std::function<Result<>(const Item&, std::span<const float>)>& visit) {
  std::vector<std::pair<std::uint64_t, std::string>> order;
  auto listed = store_->ForEachRecord([&](const SharedRecord& record) {
    order.emplace_back(record.number, record.item.id);
    return Result<>();
  });
  if (!listed) return listed;
  std::sort(order.begin(), order.end());
  // Who walks through a table that grows may meet something twice.
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < order.size(); at += kReadAtOnce) {
    ids.clear();
    for (std::size_t i = at; i < std::min(at + kReadAtOnce, order.size());
         ++i) {
      ids.push_back(std::move(order[i].second));
    }
    auto kept = store_->Read(ids, /*with_vectors=*/true);
    if (!kept) return kept.Failure();
    for (const auto& one : *kept) {
      if (!one) continue;  // Removed since.
      auto visited = visit(one->record.item, one->vector);
      if (!visited) return visited;
    }
  }
  return {};
}

Result<Measured> SharedCollection::ReadMeasured() {
  auto values = store_->ReadSettings(MeasuredFields());
  if (!values) return values.Failure();
  Measured measured;
  measured.effort = NumberOr((*values)[0], 1, 1'000'000, measured.effort);
  measured.recall = NumberOr((*values)[1], 0.0, 1.0, measured.recall);
  measured.queries = NumberOr((*values)[2], 0, 1'000'000, 0);
  measured.items = NumberOr<std::uint64_t>((*values)[3], 0, UINT64_MAX, 0);
  return measured;
}

Result<std::vector<std::vector<Hit>>> SharedCollection::SearchPrepared(
    std::span<const float> queries, const SearchOptions& options,
    std::span<const std::string> exclude_ids) {
  const auto counts = store_->Counts();
  if (!counts) return counts.Failure();
  int effort = 0;
  if (IsApproximate(*counts) && !options.exact && options.where.empty()) {
    const auto measured = ReadMeasured();
    if (!measured) return measured.Failure();
    effort = measured->effort;
  }
  return SearchShared(*store_, queries, options, exclude_ids, *counts, effort);
}

Result<CollectionStats> SharedCollection::Stats() {
  const auto counts = store_->Counts();
  if (!counts) return counts.Failure();
  const auto bytes = store_->MemoryBytes();
  if (!bytes) return bytes.Failure();
  const auto measured = ReadMeasured();
  if (!measured) return measured.Failure();
  CollectionStats stats;
  stats.spec = spec();
  for (const std::uint64_t count : *counts) stats.items += count;
  stats.bytes = *bytes;
  stats.approximate = IsApproximate(*counts);
  if (stats.approximate) {
    stats.effort = measured->effort;
    stats.recall_at_10 = measured->recall;
    stats.recall_queries = measured->queries;
    stats.index_outdated = stats.items > kMuchMore * measured->items;
  }
  stats.shared = store_->url().ForMessage();
  stats.quantization = store_->spec().quantization;
  stats.partitions = store_->spec().partitions;
  return stats;
}

Result<> SharedCollection::UpdateIndex() { return Measure(/*always=*/false); }

// How many candidates a search has to follow, by trying on stored vectors, each
// without itself.
Result<> SharedCollection::Measure(bool always) {
  const auto counts = store_->Counts();
  if (!counts) return counts.Failure();
  if (!IsApproximate(*counts)) return {};
  std::uint64_t items = 0;
  for (const std::uint64_t count : *counts) items += count;
  auto measured = ReadMeasured();
  if (!measured) return measured.Failure();
  if (!always && items <= kMuchMore * measured->items) return {};

  auto sampled = store_->Sample(kMeasuredQueries);
  if (!sampled) return sampled.Failure();
  auto kept = store_->Read(*sampled, /*with_vectors=*/true);
  if (!kept) return kept.Failure();
  std::vector<float> queries;
  std::vector<std::string> ids;
  for (const auto& one : *kept) {
    if (!one) continue;
    ids.push_back(one->record.item.id);
    queries.insert(queries.end(), one->vector.begin(), one->vector.end());
  }
  if (ids.empty()) return {};
  const auto exact =
      SearchShared(*store_, queries, {.k = 10, .exact = true}, ids, *counts, 0);
  if (!exact) return exact.Failure();
  for (const int effort : kEfforts) {
    auto recall = RecallOf(effort, queries, ids, *exact);
    if (!recall) return recall.Failure();
    measured->effort = effort;
    measured->recall = *recall;
    if (*recall >= kGoodRecall) break;
  }
  std::vector<std::string> pairs;
  const std::string values[] = {
      std::to_string(measured->effort), std::to_string(measured->recall),
      std::to_string(ids.size()), std::to_string(items)};
  for (std::size_t i = 0; i < MeasuredFields().size(); ++i) {
    pairs.push_back(MeasuredFields()[i]);
    pairs.push_back(values[i]);
  }
  return store_->WriteSettings(pairs);
}

Result<double> SharedCollection::RecallOf(
    int effort, std::span<const float> queries,
    std::span<const std::string> ids, std::span<const std::vector<Hit>> exact) {
  const auto counts = store_->Counts();
  if (!counts) return counts.Failure();
  const auto found =
      SearchShared(*store_, queries, {.k = 10}, ids, *counts, effort);
  if (!found) return found.Failure();
  std::size_t right = 0, all = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    all += exact[i].size();
    for (const Hit& hit : (*found)[i]) {
      right += hit.similarity >= exact[i].back().similarity ? 1 : 0;
    }
  }
  return all > 0 ? static_cast<double>(std::min(right, all)) /
                       static_cast<double>(all)
                 : 1.0;
}

Result<std::unique_ptr<RedisClient>> OpenRedis(
    const std::string& address, const CollectionOptions& options) {
  return options.open_redis ? options.open_redis(address)
                            : OpenRedisAt(address);
}

}  // namespace

Result<std::unique_ptr<Collection>> CreateSharedCollection(
    const CollectionSpec& spec, const SharedPlace& place,
    const CollectionOptions& options) {
  auto redis = OpenRedis(place.address, options);
  if (!redis) return redis.Failure();
  auto store = SharedStore::Create(std::move(*redis), spec, place);
  if (!store) return store.Failure();
  return std::make_unique<SharedCollection>(std::move(*store), options);
}

Result<std::unique_ptr<Collection>> OpenSharedCollection(
    const SharedPointer& pointer, const CollectionOptions& options) {
  auto redis = OpenRedis(pointer.address, options);
  if (!redis) return redis.Failure();
  auto store = SharedStore::Open(std::move(*redis), pointer.collection);
  if (!store) return store.Failure();
  return std::make_unique<SharedCollection>(std::move(*store), options);
}

Result<> DropSharedCollection(const SharedPointer& pointer,
                              const CollectionOptions& options) {
  auto redis = OpenRedis(pointer.address, options);
  if (!redis) return redis.Failure();
  return SharedStore::Drop(std::move(*redis), pointer.collection);
}

}  // namespace ocelli
