#include "core/vector_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> Read(std::string_view text) {
  std::vector<float> values;
  const auto read = AppendVector(text, 100, values);
  EXPECT_TRUE(read) << read.error().message;
  return values;
}

std::string ErrorOf(std::string_view text) {
  std::vector<float> values = {7};
  const auto read = AppendVector(text, 3, values);
  EXPECT_THAT(values, ElementsAre(7)) << text;
  return read ? "none" : read.error().message;
}

TEST(AppendVector, ReadsEveryNotation) {
  for (const char* text : {"0.5 -2 1e3", "0.5,-2,1e3", "[0.5, -2., +1E+3]",
                           " [ .5\n -2\r\n1000 ]\n", "5e-1;-2e0;\t1.0e3",
                           "[0.5 -2.0 1000.0]", ",0.5,,-2,1e3,"}) {
    EXPECT_THAT(Read(text), ElementsAre(.5f, -2, 1000)) << text;
  }
}

TEST(AppendVector, OfNothingIsEmpty) {
  for (const char* text : {"", "  \n", "[]", "[ ]"}) {
    EXPECT_THAT(Read(text), ElementsAre()) << text;
  }
}

TEST(AppendVector, LeavesWhatIsNotFiniteToItsCaller) {
  const auto values = Read("nan inf -inf 1e39 -1e39 1e-50");
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[2], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[3], values[1]);
  EXPECT_EQ(values[4], values[2]);
  EXPECT_EQ(values[5], 0);
}

TEST(AppendVector, NamesWhatIsNoNumber) {
  EXPECT_EQ(ErrorOf("1 two 3"), "not a number: 'two'");
  EXPECT_EQ(ErrorOf("1 2x"), "not a number: '2x'");
  EXPECT_EQ(ErrorOf("1e"), "not a number: '1e'");
  EXPECT_EQ(ErrorOf("-"), "not a number: '-'");
  EXPECT_EQ(ErrorOf("+-1"), "not a number: '+-1'");
  EXPECT_EQ(ErrorOf("1.2.3"), "not a number: '1.2.3'");
  EXPECT_EQ(ErrorOf("12345678:"), "not a number: '12345678:'");
  EXPECT_EQ(ErrorOf("1e999"), "a number out of range");
  EXPECT_THAT(ErrorOf("[0.1 0.2 ... 0.9]"), HasSubstr("left out"));
  EXPECT_THAT(ErrorOf("[0.1 0.2"), HasSubstr("bracket"));
  EXPECT_THAT(ErrorOf("["), HasSubstr("bracket"));
  EXPECT_THAT(ErrorOf("[[1]]"), HasSubstr("not a number"));
  EXPECT_EQ(ErrorOf("1 2 3 4"), "more than 3 values");
}

// The quick way rounds as from_chars does, which is right by the standard.
void ExpectRoundedRight(const std::string& text) {
  float expected = 0;
  std::from_chars(text.data(), text.data() + text.size(), expected);
  const auto values = Read(text);
  ASSERT_EQ(values.size(), 1) << text;
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[0]),
            std::bit_cast<std::uint32_t>(expected))
      << text;
}

TEST(AppendVector, RoundsToTheNearestFloat) {
  std::mt19937 random(1);
  char text[64];
  for (int i = 0; i < 100'000; ++i) {
    const auto value =
        std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isnormal(value)) continue;
    const int digits = static_cast<int>(random() % 20) + 1;
    std::snprintf(text, sizeof(text), "%.*g", digits,
                  static_cast<double>(value));
    ExpectRoundedRight(text);
    std::snprintf(text, sizeof(text), "%.*f", digits,
                  std::fmod(static_cast<double>(value), 1000.0));
    ExpectRoundedRight(text);
  }
}

TEST(AppendVector, RoundsTheMiddleBetweenFloatsToEven) {
  std::mt19937 random(2);
  char text[64];
  for (int i = 0; i < 20'000; ++i) {
    const double low = static_cast<double>(random() % (1 << 24)) / (1 << 20);
    const double high =
        static_cast<double>(std::nextafter(static_cast<float>(low), 1000.f));
    std::snprintf(text, sizeof(text), "%.19g", (low + high) / 2);
    ExpectRoundedRight(text);
  }
  // Just above, at and just below 1 + 2^-24.
  ExpectRoundedRight("1.000000059604644776");
  ExpectRoundedRight("1.000000059604644775390625");
  ExpectRoundedRight("1.000000059604644775");
}

TEST(AppendVector, TakesNumbersOfAnyLength) {
  ExpectRoundedRight("0.000000000000000000001234567890123456");
  ExpectRoundedRight("12345678901234567890123");
  ExpectRoundedRight("0." + std::string(500, '0'));
  ExpectRoundedRight("1" + std::string(30, '0') + ".5");
  ExpectRoundedRight("-0.0");
  ExpectRoundedRight("1.17549435e-38");
  ExpectRoundedRight("3.40282347e38");
  ExpectRoundedRight("1e-0000005");
}

}  // namespace
}  // namespace ocelli
