#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "redis/redis_client.h"
#include "redis/redis_node.h"
#include "redis/redis_routes.h"

namespace ocelli {

// A command on its way to its answer.
struct RedisCall {
  RedisCommand command;
  const RedisScript* script = nullptr;  // Of an EVALSHA.
  Result<RedisReply> answer;

  enum class Next { kDone, kAtOnce, kLater };
  Next next = Next::kAtOnce;
  int slot = -1;
  RedisNode* node = nullptr;   // Where it goes, in this round.
  RedisNode* asked = nullptr;  // Where ASK sent it.
  bool asking = false;         // It goes where ASK sent it.
  int redirections = 0;
  bool replaced = false;  // Its dead connection, once.
};

// Brings commands to their servers and answers back, again where that is
// allowed. Thread-safe.
class RedisDispatch {
 public:
  RedisDispatch(const RedisUrl& url, const RedisOptions& options,
                RedisRoutes& routes, RedisMeters& meters, std::uint32_t seed)
      : url_(url),
        options_(options),
        routes_(routes),
        meters_(meters),
        jitter_(seed) {}

  // Each that is not done.
  void Execute(std::span<RedisCall> calls);
  // Before something is tried again.
  void Pause();

 private:
  void Round(std::vector<RedisCall*>& calls);
  void Converse(std::span<RedisCall*> calls, RedisNode::Lease& lease);
  void Send(std::span<RedisCall*> calls, RedisConnection& connection);
  void Break(std::span<RedisCall*> calls, RedisNode::Lease& lease,
             const Error& error);
  void Read(RedisCall& call, RedisReply reply);
  void Lost(RedisCall& call, Error error, bool left, bool at_once);
  void Follow(RedisCall& call, const std::string& error, bool ask);
  std::chrono::nanoseconds WithJitter(std::chrono::nanoseconds pause);

  const RedisUrl& url_;
  const RedisOptions options_;
  RedisRoutes& routes_;
  RedisMeters& meters_;
  std::atomic<std::uint32_t> jitter_;
};

}  // namespace ocelli
