#include "access/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "access/test_access.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

TEST(SecretTest, ItIsReadAsItWasMade) {
  for (const SecretKind kind : {SecretKind::kKey, SecretKind::kSession}) {
    const Secret secret = MakeSecret(kind, TestRandom());
    const auto read = ReadSecret(kind, secret.text);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->id, secret.reference.id);
    EXPECT_TRUE(EqualInConstantTime(read->hash, secret.reference.hash));
  }
}

TEST(SecretTest, AScannerKnowsAKeyByItsForm) {
  const std::string text = MakeSecret(SecretKind::kKey, TestRandom()).text;
  EXPECT_EQ(text.size(), 71u);
  EXPECT_TRUE(text.starts_with("ocelli_"));
  EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567", 7),
            text.npos);
}

// Keys that were given out must be taken by every later version.
TEST(SecretTest, TheFormatIsTheOneThatWasGivenOut) {
  const Secret secret =
      MakeSecret(SecretKind::kKey, [](std::span<std::byte> bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
          bytes[i] = static_cast<std::byte>(i);
        }
      });
  EXPECT_EQ(secret.text,
            "ocelli_aaaqeayeaudaocajbifqydiob4ibceqt"
            "cqkrmfyydenbwha5dypsaijcemsasup3");
  EXPECT_EQ(secret.reference.id, "aaaqeaye");
  EXPECT_EQ(secret.reference.hash.ToHex(),
            "eec9fc67f02e27488f30c5d64af7fc8211e6ebe06190635fbfd909d783cf47f6");
}

TEST(SecretTest, EveryMistypedCharacterIsNoticed) {
  const std::string text = MakeSecret(SecretKind::kKey, TestRandom()).text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'a', '7', 'B', '\0', '-'}) {
      if (text[i] == c) continue;
      std::string wrong = text;
      wrong[i] = c;
      EXPECT_FALSE(ReadSecret(SecretKind::kKey, wrong)) << i << " " << c;
    }
  }
  for (std::size_t i = 7; i + 1 < text.size(); ++i) {
    std::string swapped = text;
    std::swap(swapped[i], swapped[i + 1]);
    if (swapped == text) continue;
    EXPECT_FALSE(ReadSecret(SecretKind::kKey, swapped)) << i;
  }
}

TEST(SecretTest, WhatIsNoneIsSaidWithoutRepeatingIt) {
  const std::string key = MakeSecret(SecretKind::kKey, TestRandom()).text;
  std::string mistyped = key;
  mistyped[40] = mistyped[40] == 'a' ? 'b' : 'a';
  for (const std::string& text :
       {std::string(), std::string("ocelli_"), std::string("secret"), key + "a",
        key.substr(0, 70), mistyped, std::string(1 << 20, 'a')}) {
    const auto read = ReadSecret(SecretKind::kKey, text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kUnauthenticated);
    EXPECT_LT(read.error().message.size(), 80u);
    if (text.size() > 60) {
      EXPECT_THAT(read.error().message, Not(HasSubstr(text.substr(7, 20))));
    }
  }
  EXPECT_THAT(ReadSecret(SecretKind::kKey, mistyped).error().message,
              HasSubstr("checksum"));
}

TEST(SecretTest, AKeyIsNoSession) {
  const std::string key = MakeSecret(SecretKind::kKey, TestRandom()).text;
  const std::string session =
      MakeSecret(SecretKind::kSession, TestRandom()).text;
  EXPECT_FALSE(ReadSecret(SecretKind::kSession, key));
  EXPECT_FALSE(ReadSecret(SecretKind::kKey, session));
  // Nor by exchanging the prefix.
  EXPECT_FALSE(ReadSecret(SecretKind::kKey, "ocelli_" + session.substr(15)));
}

TEST(SecretTest, TheSystemGivesOthersEachTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(MakeSecret(SecretKind::kKey, SystemRandom()).text);
  }
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace ocelli
