#include "recognize/queue_outage.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ocelli {
namespace {

using std::chrono::milliseconds;

class QueueOutageTest : public testing::Test {
 protected:
  // Lines logged since the last time.
  template <typename Work>
  long LinesOf(Work work) {
    testing::internal::CaptureStderr();
    work();
    const std::string log = testing::internal::GetCapturedStderr();
    return std::count(log.begin(), log.end(), '\n');
  }

  const Error away_{ErrorCode::kUnavailable, "nobody there"};
  const Error full_{ErrorCode::kResourceExhausted, "OOM"};
  QueueOutage outage_{milliseconds(1), milliseconds(2)};
};

TEST_F(QueueOutageTest, OneOutageIsOneLineForAllThatNoticeIt) {
  EXPECT_EQ(LinesOf([&] {
              for (int i = 0; i < 5; ++i) {
                outage_.Say(QueueOutage::kTake, away_);
                outage_.Say(QueueOutage::kHandIn, away_);
                outage_.Say(QueueOutage::kRenew, away_);
              }
            }),
            1);
  EXPECT_EQ(LinesOf([&] {
              outage_.Over(QueueOutage::kTake);
              outage_.Over(QueueOutage::kHandIn);
              outage_.Over(QueueOutage::kTake);
            }),
            0);
  EXPECT_EQ(LinesOf([&] { outage_.Over(QueueOutage::kRenew); }), 1);
  EXPECT_EQ(LinesOf([&] { outage_.Say(QueueOutage::kTake, away_); }), 1);
}

TEST_F(QueueOutageTest, WhatGoesWellDoesNotEndTheTroubleOfTheRest) {
  EXPECT_EQ(LinesOf([&] {
              for (int i = 0; i < 5; ++i) {
                outage_.Say(QueueOutage::kHandIn, full_);
                outage_.Over(QueueOutage::kTake);
              }
            }),
            1);
}

}  // namespace
}  // namespace ocelli
