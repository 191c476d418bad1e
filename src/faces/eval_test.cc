#include "faces/eval.h"

#include <gmock/gmock.h>

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ParseFacePairs, ReadsLinesAfterTheHeadings) {
  const auto pairs =
      ParseFacePairs("same\timage_a\timage_b\n1\ta.jpg\tb.jpg\r\n0\ta\tc\n");
  ASSERT_TRUE(pairs);
  ASSERT_THAT(*pairs, SizeIs(2));
  EXPECT_TRUE((*pairs)[0].same);
  EXPECT_EQ((*pairs)[0].b, "b.jpg");
  EXPECT_FALSE((*pairs)[1].same);
}

TEST(ParseFacePairs, NamesTheBadLine) {
  const auto pairs = ParseFacePairs("same\ta\tb\n1\ta\tb\nyes\ta\tb\n");
  ASSERT_FALSE(pairs);
  EXPECT_THAT(pairs.error().message, HasSubstr("line 3"));
  EXPECT_FALSE(ParseFacePairs(""));
  EXPECT_FALSE(ParseFacePairs("same\ta\tb\n1\ta\n"));
}

std::vector<ScoredPair> Separable(int count) {
  std::vector<ScoredPair> pairs;
  for (int i = 0; i < count; ++i) {
    pairs.push_back({.6f + .001f * static_cast<float>(i), true});
    pairs.push_back({.2f - .001f * static_cast<float>(i), false});
  }
  return pairs;
}

TEST(ScoreVerification, IsPerfectWhereAThresholdSeparates) {
  const VerificationScore score = ScoreVerification(Separable(100));
  EXPECT_DOUBLE_EQ(score.accuracy, 1);
  EXPECT_NEAR(score.threshold, .4, 1e-6);
  EXPECT_DOUBLE_EQ(score.tar_at_far_1, 1);
  EXPECT_DOUBLE_EQ(score.tar_at_far_01, 1);
}

TEST(ScoreVerification, CountsMistakes) {
  std::vector<ScoredPair> pairs = Separable(100);
  pairs[1].similarity = .9f;  // Different, yet nearer than any.
  pairs[2].similarity = .1f;  // Same, yet far.
  const VerificationScore score = ScoreVerification(pairs);
  EXPECT_DOUBLE_EQ(score.accuracy, .99);
  EXPECT_DOUBLE_EQ(score.tar_at_far_1, .99);  // One of 100 may be wrong.
  EXPECT_DOUBLE_EQ(score.tar_at_far_01, 0);   // None may.
}

TEST(ScoreVerification, DoesNotCountATieAsAccepted) {
  const std::vector<ScoredPair> pairs = {{.5f, true}, {.5f, false}};
  EXPECT_DOUBLE_EQ(ScoreVerification(pairs).tar_at_far_01, 0);
}

TEST(MainFace, PrefersTheMiddleToABitLarger) {
  std::vector<Face> faces(2);
  faces[0].box = {0, 0, 60, 60};
  faces[1].box = {100, 100, 50, 50};
  EXPECT_EQ(MainFace(faces, 250, 250), &faces[1]);
  faces[0].box = {0, 0, 200, 200};
  EXPECT_EQ(MainFace(faces, 250, 250), &faces[0]);
  EXPECT_EQ(MainFace({}, 250, 250), nullptr);
}

TEST(ParseWider, ReadsBoxesAndMarksInvalidOnes) {
  const auto images = ParseWider(
      "a.jpg\n2\n1 2 30 40 0 0 0 0 0 0\n5 6 7 8 2 0 0 1 2 0 \n"
      "none.jpg\n0\n0 0 0 0 0 0 0 0 0 0\nb.jpg\n1\n9 9 9 9 0 0 0 0 0 0\n");
  ASSERT_TRUE(images);
  ASSERT_THAT(*images, SizeIs(3));
  ASSERT_THAT((*images)[0].faces, SizeIs(2));
  EXPECT_EQ((*images)[0].faces[0].box, (RectF{1, 2, 30, 40}));
  EXPECT_FALSE((*images)[0].faces[0].ignored);
  EXPECT_TRUE((*images)[0].faces[1].ignored);
  EXPECT_THAT((*images)[1].faces, IsEmpty());
  EXPECT_EQ((*images)[2].name, "b.jpg");
}

