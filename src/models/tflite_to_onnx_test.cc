#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <numeric>

#include "models/import.h"
#include "models/test_graph.h"
#include "models/test_tflite.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;
using tflite::Activation;
using tflite::Padding;
using Op = TestTflite::Op;
using Type = TestTflite::Type;
using Shape = std::vector<std::int64_t>;

constexpr float kTolerance = 1e-5F;

Result<std::string> Convert(const std::string& file) {
  return TfliteToOnnx(std::as_bytes(std::span(file)));
}

// 1, 2, 3, ...
std::vector<float> Count(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

tflite::Conv2DOptionsT ConvOptions(Padding padding, int stride) {
  tflite::Conv2DOptionsT options;
  options.padding = padding;
  options.stride_w = stride;
  options.stride_h = stride;
  return options;
}

tflite::DepthwiseConv2DOptionsT DepthwiseOptions(int stride) {
  tflite::DepthwiseConv2DOptionsT options;
  options.stride_w = stride;
  options.stride_h = stride;
  return options;
}

tflite::Pool2DOptionsT PoolOptions(Padding padding, int size, int stride) {
  tflite::Pool2DOptionsT options;
  options.padding = padding;
  options.filter_w = size;
  options.filter_h = size;
  options.stride_w = stride;
  options.stride_h = stride;
  return options;
}

class TfliteToOnnxTest : public GraphTest {
 protected:
  // The outputs of the file for its inputs, in order.
  std::vector<Tensor> RunTflite(const TestTflite& file,
                                const std::vector<Tensor>& inputs) {
    const auto onnx = Convert(file.Finish());
    if (!onnx) {
      ADD_FAILURE() << onnx.error().message;
      return {};
    }
    std::vector<std::pair<std::string, Tensor>> named;
    for (const Tensor& input : inputs) {
      // Inputs are the first tensors of each test's file.
      named.emplace_back("t" + std::to_string(named.size()), input);
    }
    return Run(*onnx, named);
  }
  // Of a file with one input and one output: its values.
  std::vector<float> RunOne(const TestTflite& file, Shape shape,
                            std::vector<float> values) {
    const auto outputs =
        RunTflite(file, {MakeTensor(std::move(shape), std::move(values))});
    return outputs.empty() ? std::vector<float>() : Values(outputs[0]);
  }
};

TEST_F(TfliteToOnnxTest, SamePaddingPutsTheOddPixelAtTheEnd) {
  TestTflite file;
  const int input = file.Input({1, 4, 4, 1});
  const int output = file.Tensor({1, 2, 2, 1});
  file.Add(Op::CONV_2D,
           {input, file.Floats({1, 3, 3, 1}, std::vector<float>(9, 1)),
            file.Floats({1}, {0.5F})},
           output, ConvOptions(Padding::SAME, 2));
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 4, 4, 1}, Count(16)),
              ElementsAre(54.5F, 45.5F, 72.5F, 54.5F));
}

TEST_F(TfliteToOnnxTest, ConvolutionKeepsTheOrderOfWeightsAndChannels) {
  TestTflite file;
  const int input = file.Input({1, 2, 2, 2});
  const int output = file.Tensor({1, 1, 1, 3});
  // Output 0 takes channel 0 top left, 1 channel 1 top right, 2 sums all.
  file.Add(Op::CONV_2D,
           {input, file.Floats({3, 2, 2, 2}, {1, 0, 0, 0, 0, 0, 0, 0,  //
                                              0, 0, 0, 1, 0, 0, 0, 0,  //
                                              1, 1, 1, 1, 1, 1, 1, 1})},
           output, ConvOptions(Padding::VALID, 1));
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 2, 2, 2}, Count(8)), ElementsAre(1, 4, 36));
}

TEST_F(TfliteToOnnxTest, GroupsAndDilationsAreKept) {
  TestTflite file;
  const int input = file.Input({1, 3, 3, 2});
  const int output = file.Tensor({1, 1, 1, 2});
  auto options = ConvOptions(Padding::VALID, 1);
  options.dilation_h = 2;
  options.dilation_w = 2;
  file.Add(Op::CONV_2D,
           {input, file.Floats({2, 2, 2, 1}, {1, 1, 1, 1, 1, 0, 0, 0})}, output,
           options);
  file.Output(output);
  // Channel 0 holds 1, 3, ..., 17; its corners are 1, 5, 13, 17.
  EXPECT_THAT(RunOne(file, {1, 3, 3, 2}, Count(18)), ElementsAre(36, 2));
}

