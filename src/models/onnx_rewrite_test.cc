#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "models/import.h"
#include "models/onnx_graph.h"
#include "models/test_graph.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;
using Shape = std::vector<std::int64_t>;

constexpr float kPReluTolerance = 1e-4F;
constexpr float kSizeTolerance = 5e-5F;

Result<std::string> Rewrite(const std::string& onnx) {
  return RewriteForSpeed(std::as_bytes(std::span(onnx)));
}

onnx::ModelProto Parse(const std::string& onnx) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(onnx));
  return model;
}

int CountNodes(const std::string& onnx, const std::string& type) {
  const onnx::ModelProto model = Parse(onnx);
  int count = 0;
  for (const auto& node : model.graph().node()) {
    count += node.op_type() == type ? 1 : 0;
  }
  return count;
}

// A convolution, and a PRelu with these slopes.
OnnxGraph PReluGraph(const std::vector<float>& slopes) {
  const auto channels = static_cast<std::int64_t>(slopes.size());
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 3, 8, 8});
  const Shape shape = {channels, 3, 3, 3};
  const std::string conv = graph.Node(
      "Conv",
      {"x",
       graph.Floats(shape, Noise(static_cast<std::size_t>(channels) * 27))});
  graph.AddOutput(
      "y",
      graph.Node("PRelu", {conv, graph.Floats(Shape{channels, 1, 1}, slopes)}),
      Shape{1, channels, 6, 6});
  return graph;
}

class RewriteTest : public GraphTest {
 protected:
  std::vector<float> RunOn(const std::string& onnx, Shape shape,
                           std::vector<float> values) {
    const auto outputs =
        Run(onnx, {{"x", MakeTensor(std::move(shape), std::move(values))}});
    return outputs.empty() ? std::vector<float>() : Values(outputs[0]);
  }
};

TEST_F(RewriteTest, PReluBecomesConvolutionsWithTheSameAnswer) {
  for (const std::vector<float>& slopes :
       {std::vector<float>{0.25F, 1, 0, -0.5F},
        std::vector<float>{0.25F, 3, 1.5F, -2}}) {
    const std::string before = PReluGraph(slopes).Serialize();
    const auto after = Rewrite(before);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(CountNodes(*after, "PRelu"), 0);
    EXPECT_EQ(CountNodes(*after, "Conv"), 3);
    EXPECT_THAT(RunOn(*after, {1, 3, 8, 8}, Noise(192)),
                Pointwise(FloatNear(kPReluTolerance),
                          RunOn(before, {1, 3, 8, 8}, Noise(192))));
  }
}

TEST_F(RewriteTest, PReluWithoutAConstantSlopeByChannelStays) {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 2, 1, 2});
  const std::string by_pixel = graph.Floats({1, 1, 2}, {0.5F, 2});
  const std::string one = graph.Floats({1}, {0.5F});
  graph.AddOutput(
      "y", graph.Node("PRelu", {graph.Node("PRelu", {"x", by_pixel}), one}),
      Shape{1, 2, 1, 2});
  const auto after = Rewrite(graph.Serialize());
  ASSERT_TRUE(after);
  EXPECT_EQ(CountNodes(*after, "PRelu"), 2);
  EXPECT_THAT(RunOn(*after, {1, 2, 1, 2}, {-4, -4, 1, -1}),
              ElementsAre(-1, -4, 1, -1));
}

TEST_F(RewriteTest, InitializersAreNoInputs) {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 1});
  const std::string one = graph.Floats({1, 1}, {1});
  graph.AddInput(one, Shape{1, 1});
  graph.AddOutput("y", graph.Node("Add", {"x", one}), Shape{1, 1});
  const auto after = Rewrite(graph.Serialize());
  ASSERT_TRUE(after);
  EXPECT_EQ(Parse(*after).graph().input_size(), 1);
  EXPECT_THAT(RunOn(*after, {1, 1}, {2}), ElementsAre(3));
}

