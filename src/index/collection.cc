#include "index/collection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "core/file.h"
#include "index/live_index.h"
#include "index/search.h"
#include "index/store.h"

namespace ocelli {
namespace {

constexpr const char* kDatabaseName = "collection.sqlite";
constexpr const char* kIndexName = "vectors.index";
constexpr std::size_t kMaxIdleStores = 16;

}  // namespace

struct Collection::State {
  // A connection for as long as it is needed.
  class Lease {
   public:
    Lease(State* state, std::unique_ptr<Store> store)
        : state_(state), store_(std::move(store)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (!store_) return;
      const std::lock_guard lock(state_->stores_mutex);
      if (state_->idle_stores.size() < kMaxIdleStores) {
        state_->idle_stores.push_back(std::move(store_));
      }
    }
    Store& operator*() const { return *store_; }
    Store* operator->() const { return store_.get(); }

   private:
    State* state_;
    std::unique_ptr<Store> store_;
  };

  explicit State(const CollectionSpec& its_spec, std::filesystem::path its_home,
                 const CollectionOptions& its_options)
      : spec(its_spec),
        home(std::move(its_home)),
        index(its_spec, home / kIndexName, its_options) {}

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

  const CollectionSpec spec;
  const std::filesystem::path home;
  LiveIndex index;
  // One writer of this process at a time: waiting here is fair, waiting in
  // SQLite is not.
  std::mutex write_mutex;

