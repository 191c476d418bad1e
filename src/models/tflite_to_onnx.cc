#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "models/import.h"
#include "models/onnx_graph.h"
#include "models/onnx_picture.h"
#include "models/tflite_landmark_ops.h"
#include "models/tflite_model.h"

namespace ocelli {
namespace {

using tflite::Activation;
using tflite::BuiltinOperator;
using tflite::Padding;
using Shape = std::vector<std::int64_t>;

constexpr std::size_t kMaxConstantBytes = std::size_t{1} << 30;

auto Damaged(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, what);
}

auto Unknown(const std::string& what) {
  return Fail(ErrorCode::kUnimplemented, what);
}

// {top, left, bottom, right} as ONNX wants them.
std::vector<std::int64_t> Pads(Padding padding, const Shape& nhwc,
                               const Window& down, const Window& across) {
  if (padding == Padding::VALID) return {0, 0, 0, 0};
  const std::int64_t y = down.SamePadding(nhwc[1]);
  const std::int64_t x = across.SamePadding(nhwc[2]);
  return {y / 2, x / 2, y - y / 2, x - x / 2};
}

// Turns the operators one by one. Pictures stay NCHW, as ONNX's convolutions
// want them, until something needs TensorFlow's order.
class Converter {
 public:
  explicit Converter(const TfliteModel& model)
      : model_(model), values_(model.tensors().size()) {}

  Result<std::string> Convert();

 private:
  // A tensor as far as it is known in the ONNX graph: each order that somebody
  // asked for, or where its constant values come from.
  struct Value {
    int constant = kNoTensor;
    std::string plain;
    std::string nchw;

    bool known() const {
      return constant != kNoTensor || !plain.empty() || !nchw.empty();
    }
  };

  const TfliteModel& model_;
  OnnxGraph graph_;
  std::vector<Value> values_;
  int embedding_ = kNoTensor;

  Result<> ConvertOperator(const TfliteOperator& op);
  Result<> ConvertCustom(const TfliteOperator& op);
  Result<> ConvertConv(const TfliteOperator& op);
  Result<> ConvertDepthwiseConv(const TfliteOperator& op);
  Result<> ConvertPool(const TfliteOperator& op, std::string_view type);
  Result<> ConvertFullyConnected(const TfliteOperator& op);
  Result<> ConvertBinary(const TfliteOperator& op, std::string_view type,
                         Activation activation);
  Result<> ConvertUnary(const TfliteOperator& op, std::string_view type,
                        std::vector<std::string> parameters = {});
  Result<> ConvertPrelu(const TfliteOperator& op);
  Result<> ConvertPad(const TfliteOperator& op);
  Result<> ConvertReshape(const TfliteOperator& op);
  Result<> ConvertConcatenation(const TfliteOperator& op);
  Result<> ConvertResize(const TfliteOperator& op);
  Result<> ConvertDepthToSpace(const TfliteOperator& op);
  Result<> ConvertSoftmax(const TfliteOperator& op);
  Result<> ConvertStridedSlice(const TfliteOperator& op);
  Result<> ConvertSame(const TfliteOperator& op);

  struct ConvOptions {
    Padding padding;
    Activation activation;
    std::int64_t stride_w;
    std::int64_t stride_h;
    std::int64_t dilation_w;
    std::int64_t dilation_h;
  };
  Result<> AddConv(const TfliteOperator& op, const ConvOptions& options,
                   std::int64_t group, const Shape& shape,
                   std::span<const float> weights);

  Value& value(int tensor) { return values_[static_cast<std::size_t>(tensor)]; }
  const TfliteTensor& tensor(int index) const {
    return model_.tensors()[static_cast<std::size_t>(index)];
  }
  const Shape& shape(int index) const { return tensor(index).shape; }
  bool IsPicture(int index) const { return tensor(index).rank() == 4; }
  // Whether both orders are the same in memory.
  bool IsPixel(int index) const {
    return IsPicture(index) && shape(index)[1] == 1 && shape(index)[2] == 1;
  }
  bool HasNchw(int index) { return !value(index).nchw.empty(); }

