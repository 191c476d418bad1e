#include "media/adts.h"

#include <gtest/gtest.h>

#include <vector>

namespace ocelli {
namespace {

TEST(Adts, AHeaderIsAsLongAsItsChecksumSays) {
  std::vector<std::uint8_t> packet = {0xff, 0xf1, 0x50, 0x80, 0,
                                      0x1f, 0xfc, 1,    2,    3};
  EXPECT_EQ(AdtsHeaderSize(packet), 7u);
  packet[1] = 0xf0;
  EXPECT_EQ(AdtsHeaderSize(packet), 9u);
}

TEST(Adts, WhatIsNoHeaderHasNone) {
  EXPECT_EQ(AdtsHeaderSize({}), 0u);
  EXPECT_EQ(AdtsHeaderSize(std::vector<std::uint8_t>{0xff, 0xf1}), 0u);
  EXPECT_EQ(AdtsHeaderSize(std::vector<std::uint8_t>(20, 0xff)), 0u);
  // Nothing behind it.
  EXPECT_EQ(
      AdtsHeaderSize(std::vector<std::uint8_t>{0xff, 0xf1, 0, 0, 0, 0, 0}), 0u);
}

TEST(Adts, TheConfigurationIsThatOfTheStandard) {
  // 44.1 kHz stereo and 48 kHz mono, as every encoder writes them.
  EXPECT_EQ(AudioSpecificConfig(44100, 2),
            (std::array<std::uint8_t, 2>{0x12, 0x10}));
  EXPECT_EQ(AudioSpecificConfig(48000, 1),
            (std::array<std::uint8_t, 2>{0x11, 0x88}));
  EXPECT_FALSE(AudioSpecificConfig(44101, 2));
  EXPECT_FALSE(AudioSpecificConfig(44100, 0));
  EXPECT_FALSE(AudioSpecificConfig(44100, 7));
}

}  // namespace
}  // namespace ocelli
