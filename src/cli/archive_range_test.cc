#include "cli/archive_range.h"

#include <gtest/gtest.h>

#include "core/utc_time.h"

namespace ocelli {
namespace {

using std::chrono::seconds;

const auto kNow = *ParseUtc("2026-11-25T14:24:15Z");

std::string TextOf(const std::string& text) {
  const auto place = ParseArchivePlace(text, kNow);
  return place ? ArchivePlaceText(*place) : "bad";
}

TEST(ArchivePlace, IsATimeOfTodayOrOfAnotherDay) {
  EXPECT_EQ(TextOf("10:00"), "2026-11-25T10:00:00.000Z");
  EXPECT_EQ(TextOf("10:00:30"), "2026-11-25T10:00:30.000Z");
  EXPECT_EQ(TextOf("23:59Z"), "2026-11-25T23:59:00.000Z");
  EXPECT_EQ(TextOf("2026-11-24T10:05"), "2026-11-24T10:05:00.000Z");
  EXPECT_EQ(TextOf("2026-11-24T10:05:06.5Z"), "2026-11-24T10:05:06.500Z");
  EXPECT_EQ(TextOf("2026-11-24"), "2026-11-24T00:00:00.000Z");
}

TEST(ArchivePlace, IsASeq) {
  EXPECT_EQ(TextOf("seq:42"), "seq 42");
  EXPECT_EQ(TextOf("seq:"), "bad");
  EXPECT_EQ(TextOf("seq:-1"), "bad");
  EXPECT_EQ(TextOf("seq:4x"), "bad");
}

TEST(ArchivePlace, RefusesOtherThings) {
  for (const char* text : {"", "10", "25:00", "10:61", "noon", "10:00:00:00",
                           "2026-13-01", "2026-11-25 10:00"}) {
    EXPECT_EQ(TextOf(text), "bad") << text;
  }
}

TEST(ArchiveRange, OfTimesIsWithoutItsEnd) {
  ArchiveRange range;
  FrameRecord frame;
  frame.time = kNow;
  EXPECT_TRUE(range.Contains(frame));
  range.from = ArchivePlace{{}, kNow};
  range.to = ArchivePlace{{}, kNow + seconds(1)};
  EXPECT_TRUE(range.Contains(frame));
  frame.time += seconds(1);
  EXPECT_FALSE(range.Contains(frame));
  frame.time = kNow - seconds(1);
  EXPECT_FALSE(range.Contains(frame));
}

TEST(ArchiveRange, OfSeqsIsWithItsEnd) {
  const ArchiveRange range{ArchivePlace{3, {}}, ArchivePlace{5, {}}};
  FrameRecord frame;
  std::string inside;
  for (frame.seq = 0; frame.seq < 9; ++frame.seq) {
    if (range.Contains(frame)) inside += std::to_string(frame.seq);
  }
  EXPECT_EQ(inside, "345");
}

}  // namespace
}  // namespace ocelli
