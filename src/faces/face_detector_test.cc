// The decoders, on outputs made by hand.
#include "faces/face_detector.h"

#include <gmock/gmock.h>

#include <cmath>

namespace ocelli {
namespace {

using testing::SizeIs;

constexpr DetectorWindow kWindow{{}, 1, 32, 64};

Tensor Zeros(std::int64_t rows, std::int64_t columns) {
  return Tensor::Floats({1, rows, columns});
}

ModelCard BlazeFaceCard() {
  ModelCard card;
  card.name = "blazeface";
  card.family = "blazeface";
  card.parameters = {
      {"stride_1", 8}, {"anchors_1", 2}, {"stride_2", 16}, {"anchors_2", 6}};
  return card;
}

TEST(BlazeFace, PlacesAnchorsInTheMiddleOfTheirCells) {
  constexpr std::int64_t kAnchors = 4 * 8 * 2 + 2 * 4 * 6;
  std::vector<Tensor> outputs = {Zeros(1 * kAnchors, 16), Zeros(kAnchors, 1)};
  for (float& logit : outputs[1].floats()) logit = -9;
  // The second anchor of row 3, column 2 of the first layer; the last of all.
  constexpr std::size_t kFirst = (3 * 4 + 2) * 2 + 1, kLast = kAnchors - 1;
  for (const std::size_t anchor : {kFirst, kLast}) {
    outputs[1].floats()[anchor] = 2;
    float* values = &outputs[0].floats()[anchor * 16];
    values[0] = 1;
    values[1] = -2;
    values[2] = 10;
    values[3] = 12;
    values[14] = 5;  // The sixth point.
    values[15] = 6;
  }
  const auto found = kBlazeFace.decode(BlazeFaceCard(), outputs, kWindow, .5f);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_THAT(*found, SizeIs(2));
  const Detection& first = (*found)[0];
  EXPECT_EQ(first.box, (RectF{20 + 1 - 5, 28 - 2 - 6, 10, 12}));
  EXPECT_NEAR(first.score, 1 / (1 + std::exp(-2)), 1e-6);
  EXPECT_EQ(first.keypoints[5], (PointF{25, 34}));
  EXPECT_EQ((*found)[1].box.center(), (PointF{24 + 1, 56 - 2}));
}

TEST(BlazeFace, RefusesOutputsOfAnotherSize) {
  for (const std::int64_t anchors : {0, 16, 112, 1000}) {
    const std::vector<Tensor> outputs = {
        Zeros(anchors, 16), Zeros(anchors == 112 ? 113 : anchors, 1)};
    const auto found =
        kBlazeFace.decode(BlazeFaceCard(), outputs, kWindow, .5f);
    ASSERT_FALSE(found) << anchors;
    EXPECT_EQ(found.error().code, ErrorCode::kDataLoss);
  }
}

std::vector<Tensor> YuNetOutputs() {
  std::vector<Tensor> outputs;
  for (const std::int64_t values : {1, 1, 4, 10}) {
    for (const std::int64_t cells : {4 * 8, 2 * 4, 1 * 2}) {
      outputs.push_back(Zeros(cells, values));
    }
  }
  return outputs;
}

TEST(YuNet, ReadsACell) {
  std::vector<Tensor> outputs = YuNetOutputs();
  constexpr std::size_t kCell = 3 * 2 + 1;  // Row 3, column 1 at stride 16.
  outputs[1].floats()[kCell] = .81f;
  outputs[4].floats()[kCell] = 1;
  float* box = &outputs[7].floats()[kCell * 4];
  box[0] = .5f;
  box[1] = .25f;
  box[2] = std::log(2.f);
  outputs[10].floats()[kCell * 10] = -.5f;  // Right eye.
  const auto found = kYuNet.decode({}, outputs, kWindow, .5f);
  ASSERT_TRUE(found);
  ASSERT_THAT(*found, SizeIs(1));
  const Detection& face = found->front();
  EXPECT_NEAR(face.score, .9, 1e-6);
  EXPECT_NEAR(face.box.x, 24 - 16, 1e-4);
  EXPECT_NEAR(face.box.y, 52 - 8, 1e-4);
  EXPECT_NEAR(face.box.width, 32, 1e-4);
  EXPECT_NEAR(face.box.height, 16, 1e-4);
  EXPECT_EQ(face.keypoints[0], (PointF{8, 48}));
}

TEST(YuNet, RefusesOutputsOfAnotherSize) {
  std::vector<Tensor> outputs = YuNetOutputs();
  outputs[11] = Zeros(1, 10);
  EXPECT_FALSE(kYuNet.decode({}, outputs, kWindow, .5f));
  EXPECT_FALSE(kYuNet.decode({}, {}, kWindow, .5f));
}

std::vector<Tensor> ScrfdOutputs() {
  std::vector<Tensor> outputs;
  for (const std::int64_t values : {1, 4, 10}) {
    for (const std::int64_t anchors : {4 * 8 * 2, 2 * 4 * 2, 1 * 2 * 2}) {
      outputs.push_back(Zeros(anchors, values));
    }
  }
  return outputs;
}

TEST(Scrfd, ReadsAnAnchor) {
  std::vector<Tensor> outputs = ScrfdOutputs();
  constexpr std::size_t kAnchor = (5 * 4 + 3) * 2 + 1;  // Stride 8.
  outputs[0].floats()[kAnchor] = .75f;
  const float sides[] = {1, .5f, 2, 1.5f};
  std::copy(std::begin(sides), std::end(sides),
            &outputs[3].floats()[kAnchor * 4]);
  outputs[6].floats()[kAnchor * 10 + 5] = .5f;  // y of the nose.
  const auto found = kScrfd.decode({}, outputs, kWindow, .5f);
  ASSERT_TRUE(found);
  ASSERT_THAT(*found, SizeIs(1));
  EXPECT_EQ(found->front().box, (RectF{24 - 8, 40 - 4, 24, 16}));
  EXPECT_EQ(found->front().keypoints[2], (PointF{24, 44}));
}

TEST(Scrfd, RefusesOutputsOfAnotherSize) {
  std::vector<Tensor> outputs = ScrfdOutputs();
  outputs.pop_back();
  EXPECT_FALSE(kScrfd.decode({}, outputs, kWindow, .5f));
}

TEST(SixPointsFromFive, PutsTheEarsOnTheLineOfTheEyes) {
  const std::array<PointF, 5> five = {PointF{10, 10}, PointF{30, 20},
                                      PointF{20, 30}, PointF{12, 40},
                                      PointF{28, 44}};
  const auto six = SixPointsFromFive(five);
  EXPECT_EQ(six[3], (PointF{20, 42}));
  EXPECT_EQ(six[4], (PointF{0, 5}));
  EXPECT_EQ(six[5], (PointF{40, 25}));
}

}  // namespace
}  // namespace ocelli