  Result<> AddInputs();
  Result<> AddOutputs();
  Result<> Expect(const TfliteOperator& op, std::size_t inputs);
  // The name of a tensor's value in the order of the file, or as NCHW (only
  // for pictures). Nodes and constants are made when first asked for.
  Result<std::string> Plain(int index);
  Result<std::string> Nchw(int index);
  // A constant of up to four axes, made fit to broadcast with NCHW.
  Result<std::string> NchwConstant(int index);
  Result<std::vector<float>> Floats(int index);
  Result<std::vector<std::int64_t>> Integers(int index);

  std::string Activate(std::string name, Activation activation);
  void SetPlain(int index, std::string name) {
    value(index).plain = std::move(name);
  }
  void SetNchw(int index, std::string name) {
    value(index).nchw = std::move(name);
  }
};

Result<std::string> Converter::Convert() {
  if (const auto added = AddInputs(); !added) return added.Failure();
  for (const TfliteOperator& op : model_.operators()) {
    if (const auto converted = ConvertOperator(op); !converted) {
      return converted.Failure(op.name);
    }
    if (graph_.bytes() > kMaxConstantBytes) {
      return Fail(ErrorCode::kResourceExhausted, "weights are too large");
    }
  }
  if (const auto added = AddOutputs(); !added) return added.Failure();
  return graph_.Serialize();
}

Result<> Converter::AddInputs() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const int index = static_cast<int>(i);
    if (model_.HasValues(index)) values_[i].constant = index;
  }
  std::set<std::string> names;
  for (const int index : model_.inputs()) {
    const std::string& name = tensor(index).name;
    if (!names.insert(name).second || name.starts_with('#') ||
        value(index).known()) {
      return Damaged("bad input " + name);
    }
    graph_.AddInput(name, shape(index));
    SetPlain(index, name);
  }
  return {};
}

Result<> Converter::AddOutputs() {
  std::set<std::string> names;
  for (const int index : model_.inputs()) names.insert(tensor(index).name);
  const auto add = [&](int index, const std::string& name) -> Result<> {
    if (!names.insert(name).second || name.starts_with('#')) {
      return Damaged("bad output " + name);
    }
    const auto value = Plain(index);
    if (!value) return value.Failure(name);
    graph_.AddOutput(name, *value, shape(index));
    return {};
  };
  if (model_.outputs().empty()) return Damaged("no output");
  for (const int index : model_.outputs()) {
    if (auto added = add(index, tensor(index).name); !added) return added;
  }
  if (embedding_ != kNoTensor) return add(embedding_, "embedding");
  return {};
}

// Also sees to it that the operator has one output, not written before.
Result<> Converter::Expect(const TfliteOperator& op, std::size_t inputs) {
  if (op.inputs.size() < inputs || op.outputs.size() != 1 ||
      value(op.outputs[0]).known()) {
    return Damaged("wrong number of inputs or outputs");
  }
  return {};
}

Result<std::vector<float>> Converter::Floats(int index) {
  if (index == kNoTensor) return Damaged("a constant is left out");
  const int source = value(index).constant;
  if (source == kNoTensor) {
    return Unknown("needs the constant " + tensor(index).name);
  }
  auto values = model_.ReadFloats(source);
  if (values &&
      values->size() != static_cast<std::size_t>(tensor(index).elements())) {
    return Damaged("wrong size of " + tensor(index).name);
  }
  return values;
}

Result<std::vector<std::int64_t>> Converter::Integers(int index) {
  if (index == kNoTensor) return Damaged("a constant is left out");
  if (value(index).constant == kNoTensor) {
    return Unknown("needs the constant " + tensor(index).name);
  }
  if (tensor(index).elements() > 64) {
    return Damaged("wrong size of " + tensor(index).name);
  }
  return model_.ReadIntegers(index);
}

