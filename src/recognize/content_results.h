#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/result_cache.h"
#include "cache/single_flight.h"
#include "core/result.h"

namespace ocelli {

// Serialised results of images by their content: the cache where it has one,
// otherwise computed once however many ask, on every machine that computes into
// the same cache. Thread-safe.
class ContentResults {
 public:
  // `cache` (null: none) outlives it.
  explicit ContentResults(ResultCache* cache);

  // Calls `parse` with the result of `key`; a cached one that it refuses is
  // damaged: it is computed anew and replaced. True where nothing was computed
  // for this call.
  Result<bool> Get(const ResultKey& key,
                   const std::function<Result<std::string>()>& compute,
                   const std::function<Result<>(std::string_view)>& parse);
  // Get() of each in its place. All are looked up in one go; what the cache
  // lacks is computed one after the other. The callbacks get the place too.
  std::vector<Result<bool>> GetMany(
      std::span<const ResultKey> keys,
      const std::function<Result<std::string>(std::size_t)>& compute,
      const std::function<Result<>(std::size_t, std::string_view)>& parse);

 private:
  using Compute = std::function<Result<std::string>()>;
  using Parse = std::function<Result<>(std::string_view)>;

  Result<bool> Read(const ResultKey& key,
                    const Result<SingleFlight::Answer>& answer,
                    const Compute& compute, const Parse& parse);

  ResultCache* const cache_;
  SingleFlight flight_;
};

}  // namespace ocelli
