#pragma once

#include <string>
#include <string_view>

#include "cache/result_key.h"

namespace ocelli {

// Binary, to be short. Half of the fingerprint is enough: it is no secret and
// nobody gains by forging it, and values carry a checksum over all of it.
inline std::string RedisKeyOf(std::string_view prefix, const ResultKey& key) {
  constexpr std::size_t kFingerprintBytes = 16;
  std::string name;
  name.reserve(prefix.size() + key.image.bytes.size() + kFingerprintBytes);
  name += prefix;
  name.append(key.image.bytes.begin(), key.image.bytes.end());
  name.append(key.fingerprint.bytes.begin(),
              key.fingerprint.bytes.begin() + kFingerprintBytes);
  return name;
}

}  // namespace ocelli