Result<std::string> Converter::Plain(int index) {
  if (index == kNoTensor) return Damaged("an input is left out");
  Value& known = value(index);
  if (!known.plain.empty()) return known.plain;
  if (known.constant != kNoTensor) {
    const auto values = Floats(index);
    if (!values) return values.Failure();
    known.plain = graph_.Floats(shape(index), *values);
  } else if (!known.nchw.empty()) {
    known.plain =
        graph_.Node("Transpose", {known.nchw},
                    {{"perm", Shape(kToNhwc.begin(), kToNhwc.end())}});
  } else {
    return Damaged("nothing makes " + tensor(index).name);
  }
  return known.plain;
}

Result<std::string> Converter::Nchw(int index) {
  if (index == kNoTensor) return Damaged("an input is left out");
  if (!IsPicture(index)) {
    return Damaged(tensor(index).name + " should have four axes");
  }
  Value& known = value(index);
  if (!known.nchw.empty()) return known.nchw;
  if (known.constant != kNoTensor) return NchwConstant(index);
  const auto plain = Plain(index);
  if (!plain) return plain.Failure();
  known.nchw = graph_.Node("Transpose", {*plain},
                           {{"perm", Shape(kToNchw.begin(), kToNchw.end())}});
  return known.nchw;
}

Result<std::string> Converter::NchwConstant(int index) {
  Value& known = value(index);
  if (!known.nchw.empty()) return known.nchw;
  const auto values = Floats(index);
  if (!values) return values.Failure();
  Shape nhwc = shape(index);
  nhwc.insert(nhwc.begin(), 4 - nhwc.size(), 1);
  known.nchw =
      graph_.Floats(Permute(nhwc, kToNchw), Permute(*values, nhwc, kToNchw));
  return known.nchw;
}

std::string Converter::Activate(std::string name, Activation activation) {
  switch (activation) {
    case Activation::RELU:
      return graph_.Node("Relu", {std::move(name)});
    case Activation::RELU6:
      return graph_.Node("Clip", {std::move(name), graph_.Floats({}, {0}),
                                  graph_.Floats({}, {6})});
    case Activation::NONE:
      break;
  }
  return name;
}

Result<> Converter::ConvertOperator(const TfliteOperator& op) {
  switch (op.code) {
    case BuiltinOperator::ADD: {
      const auto* options = op.raw->builtin_options_as_AddOptions();
      return ConvertBinary(
          op, "Add",
          options == nullptr ? Activation::NONE : options->activation());
    }
    case BuiltinOperator::MUL: {
      const auto* options = op.raw->builtin_options_as_MulOptions();
      return ConvertBinary(
          op, "Mul",
          options == nullptr ? Activation::NONE : options->activation());
    }
    case BuiltinOperator::AVERAGE_POOL_2D:
      return ConvertPool(op, "AveragePool");
    case BuiltinOperator::MAX_POOL_2D:
      return ConvertPool(op, "MaxPool");
    case BuiltinOperator::CONCATENATION:
      return ConvertConcatenation(op);
    case BuiltinOperator::CONV_2D:
      return ConvertConv(op);
    case BuiltinOperator::DEPTHWISE_CONV_2D:
      return ConvertDepthwiseConv(op);
    case BuiltinOperator::DEPTH_TO_SPACE:
      return ConvertDepthToSpace(op);
    case BuiltinOperator::DENSIFY:
    case BuiltinOperator::DEQUANTIZE:
    case BuiltinOperator::QUANTIZE:
      return ConvertSame(op);
    case BuiltinOperator::FULLY_CONNECTED:
      return ConvertFullyConnected(op);
    case BuiltinOperator::LOGISTIC:
      return ConvertUnary(op, "Sigmoid");
    case BuiltinOperator::RELU:
      return ConvertUnary(op, "Relu");
    case BuiltinOperator::RELU6:
      return ConvertUnary(op, "Clip",
                          {graph_.Floats({}, {0}), graph_.Floats({}, {6})});
    case BuiltinOperator::PAD:
      return ConvertPad(op);
    case BuiltinOperator::PRELU:
      return ConvertPrelu(op);
    case BuiltinOperator::RESHAPE:
      return ConvertReshape(op);
    case BuiltinOperator::RESIZE_BILINEAR:
      return ConvertResize(op);
    case BuiltinOperator::SOFTMAX:
      return ConvertSoftmax(op);
    case BuiltinOperator::STRIDED_SLICE:
      return ConvertStridedSlice(op);
    case BuiltinOperator::CUSTOM:
      return ConvertCustom(op);
    default:
      return Unknown("operator is not known");
  }
}