TEST(ParseWider, NamesTheBadLine) {
  for (const char* text :
       {"a.jpg\n1\n1 2 three 4 0 0 0 0 0 0\n", "a.jpg\n1\n1 2 3\n",
        "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "a.jpg\nmany\n", "a.jpg\n-1\n"}) {
    const auto images = ParseWider(text);
    ASSERT_FALSE(images) << text;
    EXPECT_THAT(images.error().message, HasSubstr("line ")) << text;
  }
}

Face Found(float x, float y, float side, float score) {
  Face face;
  face.box = {x, y, side, side};
  face.score = score;
  return face;
}

class ScoreDetectionTest : public testing::Test {
 protected:
  // Two tall faces, two small ones, a tiny and an invalid one.
  const LabelledImage labels_{"a.jpg",
                              {{{0, 0, 60, 60}, false},
                               {{100, 0, 80, 80}, false},
                               {{200, 0, 30, 30}, false},
                               {{300, 0, 20, 20}, false},
                               {{400, 0, 10, 10}, false},
                               {{500, 0, 99, 99}, true}}};
};

TEST_F(ScoreDetectionTest, CountsByHeight) {
  const std::vector<DetectedImage> images = {
      {&labels_, {Found(1, 0, 60, .9f), Found(200, 0, 30, .8f)}}};
  const DetectionRecall recall = ScoreDetection(images, .5f);
  EXPECT_DOUBLE_EQ(recall.recall_50, .5);
  EXPECT_DOUBLE_EQ(recall.recall_20_50, .5);
  EXPECT_DOUBLE_EQ(recall.false_positives_per_image, 0);
}

TEST_F(ScoreDetectionTest, IgnoresTinyAndInvalidFaces) {
  const std::vector<DetectedImage> images = {
      {&labels_, {Found(400, 0, 10, .9f), Found(500, 0, 99, .8f)}}};
  const DetectionRecall recall = ScoreDetection(images, .5f);
  EXPECT_DOUBLE_EQ(recall.recall_50, 0);
  EXPECT_DOUBLE_EQ(recall.false_positives_per_image, 0);
}

TEST_F(ScoreDetectionTest, CountsDoublesAndMissesAsFalse) {
  const std::vector<DetectedImage> images = {
      {&labels_,
       {Found(0, 0, 60, .9f), Found(2, 0, 60, .8f), Found(0, 200, 60, .7f)}},
      {&labels_, {}}};
  const DetectionRecall recall = ScoreDetection(images, .5f);
  EXPECT_DOUBLE_EQ(recall.recall_50, .25);
  EXPECT_DOUBLE_EQ(recall.false_positives_per_image, 1);
}

TEST_F(ScoreDetectionTest, LeavesOutWhatScoresBelowTheThreshold) {
  const std::vector<DetectedImage> images = {
      {&labels_, {Found(0, 0, 60, .4f), Found(0, 200, 60, .3f)}}};
  EXPECT_DOUBLE_EQ(ScoreDetection(images, .5f).recall_50, 0);
  EXPECT_DOUBLE_EQ(ScoreDetection(images, .35f).recall_50, .5);
  EXPECT_DOUBLE_EQ(ScoreDetection(images, .35f).false_positives_per_image, 0);
}

TEST_F(ScoreDetectionTest, SweepsToTheFalsePositivesAllowed) {
  const std::vector<DetectedImage> images = {
      {&labels_,
       {Found(0, 0, 60, .9f), Found(0, 200, 60, .8f), Found(100, 0, 80, .7f),
        Found(0, 300, 60, .6f), Found(200, 0, 30, .5f)}}};
  EXPECT_DOUBLE_EQ(ScoreDetectionAt(images, .1).recall_50, .5);
  EXPECT_DOUBLE_EQ(ScoreDetectionAt(images, 1).recall_50, 1);
  EXPECT_DOUBLE_EQ(ScoreDetectionAt(images, 1).recall_20_50, 0);
  EXPECT_DOUBLE_EQ(ScoreDetectionAt(images, 2).recall_20_50, .5);
}

}  // namespace
}  // namespace ocelli
