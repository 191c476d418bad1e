#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "faces/gallery_rows.h"
#include "redis/redis_client.h"

namespace ocelli {

// Which state of a gallery: every change counts `version` up and draws a
// `token`. Where a failover lost changes, another token tells the versions
// given anew from those that were lost.
struct GalleryState {
  std::int64_t version = 0;  // 0: a gallery that nobody has changed yet.
  std::string token;
  bool operator==(const GalleryState&) const = default;
};

// What has changed since some state.
struct GalleryNews {
  enum class Step {
    kSame,     // Nothing.
    kChanges,  // What `changes` says.
    kReload,   // Too much to say.
  };
  Step step = Step::kSame;
  GalleryState state;  // As it is now.
  GalleryWrites changes;
  std::set<std::int64_t> damaged;  // Of the faces: those that can't be read.
};

// A gallery as it was at one moment.
struct GallerySnapshot {
  GalleryState state;
  GalleryRows rows;
  std::set<std::int64_t> damaged;  // Faces that are not among `rows`.

  // Of kChanges.
  void Absorb(GalleryNews news);
};

// A gallery's keys in one Redis, all in one slot:
//   ocelli:g:{NAME}:head    hash: format, version, token, last ids, counts
//   ocelli:g:{NAME}:faces   hash: id -> FormatFaceRecord()
//   ocelli:g:{NAME}:people  hash: id -> name
//   ocelli:g:{NAME}:pictures  hash: id of a face -> JPEG, read when asked for
//   ocelli:g:{NAME}:log     stream: entry VERSION-0 has the token and the ids
//                           that the change touched, never what they held
// and the channel ocelli:g:{NAME}:changed. Thread-safe.
class RedisGalleryStore {
 public:
  RedisGalleryStore(std::shared_ptr<RedisClient> redis, std::string name);

  RedisClient& redis() const { return *redis_; }
  std::string channel() const { return prefix_ + "changed"; }
  // "gallery default of redis://10.0.0.1:6379", for messages.
  const std::string& label() const { return label_; }

  // What has changed since `known`, at one moment.
  Result<GalleryNews> NewsSince(const GalleryState& known) const;

  // The whole of it.
  Result<std::unique_ptr<GallerySnapshot>> Load() const;

  // Of a face; empty: none.
  Result<FacePicture> Picture(std::int64_t face) const;

  // Takes the gallery from `before` to `after`; false, and nothing is changed,
  // where it is not at `before` any more. Safe to send twice.
  Result<bool> Write(const GalleryState& before, const GalleryState& after,
                     const GalleryWrites& writes) const;

 private:
  struct Head {
    GalleryNews news;
    std::vector<RedisReply> faces;   // id, value, id, value...
    std::vector<RedisReply> people;  // Likewise.
  };
  using UseValue =
      std::function<void(std::int64_t id, const std::string& value)>;

  Result<Head> Ask(const std::string& version, const std::string& token) const;
  // Every field of a hash; one may come twice.
  Result<> Scan(const std::string& key, std::size_t max_value_bytes,
                const UseValue& use) const;

  // Shared with whatever else uses that Redis.
  const std::shared_ptr<RedisClient> redis_;
  const std::string prefix_;
  const std::string label_;
  const std::vector<std::string> keys_;  // Head, faces, people, log, pictures.
};

}  // namespace ocelli
