#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cache/result_cache.h"
#include "cache/single_flight.h"
#include "core/result.h"

namespace ocelli {

// Serialised results of images by their content: the cache where it has one,
// otherwise computed once however many ask. Thread-safe.
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

 private:
  ResultCache* const cache_;
  SingleFlight flight_;
};

}  // namespace ocelli