TEST_F(TfliteToOnnxTest, DepthwiseConvolutionMultipliesChannels) {
  TestTflite file;
  const int input = file.Input({1, 1, 1, 2});
  const int output = file.Tensor({1, 1, 1, 4});
  file.Add(Op::DEPTHWISE_CONV_2D,
           {input, file.Floats({1, 1, 1, 4}, {1, 10, 100, 1000})}, output,
           DepthwiseOptions(1));
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 1, 1, 2}, {2, 3}),
              ElementsAre(2, 20, 300, 3000));
}

TEST_F(TfliteToOnnxTest, FusedActivationsAreApplied) {
  TestTflite file;
  const int input = file.Input({1, 3});
  const int clipped = file.Tensor({1, 3});
  tflite::AddOptionsT add;
  add.activation = Activation::RELU6;
  file.Add(Op::ADD, {input, file.Floats({1}, {1})}, clipped, add);
  const int output = file.Tensor({1, 3});
  tflite::MulOptionsT mul;
  mul.activation = Activation::RELU;
  file.Add(Op::MUL, {clipped, file.Floats({3}, {1, -1, 2})}, output, mul);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 3}, {-5, 1, 9}), ElementsAre(0, 0, 12));
}

TEST_F(TfliteToOnnxTest, AveragePoolingLeavesPaddingOut) {
  TestTflite file;
  const int input = file.Input({1, 3, 3, 1});
  const int average = file.Tensor({1, 2, 2, 1});
  const int maximum = file.Tensor({1, 2, 2, 1});
  file.Add(Op::AVERAGE_POOL_2D, {input}, average,
           PoolOptions(Padding::SAME, 2, 2));
  file.Add(Op::MAX_POOL_2D, {input}, maximum, PoolOptions(Padding::SAME, 2, 2));
  file.Output(average);
  file.Output(maximum);
  const auto outputs = RunTflite(file, {MakeTensor({1, 3, 3, 1}, Count(9))});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_THAT(Values(outputs[0]), ElementsAre(3, 4.5F, 7.5F, 9));
  EXPECT_THAT(Values(outputs[1]), ElementsAre(5, 6, 8, 9));
}

TEST_F(TfliteToOnnxTest, PadsChannelsAndPixelsInEitherLayout) {
  for (const bool after_relu : {false, true}) {
    TestTflite file;
    const int input = file.Input({1, 1, 2, 1});
    int from = input;
    if (after_relu) {
      from = file.Tensor({1, 1, 2, 1});
      file.Add(Op::MAX_POOL_2D, {input}, from,
               PoolOptions(Padding::VALID, 1, 1));
    }
    const int output = file.Tensor({1, 2, 2, 3});
    file.Add(Op::PAD,
             {from, file.Constant<std::int32_t>({4, 2}, Type::INT32,
                                                {0, 0, 1, 0, 0, 0, 0, 2})},
             output);
    file.Output(output);
    EXPECT_THAT(RunOne(file, {1, 1, 2, 1}, {7, 8}),
                ElementsAre(0, 0, 0, 0, 0, 0, 7, 0, 0, 8, 0, 0));
  }
}

TEST_F(TfliteToOnnxTest, ElementwiseOperators) {
  TestTflite file;
  const int input = file.Input({1, 1, 2, 2});
  const int prelu = file.Tensor({1, 1, 2, 2});
  const int relu = file.Tensor({1, 1, 2, 2});
  const int relu6 = file.Tensor({1, 1, 2, 2});
  const int logistic = file.Tensor({1, 1, 2, 2});
  file.Add(Op::PRELU, {input, file.Floats({1, 1, 2}, {0.5F, 3})}, prelu);
  file.Add(Op::RELU, {prelu}, relu);
  file.Add(Op::RELU6, {prelu}, relu6);
  file.Add(Op::LOGISTIC, {input}, logistic);
  for (const int output : {prelu, relu, relu6, logistic}) file.Output(output);
  const auto outputs =
      RunTflite(file, {MakeTensor({1, 1, 2, 2}, {-2, -2, 8, 0})});
  ASSERT_EQ(outputs.size(), 4U);
  EXPECT_THAT(Values(outputs[0]), ElementsAre(-1, -6, 8, 0));
  EXPECT_THAT(Values(outputs[1]), ElementsAre(0, 0, 8, 0));
  EXPECT_THAT(Values(outputs[2]), ElementsAre(0, 0, 6, 0));
  EXPECT_NEAR(Values(outputs[3])[0], 1 / (1 + std::exp(2.0F)), kTolerance);
}

