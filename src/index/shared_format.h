#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/result.h"
#include "index/collection.h"
#include "redis/redis_reply.h"

namespace ocelli {

// What a shared collection NAME is in Redis:
//   ocelli:c:{NAME}      hash: its spec, and the number of the newest vector
//   ocelli:c:{NAME:P}:i  hash of partition P: id -> record; under the empty id
//                        a heading that says whose it is
//   ocelli:c:{NAME:P}:v  vector set of partition P; attributes are what filters
//                        see of the metadata
// All that comes from there is checked: kDataLoss, saying what it is, for what
// nobody of this version wrote.
std::string SharedSpecKey(std::string_view name);
std::string SharedItemsKey(std::string_view name, int partition);
std::string SharedVectorsKey(std::string_view name, int partition);

// The partition of an id: the same for ever and everywhere.
int PartitionOf(std::string_view id, int partitions);

constexpr int kMaxPartitions = 1024;

struct SharedSpec {
  CollectionSpec spec;
  Quantization quantization = Quantization::kNone;
  int partitions = 1;
  std::string token;   // Tells two that had the same name one after the other.
  bool ready = false;  // Every partition has its heading.
};
// Names of the hash's fields, and the values of one.
const std::vector<std::string>& SharedSpecFields();
std::vector<std::string> SharedSpecValues(const SharedSpec& spec);
// Of an array of values. None: there is no such collection.
// kFailedPrecondition: made by another version of ocelli.
Result<std::optional<SharedSpec>> ReadSharedSpec(std::string_view name,
                                                 const RedisReply& values);

// A new one, by chance.
std::string NewSharedToken();
std::string SharedHeading(std::string_view token);
// What every heading begins with.
inline constexpr std::string_view kSharedHeading = "ocelli partition 1 ";

// What is kept of an item beside its vector.
struct SharedRecord {
  std::uint64_t number = 0;   // Of its vector: newer ones are greater.
  std::string vector_digest;  // 16 bytes, of the vector as it was put.
  Item item;
};
// Scripts know where the number and the digest stand.
inline constexpr std::size_t kSharedNumberAt = 2;
inline constexpr std::size_t kSharedNumberBytes = 8;
inline constexpr std::size_t kSharedDigestBytes = 16;

// kInvalidArgument: more text than a record can have.
Result<> CheckSharedItem(const Item& item);
std::string SharedVectorDigest(std::span<const float> vector);
std::string WriteSharedRecord(const SharedRecord& record);
Result<SharedRecord> ReadSharedRecord(std::string id, std::string_view bytes);

// A vector at unit length, of what VEMB ... RAW answers: {"f32" | "int8" |
// "bin", bytes, length before, largest value of int8}.
Result<std::vector<float>> ReadKeptVector(std::span<const RedisReply> raw,
                                          int dimension);

}  // namespace ocelli
