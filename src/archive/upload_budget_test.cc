#include "archive/upload_budget.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using Outcome = UploadBudget::Share::Outcome;

class UploadBudgetTest : public testing::Test {
 protected:
  std::unique_ptr<UploadBudget::Share> Join(int* calls) {
    return budget_.AddShare([calls] { ++*calls; });
  }

  FixedClock clock_{std::chrono::system_clock::time_point{}};
  UploadBudget budget_{8, clock_};
  int calls_a_ = 0, calls_b_ = 0;
};

TEST_F(UploadBudgetTest, OneArchiveGetsAllThatItWants) {
  const auto share = Join(&calls_a_);
  EXPECT_EQ(share->Take(3), 3);
  EXPECT_EQ(share->Take(10), 5);
  EXPECT_EQ(budget_.in_flight(), 8);
  EXPECT_EQ(share->Take(1), 0);
}

TEST_F(UploadBudgetTest, IsCalledWhenASlotIsKeptForIt) {
  const auto a = Join(&calls_a_);
  const auto b = Join(&calls_b_);
  ASSERT_EQ(a->Take(8), 8);
  ASSERT_EQ(b->Take(2), 0);
  EXPECT_EQ(calls_b_, 0);
  a->Return(Outcome::kStored, milliseconds(1));
  EXPECT_EQ(calls_b_, 1);
  EXPECT_EQ(a->Take(1), 0);
  EXPECT_EQ(b->Take(2), 1);
}

TEST_F(UploadBudgetTest, ASlotGoesToWhoHasTheFewest) {
  const auto a = Join(&calls_a_);
  const auto b = Join(&calls_b_);
  int taken_a = a->Take(8);
  int taken_b = b->Take(100);
  ASSERT_EQ(taken_a, 8);
  for (int step = 0; step < 20; ++step) {
    a->Return(Outcome::kStored, milliseconds(1));
    --taken_a;
    taken_a += a->Take(100);
    taken_b += b->Take(100);
  }
  EXPECT_EQ(taken_a, 4);
  EXPECT_EQ(taken_b, 4);
}

TEST_F(UploadBudgetTest, ManyThatComeFreeAtOnceGoToWhoWaits) {
  const auto a = Join(&calls_a_);
  const auto b = Join(&calls_b_);
  ASSERT_EQ(a->Take(8), 8);
  ASSERT_EQ(b->Take(6), 0);
  for (int i = 0; i < 8; ++i) a->Return(Outcome::kStored, milliseconds(1));
  EXPECT_EQ(calls_b_, 1);
  EXPECT_EQ(a->Take(8), 2);
  EXPECT_EQ(b->Take(6), 6);
}

TEST_F(UploadBudgetTest, AWishThatIsGoneKeepsNothing) {
  const auto a = Join(&calls_a_);
  const auto b = Join(&calls_b_);
  ASSERT_EQ(a->Take(8), 8);
  ASSERT_EQ(b->Take(4), 0);
  a->Return(Outcome::kStored, milliseconds(1));
  EXPECT_EQ(b->Take(0), 0);
  EXPECT_EQ(a->Take(1), 1);
}

TEST_F(UploadBudgetTest, AnArchiveThatEndsLeavesItsSlots) {
  auto a = Join(&calls_a_);
  const auto b = Join(&calls_b_);
  ASSERT_EQ(a->Take(8), 8);
  ASSERT_EQ(b->Take(5), 0);
  a.reset();
  EXPECT_EQ(calls_b_, 1);
  EXPECT_EQ(b->Take(8), 8);
}

TEST_F(UploadBudgetTest, AShareMayOutliveTheBudget) {
  auto budget = std::make_unique<UploadBudget>(0, clock_);
  const auto share = budget->AddShare([] {});
  budget.reset();
  EXPECT_EQ(share->Take(1), 1);
  share->Return(Outcome::kNotTried, {});
}

TEST_F(UploadBudgetTest, FindsItsOwnLimitFromHowUploadsEnd) {
  UploadBudget budget(0, clock_);
  const auto share = budget.AddShare([] {});
  ASSERT_EQ(share->Take(1), 1);
  const int before = budget.limit();
  share->Return(Outcome::kSlowDown, milliseconds(1));
  EXPECT_EQ(budget.limit(), before / 2);
}

}  // namespace
}  // namespace ocelli
