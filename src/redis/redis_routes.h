#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "redis/redis_client.h"
#include "redis/redis_node.h"

namespace ocelli {

// Where commands go. Thread-safe; the nodes live as long as this.
class RedisRoutes {
 public:
  virtual ~RedisRoutes() = default;

  // The server for a slot (-1: any master); with `may_be_old` a replica of it
  // where that is wished.
  virtual Result<RedisNode*> Find(int slot, bool may_be_old) = 0;
  // Every master, in one order for all.
  virtual Result<std::vector<RedisNode*>> Masters() = 0;
  // Looks again who is the master of what, unless somebody just has. Where
  // another thread is at it, `wait`s for it or not.
  virtual void Refresh(bool wait) = 0;
  // The server that MOVED or ASK named. Null: it may not be followed.
  virtual RedisNode* Redirected(const RedisHost&) { return nullptr; }
  // `node` has the slot now.
  virtual void Moved(int /*slot*/, RedisNode* /*node*/) {}
};

// By the topology of `url`.
std::unique_ptr<RedisRoutes> MakeRedisRoutes(const RedisUrl& url,
                                             const RedisOptions& options,
                                             RedisMeters& meters);

std::unique_ptr<RedisRoutes> MakeSentinelRoutes(const RedisUrl& url,
                                                const RedisOptions& options,
                                                RedisMeters& meters);
std::unique_ptr<RedisRoutes> MakeClusterRoutes(const RedisUrl& url,
                                               const RedisOptions& options,
                                               RedisMeters& meters);

}  // namespace ocelli