// Numbers are real here, so that (de)quantising changes nothing. Constants are
// read through to where their values are.
Result<> Converter::ConvertSame(const TfliteOperator& op) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const int input = op.inputs[0];
  if (input == kNoTensor || !value(input).known()) {
    return Damaged("nothing makes its input");
  }
  if (shape(input) != shape(op.outputs[0])) return Damaged("changes the shape");
  value(op.outputs[0]) = value(input);
  return {};
}

Result<> Converter::ConvertConv(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_Conv2DOptions();
  if (options == nullptr) return Damaged("no options");
  const auto weights = Floats(op.inputs[1]);
  if (!weights) return weights.Failure();
  const Shape& ohwi = shape(op.inputs[1]);
  if (op.inputs[0] == kNoTensor || !IsPicture(op.inputs[0]) ||
      ohwi.size() != 4 || weights->empty()) {
    return Damaged("wrong shapes");
  }
  const std::int64_t channels = shape(op.inputs[0])[3];
  if (channels % ohwi[3] != 0) return Damaged("wrong channels");
  return AddConv(op,
                 {.padding = options->padding(),
                  .activation = options->activation(),
                  .stride_w = options->stride_w(),
                  .stride_h = options->stride_h(),
                  .dilation_w = options->dilation_w(),
                  .dilation_h = options->dilation_h()},
                 channels / ohwi[3], Permute(ohwi, kToNchw),
                 Permute(*weights, ohwi, kToNchw));
}

Result<> Converter::ConvertDepthwiseConv(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_DepthwiseConv2DOptions();
  if (options == nullptr) return Damaged("no options");
  const auto weights = Floats(op.inputs[1]);
  if (!weights) return weights.Failure();
  const Shape& ihwo = shape(op.inputs[1]);
  if (op.inputs[0] == kNoTensor || !IsPicture(op.inputs[0]) ||
      ihwo.size() != 4 || ihwo[0] != 1 || weights->empty()) {
    return Damaged("wrong shapes");
  }
  constexpr std::array<std::size_t, 4> kToOihw = {3, 0, 1, 2};
  return AddConv(op,
                 {.padding = options->padding(),
                  .activation = options->activation(),
                  .stride_w = options->stride_w(),
                  .stride_h = options->stride_h(),
                  .dilation_w = options->dilation_w(),
                  .dilation_h = options->dilation_h()},
                 shape(op.inputs[0])[3], Permute(ihwo, kToOihw),
                 Permute(*weights, ihwo, kToOihw));
}

// `weights` as ONNX wants them, of `shape` OIHW.
Result<> Converter::AddConv(const TfliteOperator& op,
                            const ConvOptions& options, std::int64_t group,
                            const Shape& oihw, std::span<const float> weights) {
  const Window down = {oihw[2], options.stride_h, options.dilation_h};
  const Window across = {oihw[3], options.stride_w, options.dilation_w};
  if (!down.IsSound() || !across.IsSound() || group < 1 ||
      oihw[0] % group != 0) {
    return Damaged("bad options");
  }
  const auto input = Nchw(op.inputs[0]);
  if (!input) return input.Failure();
  std::vector<std::string> inputs = {*input, graph_.Floats(oihw, weights)};
  if (op.inputs.size() > 2 && op.inputs[2] != kNoTensor) {
    const auto bias = Floats(op.inputs[2]);
    if (!bias) return bias.Failure();
    if (bias->size() != static_cast<std::size_t>(oihw[0])) {
      return Damaged("wrong bias");
    }
    inputs.push_back(graph_.Floats(Shape{oihw[0]}, *bias));
  }
  SetNchw(op.outputs[0],
          Activate(
              graph_.Node("Conv", std::move(inputs),
                          {{"kernel_shape", Shape{down.size, across.size}},
                           {"strides", Shape{down.stride, across.stride}},
                           {"dilations", Shape{down.dilation, across.dilation}},
                           {"pads", Pads(options.padding, shape(op.inputs[0]),
                                         down, across)},
                           {"group", group}}),
              options.activation));
  return {};
}