TEST_F(TfliteToOnnxTest, ConstantsBroadcastAlongChannels) {
  TestTflite file;
  const int input = file.Input({1, 1, 2, 2});
  const int pooled = file.Tensor({1, 1, 2, 2});
  file.Add(Op::MAX_POOL_2D, {input}, pooled, PoolOptions(Padding::VALID, 1, 1));
  const int sum = file.Tensor({1, 1, 2, 2});
  file.Add(Op::ADD, {file.Floats({2}, {10, 20}), pooled}, sum,
           tflite::AddOptionsT());
  const int output = file.Tensor({1, 1, 2, 2});
  file.Add(Op::ADD, {sum, input}, output);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 1, 2, 2}, {1, 2, 3, 4}),
              ElementsAre(12, 24, 16, 28));
}

TEST_F(TfliteToOnnxTest, ReshapeSeesChannelsLast) {
  TestTflite file;
  const int input = file.Input({1, 1, 2, 2});
  const int pooled = file.Tensor({1, 1, 2, 2});
  file.Add(Op::MAX_POOL_2D, {input}, pooled, PoolOptions(Padding::VALID, 1, 1));
  const int output = file.Tensor({1, 4});
  tflite::ReshapeOptionsT options;
  options.new_shape = {1, -1};
  file.Add(Op::RESHAPE, {pooled}, output, options);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 1, 2, 2}, {1, 2, 3, 4}),
              ElementsAre(1, 2, 3, 4));
}

TEST_F(TfliteToOnnxTest, ConcatenatesAlongTheAxisOfTheFile) {
  TestTflite file;
  const int input = file.Input({1, 1, 2, 1});
  const int pooled = file.Tensor({1, 1, 2, 1});
  file.Add(Op::MAX_POOL_2D, {input}, pooled, PoolOptions(Padding::VALID, 1, 1));
  const int relu = file.Tensor({1, 1, 2, 1});
  file.Add(Op::RELU, {pooled}, relu);
  const int deep = file.Tensor({1, 1, 2, 2});
  tflite::ConcatenationOptionsT options;
  options.axis = -1;
  file.Add(Op::CONCATENATION, {pooled, relu}, deep, options);
  const int wide = file.Tensor({1, 1, 4, 1});
  options.axis = 2;
  file.Add(Op::CONCATENATION, {pooled, input}, wide, options);
  file.Output(deep);
  file.Output(wide);
  const auto outputs = RunTflite(file, {MakeTensor({1, 1, 2, 1}, {-1, 2})});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_THAT(Values(outputs[0]), ElementsAre(-1, 0, 2, 2));
  EXPECT_THAT(Values(outputs[1]), ElementsAre(-1, 2, -1, 2));
}

TEST_F(TfliteToOnnxTest, ResizesWithEachConvention) {
  const auto resize = [&](bool half_pixel, bool align, std::int32_t width) {
    TestTflite file;
    const int input = file.Input({1, 1, 2, 1});
    const int output = file.Tensor({1, 1, width, 1});
    tflite::ResizeBilinearOptionsT options;
    options.half_pixel_centers = half_pixel;
    options.align_corners = align;
    file.Add(Op::RESIZE_BILINEAR, {input, file.Integers({1, width})}, output,
             options);
    file.Output(output);
    return RunOne(file, {1, 1, 2, 1}, {0, 12});
  };
  EXPECT_THAT(resize(true, false, 4), ElementsAre(0, 3, 9, 12));
  EXPECT_THAT(resize(false, true, 4), ElementsAre(0, 4, 8, 12));
  EXPECT_THAT(resize(false, false, 4), ElementsAre(0, 6, 12, 12));
  EXPECT_THAT(resize(true, false, 3),
              Pointwise(FloatNear(kTolerance), {0.0F, 6.0F, 12.0F}));
}

