#include "cache/result_cache.h"

namespace ocelli {

std::vector<Result<std::optional<std::string>>> ResultCache::GetMany(
    std::span<const ResultKey> keys) {
  std::vector<Result<std::optional<std::string>>> values;
  values.reserve(keys.size());
  for (const ResultKey& key : keys) values.push_back(Get(key));
  return values;
}

}  // namespace ocelli
