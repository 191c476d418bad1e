#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/result.h"

namespace ocelli {

// Bytes that are read when they are needed, and again when they have to be
// sent again.
struct ByteSource {
  std::uint64_t size = 0;
  // Fills `into` from `offset` on: all of it, or what there is before the end.
  // One call at a time, from any thread.
  std::function<Result<std::size_t>(std::uint64_t offset,
                                    std::span<std::byte> into)>
      read;
};

// The bytes in memory.
inline ByteSource BytesOf(std::vector<std::byte> bytes) {
  // Shared by the copies of the source.
  auto kept = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::uint64_t size = kept->size();
  return {size,
          [kept = std::move(kept)](
              std::uint64_t offset,
              std::span<std::byte> into) -> Result<std::size_t> {
            if (offset >= kept->size()) return 0;
            const auto count = std::min<std::size_t>(
                into.size(), kept->size() - static_cast<std::size_t>(offset));
            std::memcpy(into.data(), kept->data() + offset, count);
            return count;
          }};
}

}  // namespace ocelli
