#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/digest.h"
#include "core/result.h"
#include "index/condition.h"
#include "redis/redis_client.h"

namespace ocelli {

enum class Metric {
  // Vectors are kept at unit length; similarity is the cosine, in [-1, 1].
  kCosine,
  // Vectors are kept as they come; similarity is 1 / (1 + d), in (0, 1], with
  // d their Euclidean distance.
  kL2,
};

constexpr int kMaxDimension = 65536;

struct CollectionSpec {
  std::string name;
  std::string embedder;  // The model card's name.
  Digest fingerprint;    // Of that card: what makes vectors comparable.
  int dimension = 0;     // 1 to kMaxDimension.
  Metric metric = Metric::kCosine;
};

// What a collection knows about one picture.
struct Item {
  std::string id;  // Unique in its collection, 1 to 1,024 bytes.
  Digest digest;   // Of the encoded bytes.
  std::string path;
  std::map<std::string, std::string> metadata;
  bool operator==(const Item&) const = default;
};

struct Entry {
  Item item;
  // Of any length but zero; finite. Empty: the one that is kept for this id
  // stays, so that changed metadata costs no embedding.
  std::vector<float> vector;
};

struct PutSummary {
  std::size_t added = 0;
  std::size_t updated = 0;
  std::size_t unchanged = 0;
};

struct SearchOptions {
  int k = 10;  // At least 1; more than there are is fine.
  std::vector<Condition> where = {};  // All must hold.
  std::optional<Digest> query_digest = {};
  std::string exclude_id = {};  // The query itself; empty: nobody.
  bool exact = false;           // Never the approximate index.
};

struct Hit {
  Item item;
  float similarity = 0;
  bool identical = false;  // The item's digest is the query's.
};

// What Redis keeps of each number of a vector, in a shared collection.
enum class Quantization {
  kNone,    // All of it, 32 bits: the answers of an embedded collection.
  kInt8,    // 8 bits: similarities to about 0.01.
  kBinary,  // Its sign: similarities are estimates. For vectors of both signs.
};
// "none", "int8", "binary", and back; kInvalidArgument for anything else.
std::string_view NameOf(Quantization quantization);
Result<Quantization> ParseQuantization(std::string_view name);

// Where a shared collection is.
struct SharedPlace {
  std::string address;  // Of Redis 8; a password in it is used and not kept.
  Quantization quantization = Quantization::kNone;
  // Parts that a Cluster spreads over its nodes, 1 to 1,024. 0: 16 there, one
  // elsewhere.
  int partitions = 0;
};

// How searches without conditions are answered at present.
struct CollectionStats {
  CollectionSpec spec;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;  // Of all files, or of Redis's memory.
  // True: a FAISS inverted file (IVF) or Redis's graph (HNSW) narrows the
  // search down; the rest is about it. False: every vector is compared.
  bool approximate = false;
  int lists = 0;            // IVF: into which the vectors are divided.
  int probes = 0;           // Of these, how many a query reads.
  int effort = 0;           // HNSW: how many candidates a query follows (EF).
  double recall_at_10 = 1;  // Measured when it was built, on stored vectors.
  int recall_queries = 0;   // By so many of them; 0: not measured yet.
  // Came after the index was built; searches compare each of them.
  std::uint64_t unindexed = 0;
  // The vectors are so many that UpdateIndex() would consider another index.
  bool index_outdated = false;

  std::string shared;  // The address of its Redis; empty: embedded.
  Quantization quantization = Quantization::kNone;
  int partitions = 0;
};

// With the password that is in the address, if any.
Result<std::unique_ptr<RedisClient>> OpenRedisAt(const std::string& address);

using OpenRedisClient =
    std::function<Result<std::unique_ptr<RedisClient>>(const std::string&)>;

// How the index is kept; the same answers whatever is chosen here.
struct CollectionOptions {
  // An index file is written once so many bytes of vectors are not in one.
  std::uint64_t save_from_bytes = 1 << 20;
  // Collections of fewer bytes of vectors are searched exactly without
  // considering anything else: about 20 ms.
  std::uint64_t approximate_from_bytes = 256 << 20;
  // Shared collections: the client for an address, which may lack its password;
  // parts of fewer numbers (vectors x dimension) are searched exactly.
  OpenRedisClient open_redis = OpenRedisAt;
  std::uint64_t shared_approximate_from_numbers = 4 << 20;
};

// A named set of pictures, one vector each, made by one model: searched by
// similarity. Embedded: a folder with a database, which is the truth, and an
// index file, which is rebuilt when missing, stale or damaged. Shared: vector
// sets of Redis 8, the same for every machine, and here a folder that says
// where.
//
// Thread-safe, and safe among processes: searches run while items come and go.
// Embedded, each answers for one moment, and what Put() and Remove()
// acknowledged survives a crash of the process and of the machine. Shared, each
// item of an answer is as it was at some moment of the search, and what was
// acknowledged survives as long as Redis keeps what it has.
//
// Every call may fail with kUnavailable (another process writes for too long;
// Redis is away), kResourceExhausted (disk or Redis full) and kDataLoss
// (database damaged; values in Redis that nobody here wrote); a shared one also
// with kPermissionDenied, and with kNotFound once it was removed elsewhere.
class Collection {
 public:
  // Makes FOLDER/NAME. kInvalidArgument: a name or dimension that cannot be.
  // kAlreadyExists.
  static Result<std::unique_ptr<Collection>> Create(
      const std::filesystem::path& folder, const CollectionSpec& spec,
      const CollectionOptions& options = {});
  // The same in Redis, and FOLDER/NAME to find it. kAlreadyExists says whether
  // here or there; kUnimplemented: Redis before 8; kInvalidArgument: kL2, which
  // vector sets can't do.
  static Result<std::unique_ptr<Collection>> CreateShared(
      const std::filesystem::path& folder, const CollectionSpec& spec,
      const SharedPlace& place, const CollectionOptions& options = {});
  // Makes FOLDER/NAME for one that another machine created. kNotFound: there is
  // none of that name.
  static Result<std::unique_ptr<Collection>> Attach(
      const std::filesystem::path& folder, const std::string& name,
      const std::string& address, const CollectionOptions& options = {});
  // kNotFound: the message names the collections that there are.
  static Result<std::unique_ptr<Collection>> Open(
      const std::filesystem::path& folder, std::string_view name,
      const CollectionOptions& options = {});
  virtual ~Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const CollectionSpec& spec() const { return spec_; }