Result<> Converter::ConvertPool(const TfliteOperator& op,
                                std::string_view type) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_Pool2DOptions();
  if (options == nullptr) return Damaged("no options");
  const auto input = Nchw(op.inputs[0]);
  if (!input) return input.Failure();
  const Window down = {options->filter_h(), options->stride_h()};
  const Window across = {options->filter_w(), options->stride_w()};
  if (!down.IsSound() || !across.IsSound()) return Damaged("bad options");
  SetNchw(
      op.outputs[0],
      Activate(graph_.Node(type, {*input},
                           {{"kernel_shape", Shape{down.size, across.size}},
                            {"strides", Shape{down.stride, across.stride}},
                            {"pads", Pads(options->padding(),
                                          shape(op.inputs[0]), down, across)}}),
               options->activation()));
  return {};
}

Result<> Converter::ConvertFullyConnected(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_FullyConnectedOptions();
  if (options == nullptr) return Damaged("no options");
  if (options->weights_format() != 0) return Unknown("shuffled weights");
  const auto weights = Floats(op.inputs[1]);
  if (!weights) return weights.Failure();
  const Shape& size = shape(op.inputs[1]);  // Outputs, inputs.
  if (op.inputs[0] == kNoTensor || size.size() != 2 || size[1] == 0) {
    return Damaged("wrong shapes");
  }
  const TfliteTensor& from = tensor(op.inputs[0]);
  // Only one vector for each picture.
  if (from.rank() < 1 || from.elements() != from.shape[0] * size[1]) {
    return Unknown("of " + std::to_string(from.rank()) + " axes");
  }
  if (options->keep_num_dims() && from.rank() != 2) {
    return Unknown("that keeps axes");
  }
  const auto input = Plain(op.inputs[0]);
  if (!input) return input.Failure();
  std::vector<std::string> inputs = {
      from.rank() == 2
          ? *input
          : graph_.Node("Flatten", {*input}, {{"axis", std::int64_t{1}}}),
      graph_.Floats(size, *weights)};
  if (op.inputs.size() > 2 && op.inputs[2] != kNoTensor) {
    const auto bias = Floats(op.inputs[2]);
    if (!bias) return bias.Failure();
    if (bias->size() != static_cast<std::size_t>(size[0])) {
      return Damaged("wrong bias");
    }
    inputs.push_back(graph_.Floats(Shape{size[0]}, *bias));
  }
  // What the classifier sees describes the picture.
  if (from.rank() == 2) embedding_ = op.inputs[0];
  SetPlain(op.outputs[0], Activate(graph_.Node("Gemm", std::move(inputs),
                                               {{"transB", std::int64_t{1}}}),
                                   options->activation()));
  return {};
}

Result<> Converter::ConvertBinary(const TfliteOperator& op,
                                  std::string_view type,
                                  Activation activation) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  bool nchw = IsPicture(op.outputs[0]);
  for (const int input : {op.inputs[0], op.inputs[1]}) {
    if (input == kNoTensor) return Damaged("an input is left out");
    const bool constant = value(input).constant != kNoTensor;
    nchw = nchw && (constant ? tensor(input).rank() <= 4 : IsPicture(input));
  }
  nchw = nchw && (HasNchw(op.inputs[0]) || HasNchw(op.inputs[1]));
  std::vector<std::string> inputs;
  for (const int input : {op.inputs[0], op.inputs[1]}) {
    const auto name = !nchw                                ? Plain(input)
                      : value(input).constant != kNoTensor ? NchwConstant(input)
                                                           : Nchw(input);
    if (!name) return name.Failure();
    inputs.push_back(*name);
  }
  std::string output =
      Activate(graph_.Node(type, std::move(inputs)), activation);
  if (nchw) {
    SetNchw(op.outputs[0], std::move(output));
  } else {
    SetPlain(op.outputs[0], std::move(output));
  }
  return {};
}

