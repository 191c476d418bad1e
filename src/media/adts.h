#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ocelli {

// AAC in transport streams says with a header before each packet (ADTS) what
// other containers say once (AudioSpecificConfig). ISO/IEC 14496-3, 1.6.2.1 and
// 1.A.2.2.

// Bytes of the header that this packet begins with: 7, 9, or 0 without one.
std::size_t AdtsHeaderSize(std::span<const std::uint8_t> packet);

// Of AAC-LC; none where it has no words for that rate or number of channels.
std::optional<std::array<std::uint8_t, 2>> AudioSpecificConfig(int sample_rate,
                                                               int channels);

}  // namespace ocelli
