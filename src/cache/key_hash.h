#pragma once

#include <cstddef>

#include "cache/result_key.h"

namespace ocelli {

// For hash maps in memory.
struct ResultKeyHash {
  std::size_t operator()(const ResultKey& key) const {
    return std::hash<Digest>()(key.image) ^
           std::hash<Digest>()(key.fingerprint) * 31;
  }
};

}  // namespace ocelli
