#include <cstdint>
#include <string_view>

#include "redis/redis_client.h"

namespace ocelli {

std::uint16_t RedisSlotOf(std::string_view key) {
  if (const auto open = key.find('{'); open != key.npos) {
    const auto close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  unsigned crc = 0;
  for (const char c : key) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
    }
    crc &= 0xffff;
  }
  return static_cast<std::uint16_t>(crc % 16384);
}

}  // namespace ocelli
