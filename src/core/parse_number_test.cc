#include "core/parse_number.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace ocelli {
namespace {

TEST(ParseNumberTest, TakesAllOfTheTextOrNothing) {
  EXPECT_EQ(ParseNumber<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseNumber<int>("-7"), -7);
  EXPECT_EQ(ParseNumber<double>("1e6"), 1e6);
  for (const char* text : {"", " 1", "1 ", "1x", "+1", "0x10", "one"}) {
    EXPECT_EQ(ParseNumber<int>(text), std::nullopt) << text;
    EXPECT_EQ(ParseNumber<double>(text), std::nullopt) << text;
  }
}

TEST(ParseNumberTest, RefusesWhatNumberCannotBe) {
  EXPECT_EQ(ParseNumber<std::uint64_t>("-1"), std::nullopt);
  EXPECT_EQ(ParseNumber<std::uint64_t>("18446744073709551616"), std::nullopt);
  for (const char* text : {"inf", "-inf", "nan", "1e999"}) {
    EXPECT_EQ(ParseNumber<double>(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ocelli