TEST_F(TfliteToOnnxTest, DepthToSpaceReadsColumnsOfABlockFirst) {
  TestTflite file;
  const int input = file.Input({1, 1, 1, 8});
  const int output = file.Tensor({1, 2, 2, 2});
  tflite::DepthToSpaceOptionsT options;
  options.block_size = 2;
  file.Add(Op::DEPTH_TO_SPACE, {input}, output, options);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 1, 1, 8}, Count(8)),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(TfliteToOnnxTest, HalfPrecisionWeightsAreWidened) {
  TestTflite file;
  const int input = file.Input({5});
  // 1, -2, the smallest subnormal, 65504, 0.
  const int half = file.Constant<std::uint16_t>(
      {5}, Type::FLOAT16, {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x0000});
  const int full = file.Tensor({5});
  file.Add(Op::DEQUANTIZE, {half}, full);
  const int output = file.Tensor({5});
  file.Add(Op::ADD, {input, full}, output);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {5}, {0, 0, 0, 0, 0}),
              ElementsAre(1, -2, std::ldexp(1.0F, -24), 65504, 0));
}

// A level of the tree of a sparse tensor.
std::unique_ptr<tflite::DimensionMetadataT> DenseLevel(int size) {
  auto level = std::make_unique<tflite::DimensionMetadataT>();
  level->dense_size = size;
  return level;
}

std::unique_ptr<tflite::DimensionMetadataT> SparseLevel(
    std::vector<std::uint8_t> segments, std::vector<std::int32_t> indices) {
  auto level = std::make_unique<tflite::DimensionMetadataT>();
  level->format = tflite::DimensionType::SPARSE_CSR;
  tflite::Uint8VectorT bytes;
  bytes.values = std::move(segments);
  level->array_segments.Set(std::move(bytes));
  tflite::Int32VectorT words;
  words.values = std::move(indices);
  level->array_indices.Set(std::move(words));
  return level;
}

TestTflite SparseFile() {
  TestTflite file;
  const int input = file.Input({2, 4});
  const int sparse = file.Floats({2, 4}, {1, 2, 3, 4});
  // Rows, then blocks of two columns, then within the block.
  auto sparsity = std::make_unique<tflite::SparsityT>();
  sparsity->traversal_order = {0, 1, 2};
  sparsity->block_map = {1};
  sparsity->dim_metadata.push_back(DenseLevel(2));
  sparsity->dim_metadata.push_back(SparseLevel({0, 1, 2}, {1, 0}));
  sparsity->dim_metadata.push_back(DenseLevel(2));
  // Four values for eight elements.
  file.tensor(sparse).sparsity = std::move(sparsity);
  const int dense = file.Tensor({2, 4});
  file.Add(Op::DENSIFY, {sparse}, dense).outputs = {dense};
  const int output = file.Tensor({2, 4});
  file.Add(Op::ADD, {input, dense}, output);
  file.Output(output);
  return file;
}

