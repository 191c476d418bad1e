#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cache/result_cache.h"

namespace ocelli {

// Computes each key once: of the threads that ask for one at the same time,
// the first computes and the others wait for its answer. A `compute` may ask
// for other keys; where waiting would never end (it asks for its own key, or
// two ask for each other's), it is called without sharing. Thread-safe.
class SingleFlight {
 public:
  // Null cache: nothing is kept, calls at the same time still share.
  explicit SingleFlight(ResultCache* cache);
  ~SingleFlight();  // No call may be under way.

  struct Answer {
    std::string value;
    bool cached = false;  // No one computed for this call.
  };
  // An error of `compute` goes to everyone who waited and is not kept. A cache
  // that fails is logged and counted, and the answer computed all the same.
  Result<Answer> GetOrCompute(
      const ResultKey& key,
      const std::function<Result<std::string>()>& compute);

  // How often the cache failed; only the first time is in the log.
  std::uint64_t cache_failures() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