TEST_F(RewriteTest, ConstantNodesBecomeInitializers) {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 2});
  graph.AddOutput("y", graph.Node("Reshape", {"x", "shape"}), Shape{1, 2, 1});
  onnx::ModelProto model = Parse(graph.Serialize());
  onnx::NodeProto constant;
  constant.set_op_type("Constant");
  constant.add_output("shape");
  auto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  FillIntegers(Shape{1, 2, 1}, *value.mutable_t());
  *model.mutable_graph()->add_node() = constant;
  const auto after = Rewrite(model.SerializeAsString());
  ASSERT_TRUE(after);
  EXPECT_EQ(CountNodes(*after, "Constant"), 0);
  EXPECT_THAT(RunOn(*after, {2, 2}, {1, 2, 3, 4}), ElementsAre(1, 2, 3, 4));
}

// What the BlazeFace detectors are made of: strides, a branch through half the
// size and back, channels padded, rows of cells in the end.
std::string Detector(std::int64_t size) {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, size, size, 3});
  std::string value =
      graph.Node("Transpose", {"x"}, {{"perm", Shape{0, 3, 1, 2}}});
  value =
      graph.Node("Conv", {value, graph.Floats(Shape{4, 3, 3, 3}, Noise(108))},
                 {{"strides", Shape{2, 2}}, {"pads", Shape{0, 0, 1, 1}}});
  const std::string pooled =
      graph.Node("MaxPool", {value},
                 {{"kernel_shape", Shape{2, 2}}, {"strides", Shape{2, 2}}});
  const std::string small = graph.Node(
      "Conv", {graph.Node("Pad", {graph.Node("Relu", {pooled}),
                                  graph.Integers({0, 0, 1, 1, 0, 2, 1, 1})}),
               graph.Floats(Shape{4, 6, 3, 3}, Noise(216))});
  const std::string back = graph.Node(
      "Resize", {small, "", graph.Floats({4}, {1, 1, 2, 2})},
      {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}});
  value = graph.Node("Add", {value, back});
  const auto cells = [&](const std::string& map, std::int64_t count) {
    return graph.Node("Reshape", {graph.Node("Transpose", {map},
                                             {{"perm", Shape{0, 2, 3, 1}}}),
                                  graph.Integers({1, count, 2})});
  };
  const std::int64_t fine = size * size / 4 * 2;
  const std::int64_t coarse = size * size / 16 * 2;
  graph.AddOutput(
      "cells",
      graph.Node("Concat", {cells(value, fine), cells(small, coarse)},
                 {{"axis", std::int64_t{1}}}),
      Shape{1, fine + coarse, 2});
  return graph.Serialize();
}

TEST_F(RewriteTest, DetectorsTakeAnySizeAndBatch) {
  const auto free = Rewrite(Detector(16));
  ASSERT_TRUE(free) << free.error().message;
  const auto session = Open(*free);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->inputs()[0].shape, (Shape{-1, -1, -1, 3}));
  EXPECT_EQ(session->outputs()[0].shape, (Shape{-1, -1, 2}));
  for (const std::int64_t size : {16, 48}) {
    const auto count = static_cast<std::size_t>(size * size * 3);
    const std::vector<float> both = Noise(2 * count);
    const std::vector<float> answer = RunOn(*free, {2, size, size, 3}, both);
    for (const std::size_t i : {0U, 1U}) {
      const std::vector<float> expected =
          RunOn(Detector(size), {1, size, size, 3},
                {both.begin() + static_cast<std::ptrdiff_t>(i * count),
                 both.begin() + static_cast<std::ptrdiff_t>((i + 1) * count)});
      ASSERT_EQ(answer.size(), 2 * expected.size());
      EXPECT_THAT(
          std::span(answer).subspan(i * expected.size(), expected.size()),
          Pointwise(FloatNear(kSizeTolerance), expected));
    }
  }
}

