#include "models/tflite_landmark_ops.h"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <functional>

#include "models/import.h"
#include "models/test_graph.h"

namespace ocelli {
namespace {

using testing::FloatNear;
using testing::Pointwise;
using Shape = std::vector<std::int64_t>;

constexpr float kTolerance = 1e-4F;
constexpr std::size_t kPoints = 6;
constexpr std::array<int, 4> kSubset = {0, 2, 3, 5};

std::vector<std::uint8_t> MatrixOptions(float target, int width = 16,
                                        int height = 8) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    builder.Int("left_rotation_idx", 1);
    builder.Int("right_rotation_idx", 4);
    builder.Int("output_width", width);
    builder.Int("output_height", height);
    builder.Double("scale_x", 1.5);
    builder.Double("scale_y", 1.25);
    builder.Double("target_rotation_radians", target);
    builder.TypedVector("subset_idxs", [&] {
      for (const int index : kSubset) builder.Int(index);
    });
  });
  builder.Finish();
  return builder.GetBuffer();
}

std::vector<std::uint8_t> CropOptions(int width, int height) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    builder.Int("output_width", width);
    builder.Int("output_height", height);
  });
  builder.Finish();
  return builder.GetBuffer();
}

// The matrix as MediaPipe defines it: shift to the box's centre, rotation,
// scale, shift to the crop's corner.
std::vector<float> ExpectedMatrix(std::span<const float> landmarks,
                                  float target) {
  const auto x = [&](int i) {
    return landmarks[static_cast<std::size_t>(3 * i)];
  };
  const auto y = [&](int i) {
    return landmarks[static_cast<std::size_t>(3 * i + 1)];
  };
  const float r = target - std::atan2(y(4) - y(1), x(4) - x(1));
  float low_x = 1e9F, low_y = 1e9F, high_x = -1e9F, high_y = -1e9F;
  for (const int i : kSubset) {
    const float turned_x = std::cos(r) * x(i) - std::sin(r) * y(i);
    const float turned_y = std::sin(r) * x(i) + std::cos(r) * y(i);
    low_x = std::min(low_x, turned_x);
    high_x = std::max(high_x, turned_x);
    low_y = std::min(low_y, turned_y);
    high_y = std::max(high_y, turned_y);
  }
  const float middle_x = (low_x + high_x) / 2;
  const float middle_y = (low_y + high_y) / 2;
  const float centre_x = std::cos(r) * middle_x + std::sin(r) * middle_y;
  const float centre_y = -std::sin(r) * middle_x + std::cos(r) * middle_y;
  const float scale_x = 1.5F * (high_x - low_x) / 16;
  const float scale_y = 1.25F * (high_y - low_y) / 8;
  const float a = std::cos(r) * scale_x, b = std::sin(r) * scale_y;
  const float c = -std::sin(r) * scale_x, d = std::cos(r) * scale_y;
  return {a, b, 0, centre_x - 8 * a - 4 * b,  //
          c, d, 0, centre_y - 8 * c - 4 * d,  //
          0, 0, 1, 0,                         //
          0, 0, 0, 1};
}

class LandmarkOpsTest : public GraphTest {
 protected:
  // Runs what `build` adds, made fit for batches, on inputs "a" and "b".
  Tensor RunOp(Shape a_shape, Shape b_shape, Shape output_shape,
               const std::vector<float>& a, const std::vector<float>& b,
               std::int64_t batch,
               const std::function<Result<std::string>(OnnxGraph&)>& build) {
    OnnxGraph graph;
    graph.AddInput("a", a_shape);
    if (!b_shape.empty()) graph.AddInput("b", b_shape);
    const auto value = build(graph);
    if (!value) {
      ADD_FAILURE() << value.error().message;
      return {};
    }
    graph.AddOutput("output", *value, output_shape);
    const std::string fixed = graph.Serialize();
    const auto onnx = RewriteForSpeed(std::as_bytes(std::span(fixed)));
    if (!onnx) {
      ADD_FAILURE() << onnx.error().message;
      return {};
    }
    a_shape[0] = batch;
    std::vector<std::pair<std::string, Tensor>> inputs = {
        {"a", MakeTensor(a_shape, a)}};
    if (!b_shape.empty()) {
      b_shape[0] = batch;
      inputs.emplace_back("b", MakeTensor(b_shape, b));
    }
    auto outputs = Run(*onnx, inputs);
    return outputs.empty() ? Tensor() : std::move(outputs[0]);
  }

  Tensor RunMatrix(const std::vector<float>& landmarks, std::int64_t batch,
                   float target) {
    return RunOp({1, kPoints, 3}, {}, {1, 4, 4}, landmarks, {}, batch,
                 [&](OnnxGraph& graph) {
                   return LandmarksToTransformMatrix(MatrixOptions(target),
                                                     kPoints, "a", graph);
                 });
  }
};

TEST_F(LandmarkOpsTest, MatrixCoversTheTurnedBoxForEachOfABatch) {
  std::vector<float> landmarks = Noise(2 * kPoints * 3);
  for (float& value : landmarks) value *= 40;
  for (const float target : {0.0F, 0.7F}) {
    const Tensor matrices = RunMatrix(landmarks, 2, target);
    ASSERT_EQ(matrices.shape, (Shape{2, 4, 4}));
    for (const std::size_t face : {0U, 1U}) {
      EXPECT_THAT(matrices.floats().subspan(face * 16, 16),
                  Pointwise(FloatNear(kTolerance),
                            ExpectedMatrix(std::span(landmarks).subspan(
                                               face * kPoints * 3, kPoints * 3),
                                           target)));
    }
  }
}

