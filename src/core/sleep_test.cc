#include "core/sleep.h"

#include <gtest/gtest.h>

#include <thread>

namespace ocelli {
namespace {

TEST(SleepFor, LastsAsLongAsItIsTold) {
  constexpr std::chrono::milliseconds kTime(5);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(SleepFor(kTime, {}));
  EXPECT_GE(std::chrono::steady_clock::now() - start, kTime);
}

TEST(SleepFor, EndsWhenItIsToStop) {
  std::stop_source stop;
  std::jthread stopping([&] { stop.request_stop(); });
  EXPECT_FALSE(SleepFor(std::chrono::hours(24), stop.get_token()));
}

}  // namespace
}  // namespace ocelli