  // kFailedPrecondition, saying what to do, where vectors of this model would
  // not be comparable with those kept.
  Result<> CheckEmbedder(std::string_view embedder,
                         const Digest& fingerprint) const;

  // Adds or replaces by id. Embedded: all entries or none, in one durable
  // transaction. Shared: some dozens at a time, by partition; when Redis or
  // this process goes away in the middle, what is written is whole, the rest is
  // missing, and the same call again completes it.
  // kInvalidArgument, naming the entry, before anything is written: a wrong
  // dimension, a vector that is zero or not finite, none for a new id, an id
  // twice, one that is empty, too long or has control characters.
  virtual Result<PutSummary> Put(std::span<const Entry> entries) = 0;
  // How many of them there were.
  virtual Result<std::size_t> Remove(std::span<const std::string> ids) = 0;

  virtual Result<std::optional<Item>> Find(std::string_view id) = 0;
  // As kept: of unit length for kCosine, and rounded by the quantization.
  // kNotFound.
  virtual Result<std::vector<float>> VectorOf(std::string_view id) = 0;
  // Of all items by id: what need not be embedded again.
  virtual Result<std::unordered_map<std::string, Digest>> Digests() = 0;
  // In the order in which they were added; a changed vector counts as new.
  // Stops at the first error, which comes back.
  virtual Result<> ForEach(
      const std::function<Result<>(const Item& item,
                                   std::span<const float> vector)>& visit) = 0;

  // The most similar first, ties by id. With conditions, or `exact`, exactly
  // the k best of those that satisfy them, by the vectors as they are kept;
  // otherwise as Stats() says. kInvalidArgument: a query of another dimension,
  // zero or not finite.
  Result<std::vector<Hit>> Search(std::span<const float> query,
                                  const SearchOptions& options = {});
  // The same for `queries` row by row (n x dimension), several times faster
  // than one by one. `exclude_ids`: one for each query, or none at all.
  Result<std::vector<std::vector<Hit>>> SearchMany(
      std::span<const float> queries, const SearchOptions& options = {},
      std::span<const std::string> exclude_ids = {});

  virtual Result<CollectionStats> Stats() = 0;

  // Brings the index up to date and decides between exact and approximate
  // search by measuring. Worth calling after many changes: takes seconds for a
  // million vectors, nothing where little changed. Others search meanwhile.
  virtual Result<> UpdateIndex() = 0;
  // Gives back the space of what was removed, and updates the index.
  virtual Result<> Compact() = 0;

 protected:
  explicit Collection(CollectionSpec spec) : spec_(std::move(spec)) {}
  // SearchMany() with queries as they are compared and all arguments checked.
  virtual Result<std::vector<std::vector<Hit>>> SearchPrepared(
      std::span<const float> queries, const SearchOptions& options,
      std::span<const std::string> exclude_ids) = 0;

 private:
  const CollectionSpec spec_;
};

// The names of the collections in `folder`, sorted; none where it is missing.
Result<std::vector<std::string>> ListCollections(
    const std::filesystem::path& folder);
// Where the folder of a collection says that it is shared: the address of its
// Redis. Empty: embedded, or there is none.
std::string SharedAddressOf(const std::filesystem::path& folder,
                            std::string_view name);
// Deletes a collection with all its items; a shared one is only forgotten here.
// kNotFound.
Result<> RemoveCollection(const std::filesystem::path& folder,
                          std::string_view name);
// Deletes a shared collection with all its items for every machine, and forgets
// it here. kFailedPrecondition: it is not shared. kNotFound.
Result<> RemoveSharedCollection(const std::filesystem::path& folder,
                                std::string_view name,
                                const CollectionOptions& options = {});
// kInvalidArgument unless `name` can be a folder's on any system: 1 to 64
// letters, digits, dots, dashes and underscores, the first no dot or dash.
Result<> CheckCollectionName(std::string_view name);

}  // namespace ocelli
