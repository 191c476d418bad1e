#include "faces/detection.h"

#include <gmock/gmock.h>

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Detection At(float x, float y, float side, float score) {
  Detection detection{{x, y, side, side}, score, {}};
  detection.keypoints.fill({x, y});
  return detection;
}

TEST(FindBest, KeepsTheBestOfBoxesThatOverlap) {
  const std::vector<Detection> detections = {
      At(0, 0, 10, .5f), At(1, 0, 10, .9f), At(50, 50, 10, .7f)};
  EXPECT_THAT(FindBest(detections, {.union_ratio = .3f}), ElementsAre(1, 2));
}

TEST(FindBest, KeepsWhatOverlapsOnlyWhatWasSuppressed) {
  const std::vector<Detection> detections = {
      At(0, 0, 10, .9f), At(5, 0, 10, .8f), At(10, 0, 10, .7f)};
  EXPECT_THAT(FindBest(detections, {.union_ratio = .3f}), ElementsAre(0, 2));
}

TEST(FindBest, FindsASmallBoxInsideALargeOne) {
  const std::vector<Detection> detections = {At(0, 0, 100, .9f),
                                             At(40, 40, 10, .8f)};
  EXPECT_THAT(FindBest(detections, {.union_ratio = .3f}), ElementsAre(0, 1));
  EXPECT_THAT(FindBest(detections, {.union_ratio = .3f, .smaller_ratio = .7f}),
              ElementsAre(0));
}

TEST(FindBest, OfNothingIsNothing) {
  EXPECT_THAT(FindBest({}, {.3f}), IsEmpty());
}

TEST(SuppressWeighted, AveragesWhatOverlapsTheBest) {
  const auto kept = SuppressWeighted(
      {At(0, 0, 10, .25f), At(2, 0, 10, .75f), At(90, 0, 10, .5f)}, .3f);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_FLOAT_EQ(kept[0].score, .75f);
  EXPECT_FLOAT_EQ(kept[0].box.x, 1.5f);
  EXPECT_FLOAT_EQ(kept[0].box.width, 10);
  EXPECT_FLOAT_EQ(kept[0].keypoints[3].x, 1.5f);
  EXPECT_EQ(kept[1], At(90, 0, 10, .5f));
}

TEST(SuppressWeighted, ComparesWithTheBestAlone) {
  // The third overlaps the second, not the first: it stays.
  const auto kept = SuppressWeighted(
      {At(0, 0, 10, .9f), At(5, 0, 10, .8f), At(10, 0, 10, .7f)}, .3f);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_FLOAT_EQ(kept[1].box.x, 10);
}

}  // namespace
}  // namespace ocelli
