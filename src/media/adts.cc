#include "media/adts.h"

#include <algorithm>

namespace ocelli {

std::size_t AdtsHeaderSize(std::span<const std::uint8_t> packet) {
  // Twelve ones, then MPEG version, two zeros of the layer.
  if (packet.size() < 7 || packet[0] != 0xff || (packet[1] & 0xf6) != 0xf0) {
    return 0;
  }
  const bool has_checksum = (packet[1] & 1) == 0;
  const std::size_t size = has_checksum ? 9 : 7;
  return packet.size() > size ? size : 0;
}

std::optional<std::array<std::uint8_t, 2>> AudioSpecificConfig(int sample_rate,
                                                               int channels) {
  constexpr std::array kRates = {96000, 88200, 64000, 48000, 44100,
                                 32000, 24000, 22050, 16000, 12000,
                                 11025, 8000,  7350};
  const auto rate = std::find(kRates.begin(), kRates.end(), sample_rate);
  if (rate == kRates.end() || channels < 1 || channels > 8 || channels == 7) {
    return std::nullopt;
  }
  constexpr unsigned kLowComplexity = 2;
  const auto index = static_cast<unsigned>(rate - kRates.begin());
  const unsigned layout = channels == 8 ? 7u : static_cast<unsigned>(channels);
  const unsigned bits = kLowComplexity << 11 | index << 7 | layout << 3;
  return std::array{static_cast<std::uint8_t>(bits >> 8),
                    static_cast<std::uint8_t>(bits & 0xff)};
}

}  // namespace ocelli
