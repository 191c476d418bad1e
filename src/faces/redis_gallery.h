#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/digest.h"
#include "core/result.h"
#include "faces/gallery.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

struct RedisGalleryOptions {
  std::string name = "default";  // Which of those that one Redis keeps.
  // Where nobody answers at first: begins knowing nobody (a warning says so),
  // and knows everybody once somebody does. Otherwise that is an error.
  bool may_begin_without = false;
  // How often it asks for changes whose message was lost.
  std::chrono::milliseconds check_every{500};
};

// kInvalidArgument unless 1 to 64 letters, digits, dots, - and _.
Result<> CheckGalleryName(std::string_view name);

// One gallery for every machine that uses this Redis. Each keeps a copy, by
// which it identifies without asking, and which follows within a second what
// others change; while Redis is away it goes on by what it knows. Pictures are
// not copied but read when they are asked for. People(),
// FacesOf() and Export() ask first, so that they are never old.
//
// Changes are by version: where another editor was faster, the change is
// worked out again from what that one left, so no change is lost. After
// kDeadlineExceeded and kUnavailable a change may have happened or not; doing
// it again is safe. Errors are those of RedisClient, and
//   kDataLoss            rows are gone (evicted?), or not what we wrote
//   kFailedPrecondition  also: written by another version of this program
//   kResourceExhausted   also: more than a million faces, or a change of more
//                        than 64 MiB (import in several files)
//
// Removing deletes vectors and pictures from Redis at once. Copies of its disk (AOF, RDB,
// backups) hold them until they are written anew: see docs/decisions/0019.
//
// `redis` is shared with whatever else uses that Redis. `clock` and `metrics`
// (null: none) outlive the gallery.
Result<std::unique_ptr<Gallery>> OpenRedisGallery(
    std::shared_ptr<RedisClient> redis, const Digest& model,
    const RedisGalleryOptions& options = {}, const Clock& clock = SystemClock(),
    MetricsRegistry* metrics = nullptr);

}  // namespace ocelli
