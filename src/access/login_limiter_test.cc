#include "access/login_limiter.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

class LoginLimiterTest : public testing::Test {
 protected:
  // Failures until the first that is refused, without any time passing.
  int Tries(LoginLimiter& limiter, const std::string& name,
            const std::string& address) {
    int tries = 0;
    while (tries < 100 && limiter.Begin(name, address).count() == 0) ++tries;
    return tries;
  }

  FixedClock clock_{std::chrono::system_clock::time_point()};
  LoginLimits limits_;
};

TEST_F(LoginLimiterTest, AFewFailuresAreFreeThenTheWaitDoubles) {
  LoginLimiter limiter(limits_, clock_);
  EXPECT_EQ(Tries(limiter, "ada", "10.0.0.1"), 6);
  for (const int expected : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}) {
    // Another name each time, so that the address decides.
    const std::string name = "user" + std::to_string(expected);
    EXPECT_EQ(limiter.Wait(name, "10.0.0.1"), seconds(expected));
    EXPECT_EQ(limiter.Begin(name, "10.0.0.1"), seconds(expected));
    clock_.Advance(seconds(expected) - nanoseconds(1));
    EXPECT_EQ(limiter.Begin(name, "10.0.0.1"), nanoseconds(1));
    clock_.Advance(nanoseconds(1));
    EXPECT_EQ(limiter.Begin(name, "10.0.0.1"), nanoseconds(0));
  }
}

TEST_F(LoginLimiterTest, AWaitRefusedIsNotCounted) {
  LoginLimiter limiter(limits_, clock_);
  Tries(limiter, "ada", "10.0.0.1");
  for (int i = 0; i < 100; ++i) limiter.Begin("ada", "10.0.0.1");
  EXPECT_EQ(limiter.Wait("ada", "10.0.0.1"), seconds(1));
}

TEST_F(LoginLimiterTest, ManyAddressesDoNotHelpAgainstOneName) {
  LoginLimiter limiter(limits_, clock_);
  int tries = 0;
  for (int i = 0; i < 100; ++i) {
    tries += limiter.Begin("ada", "10.0.0." + std::to_string(i)).count() == 0;
  }
  EXPECT_EQ(tries, 6);
}

TEST_F(LoginLimiterTest, TheWaitForANameStaysShort) {
  LoginLimiter limiter(limits_, clock_);
  for (int i = 0; i < 100; ++i) {
    const std::string address = "10.0.0." + std::to_string(i);
    clock_.Advance(limiter.Wait("ada", address));
    ASSERT_EQ(limiter.Begin("ada", address).count(), 0);
  }
  EXPECT_EQ(limiter.Wait("ada", "10.1.0.1"), seconds(30));
  EXPECT_EQ(limiter.Wait("eva", "10.1.0.1"), seconds(0));
}

TEST_F(LoginLimiterTest, SuccessFreesTheNameButNotTheAddress) {
  LoginLimiter limiter(limits_, clock_);
  for (int i = 0; i < 4; ++i) limiter.Begin("ada", "10.0.0.1");
  ASSERT_EQ(limiter.Begin("ada", "10.0.0.1").count(), 0);
  limiter.Succeeded("ada", "10.0.0.1");
  EXPECT_EQ(Tries(limiter, "ada", "10.0.0.2"), 6);
  // Four failures and the two that are free from here.
  EXPECT_EQ(Tries(limiter, "eva", "10.0.0.1"), 2);
}

TEST_F(LoginLimiterTest, WhoOnlySucceedsNeverWaits) {
  LoginLimiter limiter(limits_, clock_);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(limiter.Begin("ada", "10.0.0.1").count(), 0);
    limiter.Succeeded("ada", "10.0.0.1");
  }
}

TEST_F(LoginLimiterTest, WhatCouldNotBeTriedIsNotCounted) {
  LoginLimiter limiter(limits_, clock_);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(limiter.Begin("ada", "10.0.0.1").count(), 0);
    limiter.Withdraw("ada", "10.0.0.1");
  }
}

TEST_F(LoginLimiterTest, FailuresAreForgottenAfterAnHour) {
  LoginLimiter limiter(limits_, clock_);
  Tries(limiter, "ada", "10.0.0.1");
  clock_.Advance(seconds(3600));
  EXPECT_EQ(Tries(limiter, "ada", "10.0.0.1"), 1);
  clock_.Advance(seconds(3602));
  EXPECT_EQ(Tries(limiter, "ada", "10.0.0.1"), 6);
}

TEST_F(LoginLimiterTest, OneClientHasManyAddressesOfIpv6) {
  LoginLimiter limiter(limits_, clock_);
  int tries = 0;
  for (int i = 1; i <= 50; ++i) {
    tries += limiter
                 .Begin("user" + std::to_string(i),
                        "2001:db8:1:2::" + std::to_string(i))
                 .count() == 0;
  }
  EXPECT_EQ(tries, 6);
  EXPECT_EQ(limiter.Wait("x", "2001:db8:1:3::1").count(), 0);
  // The same client by both families.
  for (int i = 0; i < 6; ++i) limiter.Begin("", "::ffff:10.0.0.9");
  EXPECT_GT(limiter.Wait("x", "10.0.0.9").count(), 0);
}

TEST_F(LoginLimiterTest, WhatIsNoAddressIsOneClient) {
  LoginLimiter limiter(limits_, clock_);
  int tries = 0;
  for (int i = 0; i < 50; ++i) {
    tries += limiter
                 .Begin("user" + std::to_string(i),
                        std::string(1000, 'x') + std::to_string(i))
                 .count() == 0;
  }
  EXPECT_EQ(tries, 6);
}

TEST_F(LoginLimiterTest, AFloodOfNewOnesDoesNotWashOutTheWorst) {
  limits_.capacity = 50;
  LoginLimiter limiter(limits_, clock_);
  Tries(limiter, "ada", "10.0.0.1");
  for (int i = 0; i < 1000; ++i) {
    limiter.Begin(
        "user" + std::to_string(i),
        "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  }
  EXPECT_EQ(limiter.Wait("ada", "10.9.9.9"), seconds(1));
  EXPECT_EQ(limiter.Wait("x", "10.0.0.1"), seconds(1));
}

}  // namespace
}  // namespace ocelli
