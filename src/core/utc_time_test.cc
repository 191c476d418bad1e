#include "core/utc_time.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::system_clock;

TEST(UtcTime, IsReadAsItWasWritten) {
  const auto time =
      system_clock::time_point(std::chrono::milliseconds(1'764'080'655'123));
  EXPECT_EQ(UtcText(time), "2025-11-25T14:24:15.123Z");
  EXPECT_EQ(ParseUtc(UtcText(time)).value(), time);
}

TEST(UtcTime, RoundsPartsOfAMillisecondDown) {
  EXPECT_EQ(UtcText(system_clock::time_point(std::chrono::microseconds(999))),
            "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(UtcText(system_clock::time_point(std::chrono::microseconds(-1))),
            "1969-12-31T23:59:59.999Z");
}

TEST(UtcTime, IsWrittenToTheMicrosecondOnRequest) {
  const auto time = system_clock::time_point(
      std::chrono::microseconds(1'764'080'655'123'456));
  const std::string text = UtcText(time, UtcPrecision::kMicroseconds);
  EXPECT_EQ(text, "2025-11-25T14:24:15.123456Z");
  EXPECT_EQ(ParseUtc(text).value(), time);
  EXPECT_EQ(UtcText(system_clock::time_point(std::chrono::microseconds(-1)),
                    UtcPrecision::kMicroseconds),
            "1969-12-31T23:59:59.999999Z");
}

TEST(UtcTime, TakesSecondsInPartsOfAnyLength) {
  EXPECT_EQ(ParseUtc("1970-01-01T00:00:01Z").value().time_since_epoch(),
            std::chrono::seconds(1));
  EXPECT_EQ(ParseUtc("1970-01-01T00:00:00.000001Z").value().time_since_epoch(),
            std::chrono::microseconds(1));
  EXPECT_EQ(ParseUtc("2024-02-29T00:00:00.5Z").value() -
                ParseUtc("2024-02-28T23:59:59Z").value(),
            std::chrono::milliseconds(1500));
}

TEST(UtcTime, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "Z", "2026-11-25", "2026-11-25T14:24:15", "2026-13-25T14:24:15Z",
        "2026-02-29T00:00:00Z", "2026-11-25T24:00:00Z", "2026-11-25T00:60:00Z",
        "2026-11-25 14:24:15Z", "2026-11-25T14:24:15.Z",
        "2026-11-25T14:24:15.1234567Z", "2026-11-25T14:24:15,1Z",
        "+026-11-25T14:24:15Z", "9999-11-25T14:24:15Z"}) {
    EXPECT_FALSE(ParseUtc(text)) << text;
  }
}

}  // namespace
}  // namespace ocelli