Result<> Converter::ConvertUnary(const TfliteOperator& op,
                                 std::string_view type,
                                 std::vector<std::string> parameters) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const int from = op.inputs[0];
  const bool nchw = from != kNoTensor && HasNchw(from);
  const auto input = nchw ? Nchw(from) : Plain(from);
  if (!input) return input.Failure();
  parameters.insert(parameters.begin(), *input);
  std::string output = graph_.Node(type, std::move(parameters));
  if (nchw) {
    SetNchw(op.outputs[0], std::move(output));
  } else {
    SetPlain(op.outputs[0], std::move(output));
  }
  return {};
}

Result<> Converter::ConvertPrelu(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto input = Nchw(op.inputs[0]);
  if (!input) return input.Failure();
  const auto slope = Floats(op.inputs[1]);
  if (!slope) return slope.Failure();
  Shape hwc = shape(op.inputs[1]);
  if (hwc.size() > 3) return Unknown("with a slope for each picture");
  hwc.insert(hwc.begin(), 4 - hwc.size(), 1);
  Shape chw = Permute(hwc, kToNchw);
  chw.erase(chw.begin());
  SetNchw(
      op.outputs[0],
      graph_.Node("PRelu",
                  {*input, graph_.Floats(chw, Permute(*slope, hwc, kToNchw))}));
  return {};
}

Result<> Converter::ConvertPad(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto paddings = Integers(op.inputs[1]);
  if (!paddings) return paddings.Failure();
  const int from = op.inputs[0];
  if (from == kNoTensor || paddings->size() != 2 * tensor(from).rank() ||
      std::any_of(paddings->begin(), paddings->end(), [](std::int64_t size) {
        return size < 0 || size > Window::kMax;
      })) {
    return Damaged("bad paddings");
  }
  const bool nchw = HasNchw(from);
  const auto input = nchw ? Nchw(from) : Plain(from);
  if (!input) return input.Failure();
  Shape pads;
  for (const std::size_t end : {0U, 1U}) {
    for (std::size_t axis = 0; axis < tensor(from).rank(); ++axis) {
      pads.push_back((*paddings)[2 * (nchw ? kToNchw[axis] : axis) + end]);
    }
  }
  std::string output = graph_.Node("Pad", {*input, graph_.Integers(pads)});
  if (nchw) {
    SetNchw(op.outputs[0], std::move(output));
  } else {
    SetPlain(op.outputs[0], std::move(output));
  }
  return {};
}

Result<> Converter::ConvertReshape(const TfliteOperator& op) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const int from = op.inputs[0];
  if (from == kNoTensor ||
      tensor(from).elements() != tensor(op.outputs[0]).elements()) {
    return Damaged("changes the number of elements");
  }
  // A single pixel has the same memory in either order.
  const auto input = IsPixel(from) && HasNchw(from) ? Nchw(from) : Plain(from);
  if (!input) return input.Failure();
  SetPlain(
      op.outputs[0],
      graph_.Node("Reshape", {*input, graph_.Integers(shape(op.outputs[0]))}));
  return {};
}

