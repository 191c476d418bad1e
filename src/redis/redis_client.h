#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/metrics.h"
#include "redis/redis_reply.h"
#include "redis/redis_url.h"

namespace ocelli {

struct RedisOptions {
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds answer_timeout{5000};
  // How long a call goes on trying while Redis is away, loads, or elects
  // another master. 0: a redirection is followed, and a connection that turned
  // out to be dead is replaced once; trouble comes back at once.
  std::chrono::milliseconds patience{0};
  int connections = 16;        // To each node, at most; more calls wait.
  bool read_replicas = false;  // What only reads may be a little old.
  // The breaker: after so many calls in a row that found nobody, calls to that
  // node fail at once for this long; then one tries.
  int breaker_failures = 3;
  std::chrono::milliseconds breaker_open{1000};
  // In memory, of one answer; a larger one is kResourceExhausted.
  std::size_t max_reply_bytes = 256 << 20;
};

// What happens when a command is sent twice, because the first answer was lost.
enum class RedisEffect {
  kRead,        // Nothing changes; a replica may answer.
  kRepeatable,  // The same as once: SET, HSET, XACK, most scripts of ours.
  kOnce,        // Twice: XADD, INCR. Not sent again unless it never left.
};

struct RedisCommand {
  std::vector<std::string> arguments;  // "GET", "key".
  RedisEffect effect = RedisEffect::kRepeatable;
  // Which argument is the key that says where it goes. 0: none, any node.
  std::size_t key = 1;
  // How long the server itself waits before it answers (XREADGROUP BLOCK): so
  // much longer than answer_timeout is the answer waited for.
  std::chrono::milliseconds blocks{0};
};

// A Lua script, sent whole only where Redis does not have it yet.
class RedisScript {
 public:
  explicit RedisScript(std::string source);
  const std::string& source() const { return source_; }
  const std::string& sha1() const { return sha1_; }  // 40 hex digits.

 private:
  std::string source_;
  std::string sha1_;
};

// Ends in its destructor, which may wait for a callback under way; before its
// client.
class RedisSubscription {
 public:
  virtual ~RedisSubscription() = default;
};

// One Redis, wherever its master is at present: a server, what Sentinel says,
// or a Cluster, whose slots (CRC16 of the key or of its {hash tag}) it follows
// through MOVED, ASK, TRYAGAIN and CLUSTERDOWN. Connections are made when they
// are needed and kept. Thread-safe.
//
// Errors of every call:
//   kUnavailable         nobody answers, LOADING, CLUSTERDOWN, a failover
//   kDeadlineExceeded    no answer within answer_timeout
//   kPermissionDenied    NOAUTH, WRONGPASS, NOPERM
//   kResourceExhausted   OOM: over maxmemory; over max_reply_bytes
//   kFailedPrecondition  READONLY (a replica's address), WRONGTYPE (the key is
//                        another program's), an address of the wrong kind,
//                        what is no Redis
//   kUnimplemented       a command that this version does not know
//   kInvalidArgument     keys of one command in several slots; ERR syntax
//   kNotFound            NOGROUP
//   kAlreadyExists       BUSYGROUP
//   kInternal            other words, as of redis.error_reply()
// The two first ones are tried again while there is patience. Messages never
// hold arguments.
//
// What a master acknowledged and had not sent to a replica yet is lost when it
// dies: Redis replicates later. Transactions are scripts: MULTI would need one
// connection for several calls.
class RedisClient {
 public:
  // Connects to nobody yet. kUnimplemented: TLS, where hiredis has none.
  // `metrics` (null: none) outlives it.
  static Result<std::unique_ptr<RedisClient>> Open(
      const RedisUrl& url, const RedisOptions& options = {},
      MetricsRegistry* metrics = nullptr);
  virtual ~RedisClient() = default;

  virtual Result<RedisReply> Run(RedisCommand command) = 0;

  // In one go, pipelined to each node; each with its own answer, in order. Done
  // in this order only where nothing is sent again or elsewhere.
  virtual std::vector<Result<RedisReply>> RunAll(
      std::vector<RedisCommand> commands) = 0;

  // All keys in one slot. `effect` as of a command.
  virtual Result<RedisReply> RunScript(
      const RedisScript& script, std::vector<std::string> keys,
      std::vector<std::string> arguments,
      RedisEffect effect = RedisEffect::kRepeatable) = 0;
  struct ScriptCall {
    const RedisScript* script = nullptr;
    std::vector<std::string> keys;
    std::vector<std::string> arguments;
    RedisEffect effect = RedisEffect::kRepeatable;
  };
  // Likewise, pipelined.
  virtual std::vector<Result<RedisReply>> RunScripts(
      std::vector<ScriptCall> calls) = 0;

  // Calls `heard` with every message of `channel` (published anywhere in a
  // Cluster) but empty ones, from a thread and through a connection of its own;
  // what it does must be quick. Once
  // listening, and again after every reconnection, it is called with an empty
  // message: whatever was said meanwhile is lost. Never fails: it goes on
  // trying.
  virtual std::unique_ptr<RedisSubscription> Subscribe(
      std::string channel,
      std::function<void(const std::string& message)> heard) = 0;

  // Every key that `pattern` matches, of all masters, in no order; a key may
  // come twice, and one whose slot moves meanwhile not at all. Stops at the
  // first error.
  virtual Result<> ForEachKey(
      const std::string& pattern,
      const std::function<Result<>(const std::string& key)>& visit) = 0;

  // That somebody answers, lets us in, is a master, of the kind that the
  // address says, and is 7.0 or later: otherwise the error that says what to
  // do. In a Cluster all masters, which have all slots.
  virtual Result<> Check() = 0;
  // Of the node that answers first: {8, 0, 2} as 80002.
  virtual Result<int> Version() = 0;

  virtual const RedisUrl& url() const = 0;
};

// CRC16 (XMODEM) of the key, or of what stands in its first non-empty {}, mod
// 16384. Source: the Redis Cluster specification.
std::uint16_t RedisSlotOf(std::string_view key);

}  // namespace ocelli
