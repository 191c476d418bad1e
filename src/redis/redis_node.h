#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"
#include "redis/redis_connection.h"

namespace ocelli {

// What a client counts.
struct RedisMeters {
  explicit RedisMeters(MetricsRegistry& registry_in);

  MetricsRegistry& registry;
  Counter& commands;
  Counter& errors;
  Counter& connects;
  Counter& redirections;
  Counter& repeats;
  Histogram& seconds;
};

// How a connection begins.
struct RedisLogin {
  std::string user;
  std::string password;
  int database = 0;
  bool read_replica = false;  // READONLY: a replica in a Cluster answers.
};

// One server: the connections to it, and whether it is worth asking. Lives as
// long as its client. Thread-safe.
class RedisNode {
 public:
  RedisNode(RedisHost host, RedisLogin login, const RedisOptions& options,
            RedisMeters& meters);

  // One connection, in the hands of one caller. Unless it is kept, it ends.
  class Lease {
   public:
    Lease(RedisNode* node, std::unique_ptr<RedisConnection> connection,
          bool reused)
        : node_(node), connection_(std::move(connection)), reused_(reused) {}
    ~Lease() {
      if (node_ != nullptr) node_->Release(std::move(connection_), false);
    }
    Lease(Lease&& other) noexcept
        : node_(std::exchange(other.node_, nullptr)),
          connection_(std::move(other.connection_)),
          reused_(other.reused_) {}
    Lease& operator=(Lease&&) = delete;

    RedisConnection& operator*() const { return *connection_; }
    RedisConnection* operator->() const { return connection_.get(); }
    bool reused() const { return reused_; }
    void Keep() {
      std::exchange(node_, nullptr)->Release(std::move(connection_), true);
    }

   private:
    RedisNode* node_;
    std::unique_ptr<RedisConnection> connection_;
    bool reused_;
  };

  // Nothing was sent where this fails. `surely`: not one that its server has
  // closed, as far as this machine knows. `wait`: for one that is free.
  Result<Lease> Borrow(bool surely, std::chrono::milliseconds wait);
  // Beside the pool, for as long as it is wanted.
  Result<std::unique_ptr<RedisConnection>> Connect();

  // Its answer to one command, an error of the server's as kError.
  Result<RedisReply> Ask(const std::vector<std::string>& arguments,
                         std::chrono::milliseconds timeout);

  // Nobody there: counts for the breaker, and connections at rest are dropped.
  void Missed(const std::string& why);
  // One connection was dead, so others may be.
  void DropResting();

  const RedisHost& host() const { return host_; }
  const std::string& name() const { return name_; }
  bool breaker_open() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Release(std::unique_ptr<RedisConnection> connection, bool good);
  void Answered();  // With mutex_.
  Result<std::unique_ptr<RedisConnection>> Login(Time deadline);

  const RedisHost host_;
  const std::string name_;
  const RedisLogin login_;
  const RedisOptions options_;
  RedisMeters& meters_;
  Gauge& in_use_gauge_;
  Gauge& breaker_gauge_;

  mutable std::mutex mutex_;
  std::condition_variable released_;
  // Guarded by mutex_.
  struct Resting {
    std::unique_ptr<RedisConnection> connection;
    Time since;
  };
  std::vector<Resting> resting_;  // The one used last is the last.
  int in_use_ = 0;
  int misses_ = 0;   // In a row.
  std::string why_;  // Of the last one.
  Time next_probe_;  // Until then an open breaker lets nobody through.
};

}  // namespace ocelli
