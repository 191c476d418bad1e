#include <array>
#include <cstdint>
#include <string_view>

#include "redis/redis_client.h"

namespace ocelli {
namespace {

constexpr std::array<std::uint16_t, 256> kCrcOfByte = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < table.size(); ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
    }
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

}  // namespace

std::uint16_t RedisSlotOf(std::string_view key) {
  if (const auto open = key.find('{'); open != key.npos) {
    const auto close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  unsigned crc = 0;
  for (const char c : key) {
    const unsigned index = (crc >> 8 ^ static_cast<unsigned char>(c)) & 0xff;
    crc = (crc << 8 & 0xffff) ^ kCrcOfByte[index];
  }
  return static_cast<std::uint16_t>(crc % 16384);
}

}  // namespace ocelli