Result<> Converter::ConvertConcatenation(const TfliteOperator& op) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_ConcatenationOptions();
  if (options == nullptr) return Damaged("no options");
  const auto rank = static_cast<std::int64_t>(tensor(op.outputs[0]).rank());
  std::int64_t axis = options->axis();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return Damaged("bad axis");
  bool nchw = rank == 4;
  for (const int input : op.inputs) {
    if (input == kNoTensor) return Damaged("an input is left out");
    nchw = nchw && HasNchw(input);
  }
  std::vector<std::string> inputs;
  for (const int input : op.inputs) {
    const auto name = nchw ? Nchw(input) : Plain(input);
    if (!name) return name.Failure();
    inputs.push_back(*name);
  }
  if (nchw) {
    axis = std::find(kToNchw.begin(), kToNchw.end(),
                     static_cast<std::size_t>(axis)) -
           kToNchw.begin();
  }
  std::string output =
      Activate(graph_.Node("Concat", std::move(inputs), {{"axis", axis}}),
               options->activation());
  if (nchw) {
    SetNchw(op.outputs[0], std::move(output));
  } else {
    SetPlain(op.outputs[0], std::move(output));
  }
  return {};
}

Result<> Converter::ConvertResize(const TfliteOperator& op) {
  if (auto sound = Expect(op, 2); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_ResizeBilinearOptions();
  if (options == nullptr) return Damaged("no options");
  const auto size = Integers(op.inputs[1]);
  if (!size) return size.Failure();
  const auto input = Nchw(op.inputs[0]);
  if (!input) return input.Failure();
  const Shape& from = shape(op.inputs[0]);
  if (size->size() != 2 || std::min((*size)[0], (*size)[1]) < 1 ||
      std::max((*size)[0], (*size)[1]) > Window::kMax ||
      std::min(from[1], from[2]) < 1) {
    return Damaged("bad size");
  }
  // By factors where they are whole, so that the size of the input is free.
  std::vector<std::string> inputs = {*input, ""};
  if ((*size)[0] % from[1] == 0 && (*size)[1] % from[2] == 0) {
    inputs.push_back(
        graph_.Floats({4}, {1, 1, static_cast<float>((*size)[0] / from[1]),
                            static_cast<float>((*size)[1] / from[2])}));
  } else {
    inputs.push_back("");
    inputs.push_back(
        graph_.Integers({from[0], from[3], (*size)[0], (*size)[1]}));
  }
  const std::string_view coordinates =
      options->align_corners()        ? "align_corners"
      : options->half_pixel_centers() ? "half_pixel"
                                      : "asymmetric";
  SetNchw(op.outputs[0],
          graph_.Node("Resize", std::move(inputs),
                      {{"mode", "linear"},
                       {"coordinate_transformation_mode", coordinates}}));
  return {};
}

Result<> Converter::ConvertDepthToSpace(const TfliteOperator& op) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_DepthToSpaceOptions();
  if (options == nullptr) return Damaged("no options");
  const auto input = Nchw(op.inputs[0]);
  if (!input) return input.Failure();
  const std::int64_t block = options->block_size();
  if (block < 1 || block > Window::kMax ||
      shape(op.inputs[0])[3] % (block * block) != 0) {
    return Damaged("bad block size");
  }
  SetNchw(op.outputs[0], graph_.Node("DepthToSpace", {*input},
                                     {{"blocksize", block}, {"mode", "DCR"}}));
  return {};
}