  std::mutex stores_mutex;
  std::vector<std::unique_ptr<Store>> idle_stores;  // Guarded.
};

Result<Collection::State::Lease> Collection::State::Borrow() {
  {
    const std::lock_guard lock(stores_mutex);
    if (!idle_stores.empty()) {
      Lease lease(this, std::move(idle_stores.back()));
      idle_stores.pop_back();
      return lease;
    }
  }
  auto store = Store::Open(home / kDatabaseName);
  if (!store) return store.Failure();
  return Lease(this, std::move(*store));
}

Collection::Collection(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

Collection::~Collection() = default;

const CollectionSpec& Collection::spec() const { return state_->spec; }

Result<std::unique_ptr<Collection>> Collection::Create(
    const std::filesystem::path& folder, const CollectionSpec& spec,
    const CollectionOptions& options) {
  if (auto checked = CheckCollectionName(spec.name); !checked) {
    return checked.Failure();
  }
  if (spec.dimension < 1 || spec.dimension > kMaxDimension) {
    return Fail(ErrorCode::kInvalidArgument,
                "a collection of dimension " + std::to_string(spec.dimension) +
                    "; 1 to " + std::to_string(kMaxDimension) +
                    " are possible");
  }
  const auto exists = [&] {
    return Fail(ErrorCode::kAlreadyExists,
                "there is a collection \"" + spec.name + "\" already");
  };
  const auto home = folder / spec.name;
  std::error_code error;
  if (std::filesystem::exists(home, error)) return exists();
  std::filesystem::create_directories(folder, error);
  // Made elsewhere, so that a collection is there whole or not at all.
  std::string made = (folder / ".new-XXXXXX").string();
  if (!mkdtemp(made.data())) {
    return FailWithErrno("cannot make a folder in " + folder.string(), errno);
  }
  auto created = Store::Create(std::filesystem::path(made) / kDatabaseName,  //
                               spec);
  if (!created || rename(made.c_str(), home.c_str()) != 0) {
    const int number = errno;
    std::filesystem::remove_all(made, error);
    if (!created) return created.Failure();
    if (number == ENOTEMPTY || number == EEXIST || number == ENOTDIR) {
      return exists();
    }
    return FailWithErrno("cannot make " + home.string(), number);
  }
  return Open(folder, spec.name, options);
}

Result<std::unique_ptr<Collection>> Collection::Open(
    const std::filesystem::path& folder, std::string_view name,
    const CollectionOptions& options) {
  if (auto checked = CheckCollectionName(name); !checked) {
    return checked.Failure();
  }
  const auto home = folder / name;
  std::error_code ignored;
  if (!std::filesystem::exists(home / kDatabaseName, ignored)) {
    auto names = ListCollections(folder);
    std::string others;
    if (names) {
      for (const auto& other : *names) others += ' ' + other;
    }
    return Fail(ErrorCode::kNotFound,
                "no collection \"" + std::string(name) + "\"" +
                    (others.empty() ? "; there are none yet"
                                    : "; there are:" + others));
  }
  auto store = Store::Open(home / kDatabaseName);
  if (!store) {
    return store.Failure("opening collection \"" + std::string(name) + "\"");
  }
  auto state = std::make_unique<State>((*store)->spec(), home, options);
  state->idle_stores.push_back(std::move(*store));
  return std::unique_ptr<Collection>(new Collection(std::move(state)));
}

Result<> Collection::CheckEmbedder(std::string_view embedder,
                                   const Digest& fingerprint) const {
  const CollectionSpec& kept = spec();
  if (embedder == kept.embedder && fingerprint == kept.fingerprint) return {};
  const std::string what =
      embedder == kept.embedder
          ? "another version of " + kept.embedder
          : kept.embedder + ", not by " + std::string(embedder);
  return Fail(ErrorCode::kFailedPrecondition,
              "collection \"" + kept.name + "\" was made by " + what +
                  ", and vectors of two models cannot be compared: use that"
                  " model, or create another collection and add the pictures"
                  " to it");
}

Result<PutSummary> Collection::Put(std::span<const Entry> entries) {
  auto store = state_->Borrow();
  if (!store) return store.Failure();
  const std::lock_guard lock(state_->write_mutex);
  return (*store)->Put(entries);
}

Result<std::size_t> Collection::Remove(std::span<const std::string> ids) {
  auto store = state_->Borrow();
  if (!store) return store.Failure();
  const std::lock_guard lock(state_->write_mutex);
  return (*store)->Remove(ids);
}

Result<std::optional<Item>> Collection::Find(std::string_view id) {
  return state_->Read([&](Store& store) -> Result<std::optional<Item>> {
    auto slot = store.SlotOf(id);
    if (!slot) return slot.Failure();
    if (!*slot) return std::nullopt;
    auto item = store.ItemAt(**slot);
    if (!item) return item.Failure();
    return std::move(*item);
  });
}

Result<std::vector<float>> Collection::VectorOf(std::string_view id) {
  return state_->Read([&](Store& store) -> Result<std::vector<float>> {
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

Result<std::unordered_map<std::string, Digest>> Collection::Digests() {
  return state_->Read([](Store& store) { return store.Digests(); });
}

Result<> Collection::ForEach(
    const std::function<Result<>(const Item&, std::span<const float>)>& visit) {
  return state_->Read([&](Store& store) { return store.ForEach(visit); });
}

Result<std::vector<Hit>> Collection::Search(std::span<const float> query,
                                            const SearchOptions& options) {
  if (query.size() != static_cast<std::size_t>(spec().dimension)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a query of dimension " + std::to_string(query.size()) +
                    " for collection \"" + spec().name + "\" of dimension " +
                    std::to_string(spec().dimension));
  }
  auto hits = SearchMany(query, options);
  if (!hits) return hits.Failure();
  return std::move(hits->front());
}

Result<std::vector<std::vector<Hit>>> Collection::SearchMany(
    std::span<const float> queries, const SearchOptions& options,
    std::span<const std::string> exclude_ids) {
  if (options.k < 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "a search for " + std::to_string(options.k) +
                    " hits; at least 1 can be asked for");
  }
  const std::size_t count =
      queries.size() / static_cast<std::size_t>(spec().dimension);
  if (!exclude_ids.empty() && exclude_ids.size() != count) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(exclude_ids.size()) + " ids to exclude for " +
                    std::to_string(count) + " queries");
  }
  using Answers = Result<std::vector<std::vector<Hit>>>;
  return state_->Read([&](Store& store) -> Answers {
    auto snapshot = state_->index.Get(store);
    if (!snapshot) return snapshot.Failure();
    return SearchSnapshot(store, *snapshot, queries, options, exclude_ids);
  });
}

Result<CollectionStats> Collection::Stats() {
  return state_->Read([&](Store& store) -> Result<CollectionStats> {
    auto snapshot = state_->index.Get(store);
    if (!snapshot) return snapshot.Failure();
    CollectionStats stats;
    stats.spec = spec();
    stats.items = snapshot->rows() - snapshot->removed();
    stats.unindexed = snapshot->tail_rows();
    stats.index_outdated = state_->index.IsOutdated(*snapshot);
    if (const IndexFile* file = snapshot->file()) {
      stats.approximate = snapshot->inverted_file() != nullptr;
      stats.lists = static_cast<int>(file->list_ends().size());
      stats.probes = static_cast<int>(file->probing().probes);
      stats.recall_queries = static_cast<int>(file->probing().queries);
      if (stats.recall_queries > 0) stats.recall_at_10 = file->probing().recall;
    }
    std::error_code error;
    std::filesystem::directory_iterator entry(state_->home, error), end;
    for (; !error && entry != end; entry.increment(error)) {
      const auto size = entry->file_size(error);
      if (!error) stats.file_bytes += size;
    }
    return stats;
  });
}

Result<> Collection::UpdateIndex() {
  auto store = state_->Borrow();
  if (!store) return store.Failure();
  return state_->index.Update(**store);
}

Result<> Collection::Compact() {
  auto store = state_->Borrow();
  if (!store) return store.Failure();
  {
    const std::lock_guard lock(state_->write_mutex);
    if (auto done = (*store)->Compact(); !done) return done;
  }
  return UpdateIndex();
}

}  // namespace ocelli
