#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cache/result_key.h"

namespace ocelli {

// Finds damage, not malice: a change within one word always shows.
std::int64_t ValueChecksum(const ResultKey& key,
                           std::span<const std::byte> value);

// Values as they lie in a cache that others write too: magic, version, size,
// checksum over key and all that follows, the value, compressed where that
// pays.
std::string SealValue(const ResultKey& key, std::string_view value);

// What was sealed for `key`; none where it is damaged, of another version,
// another key's or program's, or larger than kMaxSealedValue. Believes nothing.
std::optional<std::string> OpenValue(const ResultKey& key, std::string sealed);

// Of a value, and of what it may say to become.
inline constexpr std::size_t kMaxSealedValue = 16 << 20;

}  // namespace ocelli