TEST_F(TfliteToOnnxTest, SparseWeightsAreExpanded) {
  EXPECT_THAT(RunOne(SparseFile(), {2, 4}, std::vector<float>(8, 0)),
              ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
}

TEST_F(TfliteToOnnxTest, SparseIndicesAreChecked) {
  const auto fails = [](auto damage) {
    TestTflite file = SparseFile();
    damage(*file.tensor(1).sparsity);
    const auto onnx = Convert(file.Finish());
    return !onnx && onnx.error().code == ErrorCode::kDataLoss;
  };
  EXPECT_TRUE(fails([](auto& sparsity) {
    sparsity.dim_metadata[1]->array_indices.AsInt32Vector()->values = {2, 0};
  }));
  EXPECT_TRUE(fails([](auto& sparsity) {
    sparsity.dim_metadata[1]->array_indices.AsInt32Vector()->values = {-1, 0};
  }));
  EXPECT_TRUE(fails([](auto& sparsity) {
    sparsity.dim_metadata[1]->array_segments.AsUint8Vector()->values = {0, 1};
  }));
  EXPECT_TRUE(fails([](auto& sparsity) {
    sparsity.dim_metadata[1]->array_segments.AsUint8Vector()->values = {0, 3,
                                                                        2};
  }));
  EXPECT_TRUE(fails([](auto& sparsity) { sparsity.block_map = {7}; }));
  EXPECT_TRUE(fails([](auto& sparsity) {
    sparsity.traversal_order = {0, 0, 2};
  }));
  EXPECT_TRUE(
      fails([](auto& sparsity) { sparsity.dim_metadata[2]->dense_size = 3; }));
}

TEST_F(TfliteToOnnxTest, QuantisedGraphsRunInRealNumbers) {
  TestTflite file;
  const int input = file.Input({1, 1, 1, 1}, Type::UINT8);
  file.Quantize(input, {0.5F}, {128});
  const int weights =
      file.Constant<std::int8_t>({2, 1, 1, 1}, Type::INT8, {10, -20});
  file.Quantize(weights, {0.1F, 0.01F}, {0, 5}, 0);
  const int bias = file.Constant<std::int32_t>({2}, Type::INT32, {100, 200});
  file.Quantize(bias, {0.05F, 0.005F}, {0, 0});
  const int shifted = file.Tensor({1, 1, 1, 1}, Type::INT8);
  file.Add(Op::QUANTIZE, {input}, shifted);
  const int output = file.Tensor({1, 1, 1, 2}, Type::INT8);
  file.Add(Op::CONV_2D, {shifted, weights, bias}, output,
           ConvOptions(Padding::SAME, 1));
  file.Output(output);
  EXPECT_THAT(RunOne(file, {1, 1, 1, 1}, {2}),
              Pointwise(FloatNear(kTolerance), {7.0F, 0.5F}));
}

TEST_F(TfliteToOnnxTest, TheClassifiersInputIsTheEmbedding) {
  TestTflite file;
  const int input = file.Input({1, 1, 1, 2});
  const int vector = file.Tensor({1, 2});
  file.Add(Op::RESHAPE, {input}, vector);
  const int logits = file.Tensor({1, 2});
  file.Add(
      Op::FULLY_CONNECTED,
      {vector, file.Floats({2, 2}, {1, 0, 1, 1}), file.Floats({2}, {0, 1})},
      logits, tflite::FullyConnectedOptionsT());
  const int output = file.Tensor({1, 2});
  tflite::SoftmaxOptionsT softmax;
  softmax.beta = 2;
  file.Add(Op::SOFTMAX, {logits}, output, softmax);
  file.Output(output);
  const auto onnx = Convert(file.Finish());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto session = Open(*onnx);
  ASSERT_NE(session, nullptr);
  ASSERT_EQ(session->outputs().size(), 2U);
  EXPECT_EQ(session->outputs()[1].name, "embedding");
  const auto outputs = Run(*onnx, {{"t0", MakeTensor({1, 1, 1, 2}, {3, -1})}});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_THAT(Values(outputs[0]),
              Pointwise(FloatNear(kTolerance), {0.5F, 0.5F}));
  EXPECT_THAT(Values(outputs[1]), ElementsAre(3, -1));
}

TEST_F(TfliteToOnnxTest, StridedSlicesFollowTheirMasks) {
  TestTflite file;
  const int input = file.Input({2, 4});
  const int output = file.Tensor({1, 2});
  tflite::StridedSliceOptionsT options;
  options.end_mask = 2;
  file.Add(Op::STRIDED_SLICE,
           {input, file.Integers({-1, 1}), file.Integers({2, 0}),
            file.Integers({1, 2})},
           output, options);
  file.Output(output);
  EXPECT_THAT(RunOne(file, {2, 4}, Count(8)), ElementsAre(6, 8));
}

TEST_F(TfliteToOnnxTest, AWholeSliceIsItsInput) {
  TestTflite file;
  const int input = file.Input({1, 2});
  const int output = file.Tensor({1, 2});
  file.Add(Op::STRIDED_SLICE,
           {input, file.Integers({0, 0}), file.Integers({1, 2}),
            file.Integers({1, 1})},
           output, tflite::StridedSliceOptionsT());
  file.Output(output);
  file.Output(input);
  // One tensor can't be input and output by the same name.
  const auto onnx = Convert(file.Finish());
  ASSERT_FALSE(onnx);
  file.graph().outputs.pop_back();
  EXPECT_THAT(RunOne(file, {1, 2}, {4, 5}), ElementsAre(4, 5));
}

TEST(TfliteToOnnxErrors, AnUnknownOperatorIsNamed) {
  TestTflite file;
  const int input = file.Input({1});
  const int output = file.Tensor({1});
  file.Add(Op::SVDF, {input}, output);
  file.Output(output);
  const auto onnx = Convert(file.Finish());
  ASSERT_FALSE(onnx);
  EXPECT_EQ(onnx.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(onnx.error().message, HasSubstr("SVDF"));
}

TEST(TfliteToOnnxErrors, AnUnknownCustomOperatorIsNamed) {
  TestTflite file;
  const int input = file.Input({1});
  const int output = file.Tensor({1});
  file.Add(Op::CUSTOM, {input}, output, 2, "Sharpen");
  file.Output(output);
  const auto onnx = Convert(file.Finish());
  ASSERT_FALSE(onnx);
  EXPECT_EQ(onnx.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(onnx.error().message, HasSubstr("Sharpen"));
}

TEST(TfliteToOnnxErrors, TheGreaterOperatorCodeCounts) {
  TestTflite file;
  const int input = file.Input({1});
  const int output = file.Tensor({1});
  file.Add(Op::ADD, {input}, output);
  auto& code = *file.model().operator_codes[0];
  code.deprecated_builtin_code = 127;
  code.builtin_code = static_cast<Op>(140);
  file.Output(output);
  const auto onnx = Convert(file.Finish());
  ASSERT_FALSE(onnx);
  EXPECT_THAT(onnx.error().message, HasSubstr("number 140"));
}

// One of everything, to be damaged.
TestTflite SmallNetwork() {
  TestTflite file;
  const int input = file.Input({1, 4, 4, 2});
  const int half = file.Constant<std::uint16_t>(
      {2, 3, 3, 2}, Type::FLOAT16, std::vector<std::uint16_t>(36, 0x3400));
  const int weights = file.Tensor({2, 3, 3, 2});
  file.Add(Op::DEQUANTIZE, {half}, weights);
  const int conv = file.Tensor({1, 4, 4, 2});
  file.Add(Op::CONV_2D, {input, weights, file.Floats({2}, {0, 1})}, conv,
           ConvOptions(Padding::SAME, 1));
  const int prelu = file.Tensor({1, 4, 4, 2});
  file.Add(Op::PRELU, {conv, file.Floats({1, 1, 2}, {0.5F, 2})}, prelu);
  const int depthwise = file.Tensor({1, 2, 2, 2});
  file.Add(Op::DEPTHWISE_CONV_2D, {prelu, file.Floats({1, 1, 1, 2}, {1, 2})},
           depthwise, DepthwiseOptions(2));
  const int pooled = file.Tensor({1, 2, 2, 2});
  file.Add(Op::MAX_POOL_2D, {prelu}, pooled, PoolOptions(Padding::SAME, 2, 2));
  const int sum = file.Tensor({1, 2, 2, 2});
  file.Add(Op::ADD, {depthwise, pooled}, sum, tflite::AddOptionsT());
  const int padded = file.Tensor({1, 2, 2, 4});
  file.Add(Op::PAD,
           {sum, file.Constant<std::int32_t>({4, 2}, Type::INT32,
                                             {0, 0, 0, 0, 0, 0, 0, 2})},
           padded);
  const int resized = file.Tensor({1, 4, 4, 4});
  file.Add(Op::RESIZE_BILINEAR, {padded, file.Integers({4, 4})}, resized,
           tflite::ResizeBilinearOptionsT());
  const int spread = file.Tensor({1, 8, 8, 1});
  tflite::DepthToSpaceOptionsT blocks;
  blocks.block_size = 2;
  file.Add(Op::DEPTH_TO_SPACE, {resized}, spread, blocks);
  const int row = file.Tensor({1, 64});
  tflite::ReshapeOptionsT reshape;
  reshape.new_shape = {1, 64};
  file.Add(Op::RESHAPE, {spread}, row, reshape);
  const int twice = file.Tensor({1, 128});
  tflite::ConcatenationOptionsT concatenation;
  concatenation.axis = 1;
  file.Add(Op::CONCATENATION, {row, row}, twice, concatenation);
  const int quantized = file.Constant<std::int8_t>(
      {2, 128}, Type::INT8, std::vector<std::int8_t>(256, 3));
  file.Quantize(quantized, {0.5F, 0.25F}, {1, 2}, 0);
  const int logits = file.Tensor({1, 2});
  file.Add(Op::FULLY_CONNECTED, {twice, quantized, -1}, logits,
           tflite::FullyConnectedOptionsT());
  const int sliced = file.Tensor({1, 1});
  file.Add(Op::STRIDED_SLICE,
           {logits, file.Integers({0, 0}), file.Integers({1, 1}),
            file.Integers({1, 1})},
           sliced, tflite::StridedSliceOptionsT());
  file.Output(logits);
  file.Output(sliced);
  return file;
}

TEST_F(TfliteToOnnxTest, OperatorsWorkTogether) {
  const auto onnx = Convert(SmallNetwork().Finish());
  ASSERT_TRUE(onnx) << onnx.error().message;
  const auto outputs =
      Run(*onnx, {{"t0", MakeTensor({1, 4, 4, 2}, Noise(32))}});
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[1].shape, (Shape{1, 1}));
}

// Whatever comes, it is refused or it becomes a graph; ASan watches.
void ExpectNoCrash(const std::string& file) {
  const auto onnx = Convert(file);
  if (onnx) {
    (void)RewriteForSpeed(std::as_bytes(std::span(*onnx))).has_value();
    return;
  }
  EXPECT_TRUE(onnx.error().code == ErrorCode::kDataLoss ||
              onnx.error().code == ErrorCode::kUnimplemented ||
              onnx.error().code == ErrorCode::kResourceExhausted)
      << onnx.error().message;
  EXPECT_NE(onnx.error().message, "");
}

TEST(TfliteToOnnxDamage, TruncatedFilesAreRefused) {
  for (const TestTflite& file : {SmallNetwork(), SparseFile()}) {
    const std::string whole = file.Finish();
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ExpectNoCrash(whole.substr(0, size));
    }
  }
}

TEST(TfliteToOnnxDamage, ChangedBytesDoNoHarm) {
  for (const TestTflite& file : {SmallNetwork(), SparseFile()}) {
    const std::string whole = file.Finish();
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const int flip : {0x01, 0x7F, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        ExpectNoCrash(changed);
      }
    }
  }
}

