#include "live/stream_plan.h"

#include <gmock/gmock.h>

#include "live/test_tracker.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::SizeIs;

class StreamPlannerTest : public testing::Test {
 protected:
  std::shared_ptr<const StreamPlan> Plan(const FrameStreamSettings& settings) {
    auto plan = planner_.Plan(settings);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? *plan : std::make_shared<const StreamPlan>();
  }

  TrackerLog log_;
  StreamPlanner planner_{OpenOneFaceTracker(log_), {}};
};

TEST_F(StreamPlannerTest, MakesEffectsAnewOnlyWhereTheirTextsChanged) {
  const auto first = Plan({.effects = {"beauty"}, .pictures = true});
  const auto same =
      Plan({.effects = {"beauty"}, .pictures = true, .quality = 40});
  const auto without = Plan({.effects = {"beauty"}});
  const auto again = Plan({.effects = {"beauty"}, .pictures = true});
  EXPECT_TRUE(first->effects);
  EXPECT_EQ(first->effects, same->effects);
  EXPECT_EQ(same->settings.quality, 40);
  EXPECT_FALSE(without->effects);  // Nobody would see them.
  EXPECT_EQ(first->effects, again->effects);
  EXPECT_NE(Plan({.effects = {"overlay"}, .pictures = true})->effects,
            first->effects);
}

TEST_F(StreamPlannerTest, KeepsTheTrackerWhileItsNeedsStay) {
  const auto first = Plan({});
  EXPECT_TRUE(first->tracker);
  EXPECT_EQ(Plan({.effects = {"beauty"}, .pictures = true})->tracker,
            first->tracker);
  EXPECT_FALSE(Plan({.faces = false})->tracker);
  EXPECT_EQ(Plan({})->tracker, first->tracker);
  EXPECT_THAT(log_.opened(), SizeIs(1));
  EXPECT_FALSE(log_.opened()[0].identify);

  EXPECT_NE(Plan({.names = true})->tracker, first->tracker);
  EXPECT_TRUE(log_.opened()[1].identify);
  EXPECT_FALSE(log_.opened()[1].thorough);
  Plan({.effects = {"anonymize"}, .pictures = true});
  EXPECT_TRUE(log_.opened()[2].thorough);
  EXPECT_LT(log_.opened()[2].detect_every, milliseconds(1000));
}

TEST_F(StreamPlannerTest, RefusesTooManyEffects) {
  const auto refused = planner_.Plan(
      {.effects = std::vector<std::string>(17, "beauty"), .pictures = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(StreamPlannerTest, LoadsNoFiles) {
  const auto refused =
      planner_.Plan({.effects = {"sticker:file=/etc/hostname"}});
  ASSERT_FALSE(refused);
}

}  // namespace
}  // namespace ocelli
