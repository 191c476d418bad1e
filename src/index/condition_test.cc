#include "index/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::HasSubstr;
using Relation = Condition::Relation;

bool Holds(std::string_view condition, std::string_view stored) {
  return Condition::Parse(condition).value().Holds(stored);
}

TEST(Condition, ReadsKeyRelationAndValue) {
  const std::pair<const char*, Relation> kCases[] = {
      {"a b=v", Relation::kEqual},
      {"a b == v", Relation::kEqual},
      {"a b!=v", Relation::kNotEqual},
      {"a b<v", Relation::kLess},
      {" a b <= v ", Relation::kLessOrEqual},
      {"a b>v", Relation::kGreater},
      {"a b>=v", Relation::kGreaterOrEqual},
      {"a b~v", Relation::kContains}};
  for (const auto& [text, relation] : kCases) {
    auto condition = Condition::Parse(text);
    ASSERT_TRUE(condition) << text;
    EXPECT_EQ(condition->key, "a b") << text;
    EXPECT_EQ(condition->relation, relation) << text;
    EXPECT_EQ(condition->value, "v") << text;
  }
}

TEST(Condition, QuotesKeepSpacesAndSigns) {
  EXPECT_EQ(Condition::Parse("k=\" v \"")->value, " v ");
  EXPECT_EQ(Condition::Parse("k=a=b")->value, "a=b");
  EXPECT_EQ(Condition::Parse("k~=")->value, "=");
  EXPECT_EQ(Condition::Parse("k=")->value, "");
  EXPECT_EQ(Condition::Parse("k=\"")->value, "\"");
}

TEST(Condition, WhatIsNoneIsNamed) {
  for (const char* text : {"", "region", "=Africa", " = x", "a!b", "<"}) {
    auto condition = Condition::Parse(text);
    ASSERT_FALSE(condition) << text;
    EXPECT_EQ(condition.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(condition.error().message,
                HasSubstr("\"" + std::string(text) + "\" is no condition"));
  }
}

TEST(Condition, NumbersCompareAsNumbersWhereBothAre) {
  EXPECT_TRUE(Holds("n<10", "9"));
  EXPECT_TRUE(Holds("n=1.0", "1"));
  EXPECT_TRUE(Holds("n>=1e3", " 1000 "));
  EXPECT_FALSE(Holds("n!=2", "2.00"));
  EXPECT_FALSE(Holds("n<10", "9 apples"));  // As text: "9" after "1".
  EXPECT_TRUE(Holds("n=nan", "nan"));       // Text, or nothing would equal it.
}

TEST(Condition, TextComparesAsBytes) {
  EXPECT_TRUE(Holds("r=Africa", "Africa"));
  EXPECT_FALSE(Holds("r=africa", "Africa"));
  EXPECT_TRUE(Holds("r<b", "a"));
  EXPECT_TRUE(Holds("r>a", "\xc3\xa9"));
  EXPECT_TRUE(Holds("r!=x", ""));
  EXPECT_TRUE(Holds("r~fri", "Africa"));
  EXPECT_FALSE(Holds("r~1", "2x"));
}

TEST(Condition, OnlyNotEqualHoldsWithoutTheKey) {
  EXPECT_TRUE(Condition::Parse("k!=v")->HoldsWithoutKey());
  for (const char* text : {"k=", "k<v", "k>=v", "k~"}) {
    EXPECT_FALSE(Condition::Parse(text)->HoldsWithoutKey()) << text;
  }
}

}  // namespace
}  // namespace ocelli