TEST_F(LandmarkOpsTest, EndsInTheSamePlaceCountAsLevel) {
  std::vector<float> landmarks = Noise(kPoints * 3);
  std::copy_n(&landmarks[3], 3, &landmarks[12]);
  EXPECT_THAT(Values(RunMatrix(landmarks, 1, 0)),
              Pointwise(FloatNear(kTolerance), ExpectedMatrix(landmarks, 0)));
}

TEST_F(LandmarkOpsTest, CropSamplesBetweenPixelsAndIsZeroOutside) {
  // A plane, in which bilinear sampling is exact: x + 10 y.
  std::vector<float> features;
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 5; ++x) {
      features.push_back(static_cast<float>(x + 10 * y));
    }
  }
  std::vector<float> both = features;
  for (const float value : features) both.push_back(value + 100);
  const std::vector<float> matrix = {0.8F,  0.3F, 0, 0.9F,   //
                                     -0.2F, 1.1F, 0, -0.4F,  //
                                     0,     0,    1, 0,     0, 0, 0, 1};
  std::vector<float> matrices = matrix;
  const std::vector<float> still = {1, 0, 0, 0, 0, 1, 0, 0,  //
                                    0, 0, 1, 0, 0, 0, 0, 1};
  matrices.insert(matrices.end(), still.begin(), still.end());
  const Tensor crop = RunOp({1, 1, 4, 5}, {1, 4, 4}, {1, 1, 4, 6}, both,
                            matrices, 2, [&](OnnxGraph& graph) {
                              return TransformTensorBilinear(
                                  CropOptions(6, 4), 4, 5, "a", "b", graph);
                            });
  ASSERT_EQ(crop.shape, (Shape{2, 1, 4, 6}));
  int outside = 0;
  for (std::size_t y = 0; y < 4; ++y) {
    for (std::size_t x = 0; x < 6; ++x) {
      const float px = static_cast<float>(x) + 0.5F;
      const float py = static_cast<float>(y) + 0.5F;
      const float from_x = matrix[0] * px + matrix[1] * py + matrix[3] - 0.5F;
      const float from_y = matrix[4] * px + matrix[5] * py + matrix[7] - 0.5F;
      const bool inside =
          from_x >= 0 && from_x <= 4 && from_y >= 0 && from_y <= 3;
      outside += inside ? 0 : 1;
      EXPECT_NEAR(crop.floats()[y * 6 + x],
                  inside ? from_x + 10 * from_y : 0.0F, kTolerance)
          << x << " " << y;
      EXPECT_NEAR(crop.floats()[24 + y * 6 + x],
                  x < 5 ? 100 + static_cast<float>(x + 10 * y) : 0.0F,
                  kTolerance);
    }
  }
  EXPECT_GT(outside, 3);
}

TEST_F(LandmarkOpsTest, CropOfWhatIsNoNumberIsZero) {
  std::vector<float> matrix(16, std::nanf(""));
  const Tensor crop = RunOp({1, 1, 2, 2}, {1, 4, 4}, {1, 1, 2, 2}, {1, 2, 3, 4},
                            matrix, 1, [&](OnnxGraph& graph) {
                              return TransformTensorBilinear(
                                  CropOptions(2, 2), 2, 2, "a", "b", graph);
                            });
  EXPECT_THAT(Values(crop), testing::Each(0.0F));
}

TEST_F(LandmarkOpsTest, LandmarksMoveAndKeepTheirDepth) {
  const std::vector<float> matrices = {2, 1, 0, 5, -1, 3, 0, 6,   //
                                       0, 0, 1, 0, 0,  0, 0, 1,   //
                                       1, 0, 0, 0, 0,  1, 0, 10,  //
                                       0, 0, 1, 0, 0,  0, 0, 1};
  const Tensor flat =
      RunOp({1, 2, 2}, {1, 4, 4}, {1, 2, 2}, {1, 2, 3, 4, 1, 2, 3, 4}, matrices,
            2, [&](OnnxGraph& graph) {
              return TransformLandmarks({}, 2, "a", "b", graph);
            });
  EXPECT_THAT(Values(flat), testing::ElementsAre(9, 11, 15, 15, 1, 12, 3, 14));
  const Tensor deep = RunOp({1, 1, 3}, {1, 4, 4}, {1, 1, 3}, {1, 2, 7, 1, 2, 8},
                            matrices, 2, [&](OnnxGraph& graph) {
                              return TransformLandmarks({}, 3, "a", "b", graph);
                            });
  EXPECT_THAT(Values(deep), testing::ElementsAre(9, 11, 7, 1, 12, 8));
}

TEST(LandmarkOptions, MakeSenseOrAreRefused) {
  OnnxGraph graph;
  const auto code = [&](std::span<const std::uint8_t> options,
                        std::int64_t count) {
    const auto value = LandmarksToTransformMatrix(options, count, "a", graph);
    return value ? ErrorCode::kInternal : value.error().code;
  };
  EXPECT_EQ(code(MatrixOptions(0), kPoints), ErrorCode::kInternal);
  EXPECT_EQ(code({}, kPoints), ErrorCode::kDataLoss);
  EXPECT_EQ(code(MatrixOptions(0), 4), ErrorCode::kDataLoss);
  EXPECT_EQ(code(MatrixOptions(0, 0), kPoints), ErrorCode::kDataLoss);
  EXPECT_EQ(code(MatrixOptions(std::nanf("")), kPoints), ErrorCode::kDataLoss);
  const std::vector<std::uint8_t> good = MatrixOptions(0);
  for (std::size_t size = 1; size < good.size(); ++size) {
    (void)code(std::span(good).first(size), kPoints);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int flip = 1; flip < 256; ++flip) {
      auto bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ flip);
      (void)code(bad, kPoints);
    }
  }
}

}  // namespace
}  // namespace ocelli