Result<> Converter::ConvertSoftmax(const TfliteOperator& op) {
  if (auto sound = Expect(op, 1); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_SoftmaxOptions();
  const auto input = Plain(op.inputs[0]);
  if (!input) return input.Failure();
  std::string logits = *input;
  if (options != nullptr && options->beta() != 1) {
    logits = graph_.Node("Mul", {logits, graph_.Floats({}, {options->beta()})});
  }
  SetPlain(op.outputs[0],
           graph_.Node("Softmax", {logits}, {{"axis", std::int64_t{-1}}}));
  return {};
}

Result<> Converter::ConvertStridedSlice(const TfliteOperator& op) {
  if (auto sound = Expect(op, 4); !sound) return sound;
  const auto* options = op.raw->builtin_options_as_StridedSliceOptions();
  if (options == nullptr) return Damaged("no options");
  if (options->ellipsis_mask() != 0 || options->new_axis_mask() != 0 ||
      options->shrink_axis_mask() != 0) {
    return Unknown("that changes the axes");
  }
  const int from = op.inputs[0];
  if (from == kNoTensor) return Damaged("an input is left out");
  std::array<std::vector<std::int64_t>, 3> limits;  // Begin, end, stride.
  for (std::size_t i = 0; i < limits.size(); ++i) {
    auto values = Integers(op.inputs[i + 1]);
    if (!values) return values.Failure();
    if (values->size() != tensor(from).rank()) return Damaged("wrong limits");
    limits[i] = *std::move(values);
  }
  Shape starts, ends, axes, steps;
  for (std::size_t i = 0; i < tensor(from).rank(); ++i) {
    const std::int64_t size = shape(from)[i];
    const std::int64_t step = limits[2][i];
    if (step < 1) return Unknown("that runs backwards");
    const bool from_start = (options->begin_mask() >> i & 1) != 0;
    const bool to_end = (options->end_mask() >> i & 1) != 0;
    std::int64_t start = from_start ? 0 : limits[0][i];
    std::int64_t end = to_end ? size : limits[1][i];
    if (start < 0) start += size;
    if (end < 0) end += size;
    if (start <= 0 && end >= size && step == 1) continue;
    starts.push_back(start);
    ends.push_back(end);
    axes.push_back(static_cast<std::int64_t>(i));
    steps.push_back(step);
  }
  if (axes.empty()) return ConvertSame(op);
  const auto input = Plain(from);
  if (!input) return input.Failure();
  SetPlain(op.outputs[0],
           graph_.Node("Slice",
                       {*input, graph_.Integers(starts), graph_.Integers(ends),
                        graph_.Integers(axes), graph_.Integers(steps)}));
  return {};
}

Result<> Converter::ConvertCustom(const TfliteOperator& op) {
  std::span<const std::uint8_t> options;
  if (const auto* bytes = op.raw->custom_options(); bytes != nullptr) {
    options = {bytes->data(), bytes->size()};
  }
  if (op.version != 2) {
    return Unknown("version " + std::to_string(op.version) + " is not known");
  }
  if (op.name == "Landmarks2TransformMatrix") {
    if (auto sound = Expect(op, 1); !sound) return sound;
    const auto landmarks = Plain(op.inputs[0]);
    if (!landmarks) return landmarks.Failure();
    const Shape& size = shape(op.inputs[0]);
    if (size.size() != 3 || size[2] != 3) return Damaged("wrong shape");
    auto matrix =
        LandmarksToTransformMatrix(options, size[1], *landmarks, graph_);
    if (!matrix) return matrix.Failure();
    SetPlain(op.outputs[0], *std::move(matrix));
    return {};
  }
  if (op.name == "TransformTensorBilinear" || op.name == "TransformLandmarks") {
    if (auto sound = Expect(op, 2); !sound) return sound;
    const auto matrix = Plain(op.inputs[1]);
    if (!matrix) return matrix.Failure();
    if (op.name == "TransformLandmarks") {
      const auto landmarks = Plain(op.inputs[0]);
      if (!landmarks) return landmarks.Failure();
      const Shape& size = shape(op.inputs[0]);
      if (size.size() != 3) return Damaged("wrong shape");
      auto moved =
          TransformLandmarks(options, size[2], *landmarks, *matrix, graph_);
      if (!moved) return moved.Failure();
      SetPlain(op.outputs[0], *std::move(moved));
      return {};
    }
    const auto features = Nchw(op.inputs[0]);
    if (!features) return features.Failure();
    const Shape& size = shape(op.inputs[0]);
    auto crop = TransformTensorBilinear(options, size[1], size[2], *features,
                                        *matrix, graph_);
    if (!crop) return crop.Failure();
    SetNchw(op.outputs[0], *std::move(crop));
    return {};
  }
  return Unknown("custom operator is not known");
}

}  // namespace

Result<std::string> TfliteToOnnx(std::span<const std::byte> tflite) {
  const auto model = TfliteModel::Parse(tflite);
  if (!model) return model.Failure();
  return Converter(*model).Convert();
}

}  // namespace ocelli
