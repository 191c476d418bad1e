#include "access/scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::HasSubstr;

TEST(ScopesTest, EveryCombinationReadsAsItWasWritten) {
  for (int bits = 1; bits < 8; ++bits) {
    const Scopes scopes = Scopes::FromBits(bits);
    const auto parsed = Scopes::Parse(scopes.ToText());
    ASSERT_TRUE(parsed) << scopes.ToText();
    EXPECT_EQ(*parsed, scopes);
  }
  EXPECT_EQ(Scopes::Parse("admin,read,read")->ToText(), "read,admin");
}

TEST(ScopesTest, WhatIsNoScopeIsNamed) {
  for (const char* text :
       {"", "root", "read,", ",read", "READ", "read write"}) {
    const auto parsed = Scopes::Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, HasSubstr("read, write and admin"));
  }
}

TEST(ScopesTest, AdminIncludesAllAndTheOthersOnlyThemselves) {
  for (int have = 0; have < 8; ++have) {
    for (int need = 0; need < 8; ++need) {
      const bool expected = (have & 4) || (have & need) == need;
      EXPECT_EQ(Scopes::FromBits(have).Include(Scopes::FromBits(need)),
                expected)
          << have << " " << need;
    }
  }
}

TEST(ScopesTest, UnknownBitsOfAFileGiveNothing) {
  EXPECT_TRUE(Scopes::FromBits(8).empty());
  EXPECT_TRUE(Scopes::FromBits(std::int64_t{1} << 40).empty());
}

}  // namespace
}  // namespace ocelli
