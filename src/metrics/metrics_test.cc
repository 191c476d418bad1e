#include "metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::HasSubstr;

TEST(MetricsRegistry, TextHasWhatWasCountedAndMeasured) {
  MetricsRegistry registry;
  registry
      .AddCounter("ocelli_live_frames_total", "Frames.", {{"source", "cam"}})
      .Add(3);
  registry.AddGauge("ocelli_live_queue_frames", "Waiting.").Set(2);
  registry.AddHistogram("ocelli_live_stage_seconds", "Time.", {.1, 1})
      .Observe(.5);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("ocelli_live_frames_total{source=\"cam\"} 3"));
  EXPECT_THAT(text, HasSubstr("ocelli_live_queue_frames 2"));
  EXPECT_THAT(text, HasSubstr("ocelli_live_stage_seconds_bucket{le=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("ocelli_live_stage_seconds_count 1"));
}

TEST(MetricsRegistry, SeveralCountInOneGauge) {
  MetricsRegistry registry;
  registry.AddGauge("ocelli_live_videos", "Videos.").Add(3);
  registry.AddGauge("ocelli_live_videos", "Videos.").Add(-1);
  EXPECT_THAT(registry.Text(), HasSubstr("ocelli_live_videos 2"));
}

TEST(MetricsRegistry, TheSameNameAndLabelsAreTheSameMetric) {
  MetricsRegistry registry;
  Counter& first = registry.AddCounter("ocelli_a_total", "A.", {{"x", "1"}});
  Counter& again = registry.AddCounter("ocelli_a_total", "A.", {{"x", "1"}});
  Counter& other = registry.AddCounter("ocelli_a_total", "A.", {{"x", "2"}});
  EXPECT_EQ(&first, &again);
  EXPECT_NE(&first, &other);
}

}  // namespace
}  // namespace ocelli
