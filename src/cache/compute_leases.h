#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "cache/result_key.h"
#include "core/result.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

struct ComputeLeaseOptions {
  // How long a lease outlives its owner's last sign of life.
  std::chrono::milliseconds ttl{10'000};
  // How often a waiter looks by itself, in case no message comes.
  std::chrono::milliseconds poll{250};
  // Who waits longer computes without sharing.
  std::chrono::milliseconds longest_wait{60'000};
  // The same for who is itself waited for: two that wait for each other, on
  // whatever machines, end so.
  std::chrono::milliseconds longest_nested_wait{2'000};
};

// Which machine computes which key. A lease makes it unlikely, not impossible,
// that two compute the same: an owner that is cut off for longer than the ttl
// (or Redis is, or loses its memory) has lost its lease without knowing, and
// goes on. That costs time, never a wrong result. Thread-safe.
class ComputeLeases {
 public:
  virtual ~ComputeLeases() = default;

  // Held, and renewed, until its destructor, which tells who waits. It waits
  // for Redis no longer than one call may last.
  class Lease {
   public:
    virtual ~Lease() = default;
  };
  // Null: somebody else holds it.
  virtual Result<std::unique_ptr<Lease>> Claim(const ResultKey& key) = 0;

  // Notices every release since it was made.
  class Watch {
   public:
    virtual ~Watch() = default;
    // Until the key may be free, options().poll is over, or `stop` is
    // requested.
    virtual void Wait(const std::stop_token& stop) = 0;
  };
  virtual std::unique_ptr<Watch> WatchFor(const ResultKey& key) = 0;

  virtual const ComputeLeaseOptions& options() const = 0;
};

// `redis` and `metrics` (null: none) outlive it, and its leases do not. Its
// keys are "ocelli:l:...", its channel "ocelli:released".
std::unique_ptr<ComputeLeases> MakeRedisComputeLeases(
    RedisClient& redis, const ComputeLeaseOptions& options = {},
    MetricsRegistry* metrics = nullptr);

}  // namespace ocelli