// Channels as the short range detector has them: no multiples of 16, and sums
// with pictures that have fewer.
std::string UnevenNetwork() {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 3, 8, 8});
  const auto conv = [&](const std::string& value, Shape weights,
                        std::int64_t group) {
    const auto count = static_cast<std::size_t>(weights[0] * weights[1] *
                                                weights[2] * weights[3]);
    const Shape bias = {weights[0]};
    return graph.Node(
        "Conv",
        {value, graph.Floats(weights, Noise(count)),
         graph.Floats(bias, Noise(static_cast<std::size_t>(bias[0])))},
        {{"group", group},
         {"pads", weights[2] == 3 ? Shape{1, 1, 1, 1} : Shape{0, 0, 0, 0}}});
  };
  const auto block = [&](const std::string& value, std::int64_t channels,
                         std::int64_t more) {
    const std::string next = conv(conv(value, {channels, 1, 3, 3}, channels),
                                  {channels + more, channels, 1, 1}, 1);
    const std::string padded =
        graph.Node("Pad", {value, graph.Integers({0, 0, 0, 0, 0, more, 0, 0})});
    return graph.Node("Relu", {graph.Node("Add", {padded, next})});
  };
  const std::string first = graph.Node("Relu", {conv("x", {24, 3, 3, 3}, 1)});
  std::string value = block(first, 24, 4);
  value = block(value, 28, 4);
  value = block(value, 32, 10);
  value = block(value, 42, 0);
  value = graph.Node("MaxPool", {value},
                     {{"kernel_shape", Shape{2, 2}}, {"strides", Shape{2, 2}}});
  value =
      graph.Node("Clip", {value, graph.Floats({}, {0}), graph.Floats({}, {6})});
  graph.AddOutput("y", conv(value, {5, 42, 1, 1}, 1), Shape{1, 5, 4, 4});
  graph.AddOutput("z", first, Shape{1, 24, 8, 8});
  return graph.Serialize();
}

TEST_F(RewriteTest, ChannelsComeInWholeBlocksWithTheSameAnswer) {
  const std::string before = UnevenNetwork();
  const auto after = Rewrite(before);
  ASSERT_TRUE(after) << after.error().message;
  const auto expected =
      Run(before, {{"x", MakeTensor({1, 3, 8, 8}, Noise(192))}});
  const auto actual =
      Run(*after, {{"x", MakeTensor({1, 3, 8, 8}, Noise(192))}});
  ASSERT_EQ(actual.size(), 2U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(actual[i].shape, expected[i].shape);
    EXPECT_THAT(actual[i].floats(),
                Pointwise(FloatNear(kPReluTolerance), expected[i].floats()));
  }
  // An output keeps its 24 channels, so what it is padded to is not wide
  // either; the next pad is empty, the one after it splits its sum.
  EXPECT_EQ(CountNodes(*after, "Concat"), 1);
  EXPECT_EQ(CountNodes(*after, "Pad"), 1);
  const onnx::ModelProto model = Parse(*after);
  std::map<std::string, std::int64_t> outputs;
  for (const auto& tensor : model.graph().initializer()) {
    outputs[tensor.name()] = tensor.dims_size() == 0 ? 0 : tensor.dims(0);
  }
  for (const auto& node : model.graph().node()) {
    if (node.op_type() != "Conv") continue;
    const std::int64_t count = outputs[node.input(1)];
    EXPECT_TRUE(count % 16 == 0 || count == 24 || count == 5)
        << node.output(0) << " " << count;
  }
}

TEST_F(RewriteTest, GraphsWithinNodesKeepWhatTheyRead) {
  onnx::ModelProto model = Parse(UnevenNetwork());
  auto& inner = *model.mutable_graph()->mutable_node(0)->add_attribute();
  inner.set_name("inner");
  inner.set_type(onnx::AttributeProto::GRAPH);
  inner.mutable_g()->add_node()->add_input("#5");
  const auto after = Rewrite(model.SerializeAsString());
  ASSERT_TRUE(after);
  EXPECT_EQ(CountNodes(*after, "Pad"), 4);
}

