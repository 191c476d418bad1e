#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "redis/redis_reply.h"
#include "redis/redis_url.h"

namespace ocelli {

// Slots `first` to `last` and who has them.
struct RedisSlotRange {
  int first = 0;
  int last = 0;
  RedisHost master;
  std::vector<RedisHost> replicas;
};

// The answer to CLUSTER SLOTS; `asked` stands for a host without a name.
// kFailedPrecondition: it is none.
Result<std::vector<RedisSlotRange>> ParseClusterSlots(const RedisReply& reply,
                                                      const RedisHost& asked);

}  // namespace ocelli
