#include "http/percent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(PercentTest, BytesAreDecoded) {
  EXPECT_EQ(PercentDecode("/a%20b%2fc+%C3%A4"), "/a b/c+\xc3\xa4");
  EXPECT_EQ(PercentDecode(""), "");
}

TEST(PercentTest, WhatIsNoHexIsNothing) {
  for (const char* text : {"%", "a%2", "%zz", "%2g", "%%41", "%-1", "% 1"}) {
    EXPECT_EQ(PercentDecode(text), std::nullopt) << text;
  }
}

TEST(PercentTest, ZeroBytesAreNothing) {
  EXPECT_EQ(PercentDecode("a%00b"), std::nullopt);
  EXPECT_EQ(PercentDecode(std::string_view("a\0b", 3)), std::nullopt);
}

TEST(PercentTest, WhatIsNoUtf8IsNothing) {
  for (const char* text :
       {"%80", "%c0%af", "%c3", "%c3%28", "%e0%80%af", "%ed%a0%80",
        "%f0%80%80%af", "%f4%90%80%80", "%f5%80%80%80", "%ff", "%e2%82"}) {
    EXPECT_EQ(PercentDecode(text), std::nullopt) << text;
  }
  EXPECT_EQ(PercentDecode("%f0%9f%99%82%ef%bf%bd"),
            "\xf0\x9f\x99\x82\xef\xbf\xbd");
}

TEST(PercentTest, QueriesAreTakenApartInTheirOrder) {
  const auto fields = ParseQuery("b=1&a=x%26y+z&&flag&b=&=v&c=d=e");
  ASSERT_TRUE(fields.has_value());
  EXPECT_THAT(*fields,
              ElementsAre(Pair("b", "1"), Pair("a", "x&y z"), Pair("flag", ""),
                          Pair("b", ""), Pair("", "v"), Pair("c", "d=e")));
  EXPECT_THAT(*ParseQuery(""), ElementsAre());
}

TEST(PercentTest, OneBadPairSpoilsAQuery) {
  EXPECT_EQ(ParseQuery("a=1&b=%f"), std::nullopt);
  EXPECT_EQ(ParseQuery("a%00=1"), std::nullopt);
}

}  // namespace
}  // namespace ocelli
