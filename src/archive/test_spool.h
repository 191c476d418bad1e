#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "archive/frame_record.h"
#include "core/byte_source.h"
#include "core/check.h"
#include "core/digest.h"

namespace ocelli {

struct TestFrame {
  FrameRecord record;
  std::vector<std::byte> picture;
};

// Always the same for a seq, a size and a version.
inline TestFrame MakeTestFrame(std::uint64_t seq, std::size_t bytes,
                               std::uint32_t version = 0) {
  TestFrame frame;
  std::mt19937 random(static_cast<std::uint32_t>(seq * 1000 + version));
  frame.picture.resize(bytes);
  for (std::byte& byte : frame.picture) {
    byte = static_cast<std::byte>(random() & 255);
  }
  frame.record.seq = seq;
  frame.record.run = version;
  frame.record.pts = std::chrono::milliseconds(40 * seq);
  frame.record.time = std::chrono::system_clock::time_point(
      std::chrono::microseconds(1'764'000'000'123'456 + 40'000 * seq));
  frame.record.width = 64;
  frame.record.height = 48;
  frame.record.digest = Sha256(std::span<const std::byte>(frame.picture));
  frame.record.bytes = bytes;
  return frame;
}

inline std::vector<std::byte> ReadAll(const ByteSource& source) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(source.size));
  if (bytes.empty()) return bytes;
  const auto count = source.read(0, bytes);
  OCELLI_CHECK(count);
  bytes.resize(*count);
  return bytes;
}

}  // namespace ocelli
