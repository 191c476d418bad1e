#include "core/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace ocelli {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) {
    return Fail(ErrorCode::kInvalidArgument, "odd: " + std::to_string(value));
  }
  return value / 2;
}

Result<std::string> Describe(int value) {
  const auto half = Half(value);
  if (!half) return half.Failure("describing");
  return "half is " + std::to_string(*half);
}

TEST(ResultTest, HoldsAValueOrAnError) {
  EXPECT_EQ(Half(8).value(), 4);
  const auto odd = Half(7);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(odd.error().message, "odd: 7");
}

TEST(ResultTest, FailurePassesTheErrorOnUnderAnotherType) {
  EXPECT_EQ(Describe(6).value(), "half is 3");
  const auto described = Describe(5);
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(described.error().message, "describing: odd: 5");
}

TEST(ResultTest, FailureWithoutWordsAddsNone) {
  const Result<> failed = Half(1).Failure();
  EXPECT_EQ(failed.error().message, "odd: 1");
}

TEST(ResultTest, CarriesWhatOnlyMoves) {
  Result<std::unique_ptr<int>> owned = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = *std::move(owned);
  EXPECT_EQ(*taken, 3);
}

TEST(ResultTest, NothingIsSuccess) {
  EXPECT_TRUE(Result<>());
  EXPECT_FALSE(Result<>(Fail(ErrorCode::kUnavailable, "busy")));
}

}  // namespace
}  // namespace ocelli
