#include "access/password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// As little as libsodium allows: what is tested is not how slow it is.
constexpr PasswordLimits kLittle = {1, 8192};

std::unique_ptr<PasswordHasher> Hasher(PasswordLimits limits = kLittle) {
  return MakePasswordHasher({limits, 2, std::chrono::seconds(60)});
}

TEST(PasswordTest, ItIsArgon2idWithTheLimitsAskedFor) {
  const auto hash = Hasher()->Hash("correct horse").value();
  EXPECT_THAT(hash, StartsWith("$argon2id$v=19$m=8,t=1,p=1$"));
  EXPECT_NE(Hasher()->Hash("correct horse").value(), hash);  // Salted.
}

TEST(PasswordTest, OnlyTheSamePasswordIsRight) {
  const auto hasher = Hasher();
  const auto hash = hasher->Hash("correct horse").value();
  EXPECT_TRUE(hasher->Verify(hash, "correct horse").value());
  for (const std::string_view wrong :
       {std::string_view("correct horsf"), std::string_view(""),
        std::string_view("correct horse\0", 14),
        std::string_view("correct hors")}) {
    EXPECT_FALSE(hasher->Verify(hash, wrong).value());
  }
}

TEST(PasswordTest, OtherLimitsAreNoticedAndStillVerified) {
  const auto hash = Hasher()->Hash("correct horse").value();
  EXPECT_FALSE(Hasher()->Outdated(hash));
  for (const PasswordLimits& other :
       {PasswordLimits{2, 8192}, PasswordLimits{1, 16384}}) {
    EXPECT_TRUE(Hasher(other)->Outdated(hash));
    EXPECT_TRUE(Hasher(other)->Verify(hash, "correct horse").value());
  }
}

TEST(PasswordTest, ADamagedHashIsAnErrorAndNoWrongPassword) {
  const auto hasher = Hasher();
  const auto hash = hasher->Hash("correct horse").value();
  for (const std::string& damaged :
       {std::string(), std::string("nonsense"), hash.substr(0, 20),
        std::string("$argon2id$v=19$m=8,t=1,p=1$") + std::string(500, 'A')}) {
    const auto verified = hasher->Verify(damaged, "correct horse");
    ASSERT_FALSE(verified) << damaged;
    EXPECT_EQ(verified.error().code, ErrorCode::kDataLoss);
    EXPECT_TRUE(hasher->Outdated(damaged));
  }
}

TEST(PasswordTest, WhoGetsNoTurnIsToldToTryAgain) {
  const auto hasher =
      MakePasswordHasher({kLittle, 0, std::chrono::milliseconds(0)});
  const auto hash = hasher->Hash("correct horse");
  ASSERT_FALSE(hash);
  EXPECT_EQ(hash.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(hash.error().message, HasSubstr("try again"));
}

TEST(PasswordTest, MemoryThatIsNotToBeHadIsAnError) {
  const auto hasher = Hasher({1, std::size_t{1} << 62});
  const auto hash = hasher->Hash("correct horse");
  ASSERT_FALSE(hash);
  EXPECT_EQ(hash.error().code, ErrorCode::kResourceExhausted);
}

TEST(PasswordTest, ShortLongAndObviousOnesAreRefused) {
  EXPECT_TRUE(CheckPassword("0123456789", "Ada"));
  EXPECT_TRUE(CheckPassword("ääääääääää", "Ada"));
  EXPECT_TRUE(CheckPassword(std::string(1024, 'x'), "Ada"));
  EXPECT_THAT(CheckPassword("012345678", "Ada").error().message,
              HasSubstr("at least 10 characters"));
  // 12 bytes, but 6 characters.
  EXPECT_FALSE(CheckPassword("ääääää", "Ada"));
  EXPECT_THAT(CheckPassword(std::string(1025, 'x'), "Ada").error().message,
              HasSubstr("the longest has 1024"));
  EXPECT_THAT(CheckPassword("ada LOVELACE", "Ada Lovelace").error().message,
              HasSubstr("name of its user"));
}

}  // namespace
}  // namespace ocelli
