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

// How searches without conditions are answered at present.
struct CollectionStats {
  CollectionSpec spec;
  std::uint64_t items = 0;
  std::uint64_t file_bytes = 0;  // Of all files.
  // True: a FAISS inverted file (IVF) narrows the search down; the rest is
  // about it. False: every vector is compared.
  bool approximate = false;
  int lists = 0;            // Into which the vectors are divided.
  int probes = 0;           // Of these, how many a query reads.
  double recall_at_10 = 1;  // Measured when it was built, on stored vectors.
  int recall_queries = 0;   // By so many of them.
  // Came after the index was built; searches compare each of them.
  std::uint64_t unindexed = 0;
  // The vectors are so many that UpdateIndex() would consider another index.
  bool index_outdated = false;
};

// How the index is kept; the same answers whatever is chosen here.
struct CollectionOptions {
  // An index file is written once so many bytes of vectors are not in one.
  std::uint64_t save_from_bytes = 1 << 20;
  // Collections of fewer bytes of vectors are searched exactly without
  // considering anything else: about 20 ms.
  std::uint64_t approximate_from_bytes = 256 << 20;
};

// A named set of pictures, one vector each, made by one model: searched by
// similarity. A folder with a database, which is the truth, and an index file,
// which is rebuilt when missing, stale or damaged.
//
// Thread-safe, and safe among processes: searches run while items come and go,
// and each answers for one moment. What Put() and Remove() acknowledged
// survives a crash of the process and of the machine.
//
// Every call may fail with kUnavailable (another process writes for too long),
// kResourceExhausted (disk full) and kDataLoss (database damaged).
class Collection {
 public:
  // Makes FOLDER/NAME. kInvalidArgument: a name or dimension that cannot be.
  // kAlreadyExists.
  static Result<std::unique_ptr<Collection>> Create(
      const std::filesystem::path& folder, const CollectionSpec& spec,
      const CollectionOptions& options = {});
  // kNotFound: the message names the collections that there are.
  static Result<std::unique_ptr<Collection>> Open(
      const std::filesystem::path& folder, std::string_view name,
      const CollectionOptions& options = {});
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const CollectionSpec& spec() const;

  // kFailedPrecondition, saying what to do, where vectors of this model would
  // not be comparable with those kept.
  Result<> CheckEmbedder(std::string_view embedder,
                         const Digest& fingerprint) const;

  // Adds or replaces by id: all entries or none, in one durable transaction.
  // kInvalidArgument, naming the entry: a wrong dimension, a vector that is
  // zero or not finite, none for a new id, an id twice, one that is empty, too
  // long or has control characters.
  Result<PutSummary> Put(std::span<const Entry> entries);
  // How many of them there were.
  Result<std::size_t> Remove(std::span<const std::string> ids);

  Result<std::optional<Item>> Find(std::string_view id);
  // As kept: of unit length for kCosine. kNotFound.
  Result<std::vector<float>> VectorOf(std::string_view id);
  // Of all items by id: what need not be embedded again.
  Result<std::unordered_map<std::string, Digest>> Digests();
  // In the order in which they were added; a changed vector counts as new.
  // Stops at the first error, which comes back.
  Result<> ForEach(
      const std::function<Result<>(const Item& item,
                                   std::span<const float> vector)>& visit);

  // The most similar first, ties by id. With conditions, or `exact`, exactly
  // the k best of those that satisfy them; otherwise as Stats() says.
  // kInvalidArgument: a query of another dimension, zero or not finite.
  Result<std::vector<Hit>> Search(std::span<const float> query,
                                  const SearchOptions& options = {});
  // The same for `queries` row by row (n x dimension), several times faster
  // than one by one. `exclude_ids`: one for each query, or none at all.
  Result<std::vector<std::vector<Hit>>> SearchMany(
      std::span<const float> queries, const SearchOptions& options = {},
      std::span<const std::string> exclude_ids = {});

  Result<CollectionStats> Stats();

  // Brings the index file up to date and decides between exact and
  // approximate search by measuring. Worth calling after many changes: takes
  // seconds for a million vectors, nothing where little changed. Others search
  // meanwhile.
  Result<> UpdateIndex();
  // Gives back the space of what was removed, and updates the index.
  Result<> Compact();

 private:
  struct State;
  explicit Collection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The names of the collections in `folder`, sorted; none where it is missing.
Result<std::vector<std::string>> ListCollections(
    const std::filesystem::path& folder);
// Deletes a collection with all its items. kNotFound.
Result<> RemoveCollection(const std::filesystem::path& folder,
                          std::string_view name);
// kInvalidArgument unless `name` can be a folder's on any system: 1 to 64
// letters, digits, dots, dashes and underscores, the first no dot or dash.
Result<> CheckCollectionName(std::string_view name);

}  // namespace ocelli
