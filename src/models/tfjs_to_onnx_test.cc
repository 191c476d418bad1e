#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "models/import.h"
#include "models/test_graph.h"
#include "models/test_tfjs.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Not;
using testing::Pointwise;
using Json = nlohmann::json;

constexpr float kTolerance = 1e-5F;

Result<std::string> Convert(const std::string& files) {
  return TfjsToOnnx(std::as_bytes(std::span(files)));
}

// 1, 2, 3, ...
std::vector<float> Count(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

class TfjsToOnnxTest : public GraphTest {
 protected:
  // The first output for one picture, which is NCHW.
  std::vector<float> RunOne(const TestTfjs& model,
                            std::vector<std::int64_t> chw,
                            std::vector<float> values) {
    chw.insert(chw.begin(), 1);
    const auto onnx = Convert(model.Finish());
    if (!onnx) {
      ADD_FAILURE() << onnx.error().message;
      return {};
    }
    const auto outputs =
        Run(*onnx, {{"images", MakeTensor(std::move(chw), std::move(values))}});
    return outputs.empty() ? std::vector<float>() : Values(outputs[0]);
  }
};

TEST_F(TfjsToOnnxTest, ConvolutionKeepsTheOrderOfWeightsAndChannels) {
  // Rows, columns, inputs, outputs. Output 0 takes channel 0 top left, 1
  // channel 1 bottom right.
  TestTfjs model({2, 2, 2});
  model.Add("Conv2D", "conv", {"input"}, {{"filters", 2}, {"kernel_size", 2}})
      .Weights("conv/kernel", {2, 2, 2, 2},
               {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
      .Weights("conv/bias", {2}, {0.5F, 0});
  EXPECT_THAT(RunOne(model, {2, 2, 2}, Count(8)), ElementsAre(1.5F, 8));
}

TEST_F(TfjsToOnnxTest, ADepthwiseConvolutionKeepsChannelsApart) {
  TestTfjs model({1, 1, 2});
  model
      .Add("DepthwiseConv2D", "conv", {"input"},
           {{"kernel_size", {1, 1}},
            {"depth_multiplier", 2},
            {"use_bias", false},
            {"activation", "relu6"}})
      .Weights("conv/depthwise_kernel", {1, 1, 2, 2}, {1, 10, 2, -1});
  EXPECT_THAT(RunOne(model, {2, 1, 1}, {0.5F, 2}), ElementsAre(0.5F, 5, 4, 0));
}

TEST_F(TfjsToOnnxTest, SamePaddingPutsTheOddPixelAtTheEnd) {
  TestTfjs model({4, 4, 1});
  model
      .Add("Conv2D", "conv", {"input"},
           {{"filters", 1},
            {"kernel_size", {3, 3}},
            {"strides", {2, 2}},
            {"padding", "same"}})
      .Weights("conv/kernel", {3, 3, 1, 1}, std::vector<float>(9, 1))
      .Weights("conv/bias", {1}, {0.5F});
  EXPECT_THAT(RunOne(model, {1, 4, 4}, Count(16)),
              ElementsAre(54.5F, 45.5F, 72.5F, 54.5F));
}

TEST_F(TfjsToOnnxTest, BatchNormalisationIsTheSameFoldedAndOnItsOwn) {
  const auto normalised = [](bool read_twice) {
    TestTfjs model({1, 1, 2});
    model.Add("Conv2D", "conv", {"input"}, {{"filters", 2}, {"kernel_size", 1}})
        .Weights("conv/kernel", {1, 1, 2, 2}, {1, 2, 3, 4})
        .Weights("conv/bias", {2}, {1, -1})
        .Add("BatchNormalization", "bn", {"conv"},
             {{"axis", {3}}, {"epsilon", 0.5}})
        .Weights("bn/gamma", {2}, {2, 3})
        .Weights("bn/beta", {2}, {5, 7})
        .Weights("bn/moving_mean", {2}, {1, 2})
        .Weights("bn/moving_variance", {2}, {3.5F, 8.5F});
    if (read_twice) model.Add("Concatenate", "both", {"bn", "conv"});
    return model;
  };
  // conv is {1+6+1, 2+8-1} = {8, 9}.
  EXPECT_THAT(
      RunOne(normalised(false), {2, 1, 1}, {1, 2}),
      ElementsAre(FloatNear(12, kTolerance), FloatNear(14, kTolerance)));
  EXPECT_THAT(
      RunOne(normalised(true), {2, 1, 1}, {1, 2}),
      ElementsAre(FloatNear(12, kTolerance), FloatNear(14, kTolerance), 8, 9));
  EXPECT_THAT(*Convert(normalised(false).Finish()), Not(HasSubstr("Mul")));
}

TEST_F(TfjsToOnnxTest, ZerosAroundAPictureCountInWhatComesNext) {
  const auto padded = [](const char* activation) {
    TestTfjs model({2, 2, 1});
    model.Add("Activation", "act", {"input"}, {{"activation", activation}})
        .Add("ZeroPadding2D", "pad", {"act"}, {{"padding", {{1, 0}, {0, 1}}}})
        .Add("MaxPooling2D", "pool", {"pad"},
             {{"pool_size", {2, 2}}, {"strides", {1, 1}}});
    return model;
  };
  const std::vector<float> picture = {-4, -3, -2, 5};
  EXPECT_THAT(RunOne(padded("relu"), {1, 2, 2}, picture),
              ElementsAre(0, 0, 5, 5));
  EXPECT_EQ(Convert(padded("linear").Finish()).error().code,
            ErrorCode::kUnimplemented);

  TestTfjs mean({1, 1, 1});
  mean.Add("ZeroPadding2D", "pad", {"input"}, {{"padding", {1, 0}}})
      .Add("AveragePooling2D", "pool", {"pad"},
           {{"pool_size", {3, 1}}, {"strides", 1}});
  EXPECT_THAT(RunOne(mean, {1, 1, 1}, {6}), ElementsAre(2));

  TestTfjs model({1, 1, 1});
  model.Add("ZeroPadding2D", "pad", {"input"}, {{"padding", 1}})
      .Add("Conv2D", "conv", {"pad"},
           {{"filters", 1}, {"kernel_size", 2}, {"use_bias", false}})
      .Weights("conv/kernel", {2, 2, 1, 1}, {1, 2, 3, 4});
  EXPECT_THAT(RunOne(model, {1, 1, 1}, {1}), ElementsAre(4, 3, 2, 1));
}

TEST_F(TfjsToOnnxTest, PoolsLeavePaddingOut) {
  TestTfjs model({3, 3, 1});
  model.Add("AveragePooling2D", "pool", {"input"},
            {{"pool_size", 2}, {"padding", "same"}});
  EXPECT_THAT(RunOne(model, {1, 3, 3}, Count(9)),
              ElementsAre(3, 4.5F, 7.5F, 9));
}

TEST_F(TfjsToOnnxTest, AClassifierAlsoTellsWhatItSees) {
  TestTfjs model({2, 1, 2});
  model.Add("GlobalAveragePooling2D", "mean", {"input"})
      .Add("Dense", "classes", {"mean"},
           {{"units", 2}, {"activation", "softmax"}})
      .Weights("classes/kernel", {2, 2}, {1, 0, 0, 2})
      .Weights("classes/bias", {2}, {0, 1});
  const auto onnx = Convert(model.Finish());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto session = Open(*onnx);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->outputs()[0].name, "classes");
  EXPECT_EQ(session->outputs()[1].name, "embedding");
  const auto outputs =
      Run(*onnx, {{"images", MakeTensor({1, 2, 2, 1}, {1, 3, 0, 1})}});
  const float odds = std::exp(2.0F - 2.0F);
  EXPECT_THAT(
      outputs[0].floats(),
      Pointwise(FloatNear(kTolerance), {odds / (1 + odds), 1 / (1 + odds)}));
  EXPECT_THAT(outputs[1].floats(), ElementsAre(2, 0.5F));
}

TEST_F(TfjsToOnnxTest, FlatteningGoesByPixels) {
  TestTfjs model({1, 2, 2});
  model.Add("Flatten", "flat", {"input"});
  EXPECT_THAT(RunOne(model, {2, 1, 2}, {1, 2, 3, 4}), ElementsAre(1, 3, 2, 4));
}

TEST_F(TfjsToOnnxTest, LayersAreAddedMultipliedAndJoined) {
  TestTfjs model({1, 2, 1});
  model.Add("LeakyReLU", "leaky", {"input"}, {{"alpha", 0.5}})
      .Add("ReLU", "relu", {"input"}, {{"max_value", 2.5}})
      .Add("Add", "sum", {"leaky", "relu"})
      .Add("GlobalMaxPooling2D", "max", {"input"}, {{"keepdims", true}})
      .Add("Multiply", "product", {"sum", "max"})
      .Add("Concatenate", "all", {"product", "input"}, {{"axis", -1}});
  EXPECT_THAT(RunOne(model, {1, 1, 2}, {-2, 3}), ElementsAre(-3, -2, 16.5F, 3));
}

TEST_F(TfjsToOnnxTest, LayersMayComeInAnyOrder) {
  TestTfjs model({1, 1, 1});
  model.Add("Add", "sum", {"second", "second"})
      .Add("Dropout", "second", {"first"})
      .Add("Activation", "first", {"input"}, {{"activation", "swish"}});
  Json json = model.Model();
  json["modelTopology"]["model_config"]["config"]["output_layers"][0][0] =
      "sum";
  const auto onnx = Convert(json.dump());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto outputs = Run(*onnx, {{"images", MakeTensor({1, 1, 1, 1}, {1})}});
  EXPECT_NEAR(outputs[0].floats()[0], 2 / (1 + std::exp(-1.0F)), kTolerance);
}

TEST_F(TfjsToOnnxTest, ARowOfLayersNeedsNoNamesOfInputs) {
  Json json = TestTfjs({1, 1, 1}).Model();
  json["modelTopology"] = Json::parse(R"({"class_name": "Sequential",
    "config": {"layers": [
      {"class_name": "ReLU",
       "config": {"name": "a", "batch_input_shape": [null, 1, 2, 1]}},
      {"class_name": "Activation",
       "config": {"name": "b", "activation": "tanh"}}]}})");
  const auto onnx = Convert(json.dump());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto outputs =
      Run(*onnx, {{"images", MakeTensor({1, 1, 1, 2}, {-1, 1})}});
  EXPECT_THAT(outputs[0].floats(),
              ElementsAre(0, FloatNear(std::tanh(1.0F), kTolerance)));
}

TEST_F(TfjsToOnnxTest, ARewrittenModelTakesManyPicturesAtOnce) {
  TestTfjs model({4, 4, 2});
  model.Add("ZeroPadding2D", "pad", {"input"}, {{"padding", 1}})
      .Add("Conv2D", "conv", {"pad"},
           {{"filters", 2}, {"kernel_size", 3}, {"strides", 2}})
      .Weights("conv/kernel", {3, 3, 2, 2}, Noise(36))
      .Weights("conv/bias", {2}, {0, 1})
      .Add("GlobalAveragePooling2D", "mean", {"conv"});
  const auto onnx = Convert(model.Finish());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto rewritten = RewriteForSpeed(std::as_bytes(std::span(*onnx)));
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  std::vector<float> pictures = Noise(64);
  const auto both =
      Run(*rewritten, {{"images", MakeTensor({2, 2, 4, 4}, pictures)}});
  pictures.erase(pictures.begin(), pictures.begin() + 32);
  const auto second =
      Run(*onnx, {{"images", MakeTensor({1, 2, 4, 4}, pictures)}});
  ASSERT_EQ(both[0].shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_THAT(both[0].floats().subspan(2),
              Pointwise(FloatNear(kTolerance), second[0].floats()));
}

// A sound model to be damaged.
Json Sound() {
  return TestTfjs({2, 2, 1})
      .Add("Conv2D", "conv", {"input"}, {{"filters", 1}, {"kernel_size", 1}})
      .Weights("conv/kernel", {1, 1, 1, 1}, {1})
      .Weights("conv/bias", {1}, {1})
      .Model();
}

TEST(TfjsToOnnx, DamageIsNamed) {
  const std::string topology = "/modelTopology/model_config/config";
  const std::string layer = topology + "/layers/1";
  const std::string input = topology + "/layers/0/config/batch_input_shape";
  const std::string weights = "/weightsManifest/0/weights";
  const auto huge = std::int64_t{1} << 62;
  const std::tuple<std::string, Json, std::string> damages[] = {
      {"/format", "graph-model", "graph model"},
      {"/modelTopology", 7, "no proper layers"},
      {topology + "/layers", Json::array(), "no proper layers"},
      {topology + "/output_layers", Json::array(), "one output"},
      {topology + "/output_layers/0/0", "nope", "no layer nope"},
      {topology + "/layers/0/inbound_nodes",
       Json::parse(R"([[["conv", 0, 0, {}]]])"), "one input"},
      {layer + "/name", "input", "two layers are called input"},
      {layer + "/class_name", "Lambda", "Lambda conv: layer is not known"},
      {layer + "/inbound_nodes/0/0/0", "nope", "no layer nope"},
      {layer + "/inbound_nodes/0/0/1", 1, "more than once"},
      {layer + "/inbound_nodes/0/0", 1, "no proper inputs"},
      {layer + "/inbound_nodes/1", Json::array(), "more than once"},
      {layer + "/inbound_nodes", Json::array(), "one input"},
      {layer + "/config/filters", huge, "bad options"},
      {layer + "/config/filters", 2, "conv/kernel have another shape"},
      {layer + "/config/kernel_size", Json::array({1, -1}), "another shape"},
      {layer + "/config/kernel_size", 0, "another shape"},
      {layer + "/config/strides", 0, "bad options"},
      {layer + "/config/dilation_rate", huge, "bad options"},
      {layer + "/config/padding", "causal", "padding causal"},
      {layer + "/config/activation", "mish", "activation mish"},
      {layer + "/config/data_format", "channels_first", "channels first"},
      {input, Json::array({nullptr, nullptr, 2, 1}), "without a size"},
      {input, Json::array({nullptr, huge, 2, 1}), "without a size"},
      {input, Json::array({nullptr, 16384, 16384, 16384}), "wrong size"},
      {input, Json::array({nullptr, 4}), "no picture"},
      {weights + "/0/dtype", "uint8", "not float32"},
      {weights + "/0/quantization", Json::object(), "not float32"},
      {weights + "/0/name", "x", "no weights conv/kernel"},
      {weights + "/0/name", "conv/bias", "there twice"},
      {weights + "/0/shape", 3, "no proper shape"},
      {weights + "/0/shape", Json::array({huge, huge, huge}), "cut off"},
      {weights + "/0/shape", Json::array({0, huge, huge}), "cut off"},
      {weights + "/0/shape", Json::array({-1}), "cut off"},
      {weights + "/0/shape", Json::array({3}), "cut off"},
  };
  const std::string bytes(8, '\0');
  ASSERT_TRUE(Convert(Sound().dump() + bytes));
  for (const auto& [path, value, message] : damages) {
    Json json = Sound();
    json[Json::json_pointer(path)] = value;
    const auto onnx = Convert(json.dump() + bytes);
    ASSERT_FALSE(onnx) << path << value;
    EXPECT_THAT(onnx.error().message, HasSubstr(message)) << path << value;
  }
  EXPECT_FALSE(Convert(Sound().dump() + bytes.substr(1)));
}

TEST(TfjsToOnnx, LayersInACircleAreRefused) {
  TestTfjs model({1, 1, 1});
  model.Add("Add", "a", {"input", "b"}).Add("ReLU", "b", {"a"});
  EXPECT_THAT(Convert(model.Finish()).error().message, HasSubstr("circle"));
}

TEST(TfjsToOnnx, WhatIsNoModelIsRefused) {
  const std::string deep =
      R"({"a":)" + std::string(1000000, '[') + std::string(1000000, ']') + "}";
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
        std::string("{\"a\": \"\\"), std::string("null"), deep,
        std::string("\0\0\0", 3), std::string(R"({"weightsManifest": 7})")}) {
    EXPECT_FALSE(Convert(text)) << text.substr(0, 20);
  }
  // Cut off anywhere.
  const std::string whole = Sound().dump() + std::string(8, '\0');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Convert(whole.substr(0, size))) << size;
  }
}

TEST(TfjsToOnnx, ShardsLieBesideTheModel) {
  const auto shards = [](const char* paths) {
    return TfjsShards(std::string(R"({"weightsManifest": [{"paths": )") +
                      paths + "}]} and so on");
  };
  EXPECT_THAT(*shards(R"(["b.bin", "a.bin"])"), ElementsAre("b.bin", "a.bin"));
  for (const char* paths : {R"(["../a"])", R"(["/etc/passwd"])", R"([""])",
                            R"([7])", R"(["a\u0000"])"}) {
    EXPECT_EQ(shards(paths).error().code, ErrorCode::kDataLoss) << paths;
  }
}

}  // namespace
}  // namespace ocelli
