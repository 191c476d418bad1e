#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/compute_leases.h"
#include "cache/result_cache.h"

namespace ocelli {

// Computes each key once: of the threads that ask for one at the same time,
// on every machine with the same leases, the first computes and the others
// wait for its answer. A `compute` may ask for other keys; where waiting would
// never end (it asks for its own key, or two ask for each other's), it is
// called without sharing. Where machines are involved that shows only in that
// the wait takes long (ComputeLeaseOptions). Thread-safe.
class SingleFlight {
 public:
  // Null cache: nothing is kept, calls at the same time still share. Null
  // leases: those of this object alone. Both outlive it.
  explicit SingleFlight(ResultCache* cache, ComputeLeases* leases = nullptr);
  ~SingleFlight();  // No call may be under way.

  struct Answer {
    std::string value;
    bool cached = false;  // No one computed for this call.
  };
  // An error of `compute` goes to everyone of this process who waited and is
  // not kept; another machine tries for itself. After kCancelled one of those
  // who wait, here or there, computes. Who waits while their WorkScope is
  // stopped gets kCancelled at once; the computation goes on for the others. A
  // cache or leases that fail are logged and counted, and the answer computed
  // all the same.
  Result<Answer> GetOrCompute(
      const ResultKey& key,
      const std::function<Result<std::string>()>& compute);
  // Of a key that LookUp() just did not find.
  Result<Answer> ComputeMissing(
      const ResultKey& key,
      const std::function<Result<std::string>()>& compute);

  // What the cache has of each, in one go; of a failing one, nothing.
  std::vector<std::optional<std::string>> LookUp(
      std::span<const ResultKey> keys);

  // Calls that wait for what another of this process computes.
  std::size_t waiting() const;

  // How often the cache or the leases failed; only the first time is in the
  // log.
  std::uint64_t cache_failures() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
