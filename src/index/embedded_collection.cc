#include "index/embedded_collection.h"

#include <mutex>
#include <utility>

#include "index/live_index.h"
#include "index/search.h"
#include "index/store.h"

namespace ocelli {
namespace {

constexpr const char* kDatabaseName = "collection.sqlite";
constexpr const char* kIndexName = "vectors.index";
constexpr std::size_t kMaxIdleStores = 16;

class EmbeddedCollection final : public Collection {
 public:
  EmbeddedCollection(const CollectionSpec& spec, std::filesystem::path home,
                     std::unique_ptr<Store> store,
                     const CollectionOptions& options)
      : Collection(spec),
        home_(std::move(home)),
        index_(spec, home_ / kIndexName, options) {
    idle_stores_.push_back(std::move(store));
  }

  Result<PutSummary> Put(std::span<const Entry> entries) override;
  Result<std::size_t> Remove(std::span<const std::string> ids) override;
  Result<std::optional<Item>> Find(std::string_view id) override;
  Result<std::vector<float>> VectorOf(std::string_view id) override;
  Result<std::unordered_map<std::string, Digest>> Digests() override;
  Result<> ForEach(
      const std::function<Result<>(const Item&, std::span<const float>)>& visit)
      override;
  Result<CollectionStats> Stats() override;
  Result<> UpdateIndex() override;
  Result<> Compact() override;

 protected:
  Result<std::vector<std::vector<Hit>>> SearchPrepared(
      std::span<const float> queries, const SearchOptions& options,
      std::span<const std::string> exclude_ids) override;

 private:
  // A connection for as long as it is needed.
  class Lease {
   public:
    Lease(EmbeddedCollection* owner, std::unique_ptr<Store> store)
        : owner_(owner), store_(std::move(store)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (!store_) return;
      const std::lock_guard lock(owner_->stores_mutex_);
      if (owner_->idle_stores_.size() < kMaxIdleStores) {
        owner_->idle_stores_.push_back(std::move(store_));
      }
    }
    Store& operator*() const { return *store_; }
    Store* operator->() const { return store_.get(); }

   private:
    EmbeddedCollection* owner_;
    std::unique_ptr<Store> store_;
  };

  Result<Lease> Borrow();
  // Calls `use` with a connection that sees one moment.
  template <typename Use>
  auto Read(Use use) -> decltype(use(std::declval<Store&>())) {
    auto store = Borrow();
    if (!store) return store.Failure();
    auto reading = (*store)->BeginReading();
    if (!reading) return reading.Failure();
    return use(**store);
  }

  const std::filesystem::path home_;
  LiveIndex index_;
  // One writer of this process at a time: waiting here is fair, waiting in
  // SQLite is not.
  std::mutex write_mutex_;

  std::mutex stores_mutex_;
  std::vector<std::unique_ptr<Store>> idle_stores_;  // Guarded.
};

Result<EmbeddedCollection::Lease> EmbeddedCollection::Borrow() {
  {
    const std::lock_guard lock(stores_mutex_);
    if (!idle_stores_.empty()) {
      Lease lease(this, std::move(idle_stores_.back()));
      idle_stores_.pop_back();
      return lease;
    }
  }
  auto store = Store::Open(home_ / kDatabaseName);
  if (!store) return store.Failure();
  return Lease(this, std::move(*store));
}

Result<PutSummary> EmbeddedCollection::Put(std::span<const Entry> entries) {
  auto store = Borrow();
  if (!store) return store.Failure();
  const std::lock_guard lock(write_mutex_);
  return (*store)->Put(entries);
}

Result<std::size_t> EmbeddedCollection::Remove(
    std::span<const std::string> ids) {
  auto store = Borrow();
  if (!store) return store.Failure();
  const std::lock_guard lock(write_mutex_);
  return (*store)->Remove(ids);
}

Result<std::optional<Item>> EmbeddedCollection::Find(std::string_view id) {
  return Read([&](Store& store) -> Result<std::optional<Item>> {
    auto slot = store.SlotOf(id);
    if (!slot) return slot.Failure();
    if (!*slot) return std::nullopt;
    auto item = store.ItemAt(**slot);
    if (!item) return item.Failure();
    return std::move(*item);
  });
}

Result<std::vector<float>> EmbeddedCollection::VectorOf(std::string_view id) {
  return Read([&](Store& store) -> Result<std::vector<float>> {
    auto slot = store.SlotOf(id);
    if (!slot) return slot.Failure();
    if (!*slot) {
      return Fail(ErrorCode::kNotFound, "no \"" + std::string(id) +
                                            "\" in collection \"" +
                                            spec().name + "\"");
    }
    return store.VectorAt(**slot);
  });
}

Result<std::unordered_map<std::string, Digest>> EmbeddedCollection::Digests() {
  return Read([](Store& store) { return store.Digests(); });
}

Result<> EmbeddedCollection::ForEach(
    const std::function<Result<>(const Item&, std::span<const float>)>& visit) {
  return Read([&](Store& store) { return store.ForEach(visit); });
}

Result<std::vector<std::vector<Hit>>> EmbeddedCollection::SearchPrepared(
    std::span<const float> queries, const SearchOptions& options,
    std::span<const std::string> exclude_ids) {
  using Answers = Result<std::vector<std::vector<Hit>>>;
  return Read([&](Store& store) -> Answers {
    auto snapshot = index_.Get(store);
    if (!snapshot) return snapshot.Failure();
    return SearchSnapshot(store, *snapshot, queries, options, exclude_ids);
  });
}

Result<CollectionStats> EmbeddedCollection::Stats() {
  return Read([&](Store& store) -> Result<CollectionStats> {
    auto snapshot = index_.Get(store);
    if (!snapshot) return snapshot.Failure();
    CollectionStats stats;
    stats.spec = spec();
    stats.items = snapshot->rows() - snapshot->removed();
    stats.unindexed = snapshot->tail_rows();
    stats.index_outdated = index_.IsOutdated(*snapshot);
    if (const IndexFile* file = snapshot->file()) {
      stats.approximate = snapshot->inverted_file() != nullptr;
      stats.lists = static_cast<int>(file->list_ends().size());
      stats.probes = static_cast<int>(file->probing().probes);
      stats.recall_queries = static_cast<int>(file->probing().queries);
      if (stats.recall_queries > 0) stats.recall_at_10 = file->probing().recall;
    }
    std::error_code error;
    std::filesystem::directory_iterator entry(home_, error), end;
    for (; !error && entry != end; entry.increment(error)) {
      const auto size = entry->file_size(error);
      if (!error) stats.bytes += size;
    }
    return stats;
  });
}

Result<> EmbeddedCollection::UpdateIndex() {
  auto store = Borrow();
  if (!store) return store.Failure();
  return index_.Update(**store);
}

Result<> EmbeddedCollection::Compact() {
  auto store = Borrow();
  if (!store) return store.Failure();
  {
    const std::lock_guard lock(write_mutex_);
    if (auto done = (*store)->Compact(); !done) return done;
  }
  return UpdateIndex();
}

}  // namespace

Result<> WriteEmbeddedCollection(const std::filesystem::path& home,
                                 const CollectionSpec& spec) {
  return Store::Create(home / kDatabaseName, spec);
}

Result<std::unique_ptr<Collection>> OpenEmbeddedCollection(
    const std::filesystem::path& home, const CollectionOptions& options) {
  auto store = Store::Open(home / kDatabaseName);
  if (!store) return store.Failure();
  const CollectionSpec spec = (*store)->spec();
  return std::make_unique<EmbeddedCollection>(spec, home, std::move(*store),
                                              options);
}

}  // namespace ocelli
