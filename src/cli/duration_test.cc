#include "cli/duration.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndItsUnit) {
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("90s").value(), 90s);
  EXPECT_EQ(ParseDuration("1.5s").value(), 1500ms);
  EXPECT_EQ(ParseDuration("5m").value(), 5min);
  EXPECT_EQ(ParseDuration("5min").value(), 5min);
  EXPECT_EQ(ParseDuration("12h").value(), 12h);
  EXPECT_EQ(ParseDuration("30d").value(), 30 * 24h);
  EXPECT_EQ(ParseDuration("2w").value(), 14 * 24h);
  EXPECT_EQ(ParseDuration("0s").value(), 0ms);
}

TEST(Duration, RefusesAnythingElse) {
  for (const char* text :
       {"", "s", "30", "-5m", "+5m", "5 m", "5x", "1h30m", "inf", "infs",
        "nans", "1e3s", "1.2.3s", ".s", "36526d", "99999999999999999999d"}) {
    const auto duration = ParseDuration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Duration, IsToldInWholeUnits) {
  EXPECT_EQ(DurationText(900ms), "0 s");
  EXPECT_EQ(DurationText(119s), "119 s");
  EXPECT_EQ(DurationText(120s), "2 min");
  EXPECT_EQ(DurationText(119min), "119 min");
  EXPECT_EQ(DurationText(47h), "47 hours");
  EXPECT_EQ(DurationText(48h), "2 days");
}

TEST(Size, IsANumberAndItsUnit) {
  EXPECT_EQ(ParseSize("10GB").value(), 10'000'000'000u);
  EXPECT_EQ(ParseSize("1.5MB").value(), 1'500'000u);
  EXPECT_EQ(ParseSize("64k").value(), 64'000u);
  EXPECT_EQ(ParseSize("512MiB").value(), 512u << 20);
  EXPECT_EQ(ParseSize("1TiB").value(), std::uint64_t{1} << 40);
  EXPECT_EQ(ParseSize("4096").value(), 4096u);
}

TEST(Size, RefusesAnythingElse) {
  for (const char* text :
       {"", "GB", "-1GB", "10 GB", "10XB", "1e9", "inf", "99999999TB"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
}

}  // namespace
}  // namespace ocelli