TEST(TfliteToOnnxDamage, SizesOfConstantsAreChecked) {
  TestTflite file;
  const int input = file.Input({1, 2, 2, 1});
  const int output = file.Tensor({1, 2, 2, 1});
  const int weights = file.Floats({1, 1, 1, 1}, {1});
  file.Add(Op::CONV_2D, {input, weights}, output,
           ConvOptions(Padding::SAME, 1));
  file.Output(output);
  ASSERT_TRUE(Convert(file.Finish()));
  for (const std::vector<std::int32_t>& shape :
       {std::vector<std::int32_t>{1, 3, 3, 1},
        {1, 1 << 30, 1 << 30, 1 << 30},
        {1, -1, 1, 1},
        {1, 0, 0, 1},
        {1}}) {
    file.tensor(weights).shape = shape;
    const auto onnx = Convert(file.Finish());
    ASSERT_FALSE(onnx);
    EXPECT_EQ(onnx.error().code, ErrorCode::kDataLoss) << onnx.error().message;
  }
}

TEST(TfliteToOnnxDamage, LinksAreChecked) {
  const auto code_of = [](auto damage) {
    TestTflite file;
    const int input = file.Input({1});
    const int output = file.Tensor({1});
    file.Add(Op::RELU, {input}, output);
    file.Output(output);
    damage(file);
    const auto onnx = Convert(file.Finish());
    return onnx ? ErrorCode::kInternal : onnx.error().code;
  };
  const auto op = [](TestTflite & file) -> auto& {
    return *file.graph().operators[0];
  };
  EXPECT_EQ(code_of([&](auto& f) { op(f).inputs = {9}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).inputs = {-1}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).inputs = {}; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).inputs = {1}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).outputs = {0}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).outputs = {-2}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { op(f).opcode_index = 5; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.tensor(0).buffer = 5; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.graph().outputs = {7}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) {
              f.graph().outputs = {1, 1};
            }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.graph().inputs = {}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.tensor(0).name = "#1"; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.model().subgraphs.clear(); }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code_of([&](auto& f) { f.model().version = 4; }),
            ErrorCode::kUnimplemented);
}

}  // namespace
}  // namespace ocelli
