#include "cache/value_envelope.h"

#include <gtest/gtest.h>

#include <random>

#include "cache/test_results.h"

namespace ocelli {
namespace {

std::string RandomBytes(std::size_t size) {
  std::minstd_rand random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(ValueEnvelope, OpensWhatWasSealed) {
  for (const std::string& value :
       {std::string(), std::string("a\0b", 3), RandomBytes(6'000),
        std::string(1'000'000, 'x'), RandomBytes(1'000'000)}) {
    const std::string sealed = SealValue(TestKey(1), value);
    EXPECT_LE(sealed.size(), value.size() + 24);
    EXPECT_EQ(OpenValue(TestKey(1), sealed), value);
  }
}

TEST(ValueEnvelope, CompressesWhatIsLargeAndShrinks) {
  EXPECT_LT(SealValue(TestKey(1), std::string(1'000'000, 'x')).size(), 10'000u);
  EXPECT_GT(SealValue(TestKey(1), RandomBytes(1'000'000)).size(), 1'000'000u);
}

TEST(ValueEnvelope, BelongsToItsKey) {
  const std::string sealed = SealValue(TestKey(1), "value");
  EXPECT_EQ(OpenValue(TestKey(2), sealed), std::nullopt);
  EXPECT_EQ(OpenValue(TestKey(1, "other models"), sealed), std::nullopt);
}

TEST(ValueEnvelope, EveryChangedByteAndEveryCutShows) {
  for (const std::string& value :
       {std::string("somebody's face"), std::string(200'000, 'x')}) {
    const std::string sealed = SealValue(TestKey(1), value);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      std::string changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 0x10);
      ASSERT_EQ(OpenValue(TestKey(1), changed), std::nullopt) << i;
      ASSERT_EQ(OpenValue(TestKey(1), sealed.substr(0, i)), std::nullopt) << i;
    }
    EXPECT_EQ(OpenValue(TestKey(1), sealed + "x"), std::nullopt);
  }
}

// Puts the right checksum over a wrong envelope, as only malice does.
std::string Forge(std::string sealed, std::size_t at, std::string_view bytes) {
  sealed.replace(at, bytes.size(), bytes);
  sealed.replace(16, 8, 8, '\0');
  const std::int64_t checksum =
      ValueChecksum(TestKey(1), std::as_bytes(std::span(sealed)));
  sealed.replace(16, 8, reinterpret_cast<const char*>(&checksum), 8);
  return sealed;
}

TEST(ValueEnvelope, BelievesNoSizeOrVersion) {
  const std::string plain = SealValue(TestKey(1), "value");
  const std::string packed = SealValue(TestKey(1), std::string(200'000, 'x'));
  ASSERT_EQ(OpenValue(TestKey(1), Forge(plain, 0, "")), "value");
  EXPECT_EQ(OpenValue(TestKey(1), Forge(plain, 4, "\x02")), std::nullopt);
  EXPECT_EQ(OpenValue(TestKey(1), Forge(plain, 5, "\x01")), std::nullopt);
  for (const std::string size : {"\x01\x00\x00\x00", "\xff\xff\xff\x00",
                                 "\xff\xff\xff\x03", "\xff\xff\xff\xff"}) {
    const std::string bytes = size + std::string(4 - size.size(), '\0');
    EXPECT_EQ(OpenValue(TestKey(1), Forge(plain, 8, bytes)), std::nullopt);
    EXPECT_EQ(OpenValue(TestKey(1), Forge(packed, 8, bytes)), std::nullopt);
  }
  // A frame that is none, and one that unpacks to more than it says.
  EXPECT_EQ(OpenValue(TestKey(1), Forge(packed, 24, RandomBytes(12))),
            std::nullopt);
}

}  // namespace
}  // namespace ocelli