TEST_F(RewriteTest, ANetworkWithOneAnswerKeepsItsSize) {
  OnnxGraph graph;
  graph.AddInput("x", Shape{1, 3, 4, 4});
  const std::string conv =
      graph.Node("Conv", {"x", graph.Floats(Shape{2, 3, 4, 4}, Noise(96))});
  graph.AddOutput("y", graph.Node("Flatten", {conv}), Shape{1, 2});
  graph.AddOutput("map", conv, Shape{1, 2, 1, 1});
  const auto after = Rewrite(graph.Serialize());
  ASSERT_TRUE(after);
  const auto session = Open(*after);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->inputs()[0].shape, (Shape{-1, 3, 4, 4}));
  EXPECT_EQ(session->outputs()[0].shape, (Shape{-1, 2}));
}

TEST_F(RewriteTest, WhatMixesABatchKeepsItFixed) {
  // Each would give another answer for a batch than one by one, or none.
  const std::vector<std::function<std::string(OnnxGraph&)>> mixers = {
      [](OnnxGraph& graph) {
        return graph.Node("ReduceMax", {"x"}, {{"axes", Shape{0}}});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Softmax", {"x"}, {{"axis", std::int64_t{0}}});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Gather", {"x", graph.Integers({0})},
                          {{"axis", std::int64_t{0}}});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Reshape", {"x", graph.Integers({2, 2})});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Reshape", {"x", graph.Integers({-1, 4})});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Transpose", {"x"}, {{"perm", Shape{1, 0}}});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Concat", {"x", graph.Floats({1, 4}, {1, 2, 3, 4})},
                          {{"axis", std::int64_t{0}}});
      },
      [](OnnxGraph& graph) {
        return graph.Node("Add", {"x", graph.Floats({1, 1, 4}, {1, 2, 3, 4})});
      },
      [](OnnxGraph& graph) { return graph.Node("Erf", {"x"}); },
  };
  for (const auto& mix : mixers) {
    OnnxGraph graph;
    graph.AddInput("x", Shape{1, 4});
    const std::string value = mix(graph);
    graph.AddOutput("y", graph.Node("Relu", {value}), {});
    onnx::ModelProto model = Parse(graph.Serialize());
    model.mutable_graph()->mutable_output(0)->clear_type();
    const auto after = Rewrite(model.SerializeAsString());
    ASSERT_TRUE(after);
    EXPECT_EQ(Parse(*after)
                  .graph()
                  .input(0)
                  .type()
                  .tensor_type()
                  .shape()
                  .dim(0)
                  .dim_value(),
              1)
        << Parse(*after).graph().node(0).op_type();
  }
}

TEST_F(RewriteTest, WeightsInAnotherFileAreRefused) {
  onnx::ModelProto model = Parse(PReluGraph({0.5F, 0.5F}).Serialize());
  auto& tensor = *model.mutable_graph()->mutable_initializer(0);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto after = Rewrite(model.SerializeAsString());
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(after.error().message, HasSubstr("another file"));
}

TEST(RewriteDamage, WhatIsNoModelIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("not a model"), std::string(1000, '\xFF')}) {
    const auto after = Rewrite(bytes);
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().code, ErrorCode::kDataLoss);
  }
}

// Nothing that is done to the bytes may crash; ASan watches.
void ExpectNoCrash(const std::string& whole, std::size_t position) {
  (void)Rewrite(whole.substr(0, position)).has_value();
  for (const int flip : {0x01, 0xFF}) {
    std::string changed = whole;
    changed[position] = static_cast<char>(changed[position] ^ flip);
    (void)Rewrite(changed).has_value();
  }
}

TEST(RewriteDamage, ChangedBytesDoNoHarm) {
  for (const std::string& whole :
       {PReluGraph({0.5F, 2}).Serialize(), Detector(16)}) {
    for (std::size_t i = 0; i < whole.size(); ++i) ExpectNoCrash(whole, i);
  }
  // Its nodes come first; most of the rest is weights.
  const std::string uneven = UnevenNetwork();
  for (std::size_t i = 0; i < 2000; i += 3) ExpectNoCrash(uneven, i);
}

}  // namespace
}  // namespace ocelli
