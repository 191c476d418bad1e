#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "models/import.h"
#include "models/onnx_graph.h"
#include "models/onnx_picture.h"
#include "models/tfjs_model.h"

namespace ocelli {
namespace {

using nlohmann::json;
using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;

auto Damaged(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, what);
}

auto Unknown(const std::string& what) {
  return Fail(ErrorCode::kUnimplemented, what);
}

// Values of a layer's configuration. One that is missing or of another type is
// `otherwise`, Keras's default.
const json* Find(const TfjsLayer& layer, const char* key) {
  if (!layer.config.is_object()) return nullptr;
  const auto found = layer.config.find(key);
  return found == layer.config.end() ? nullptr : &*found;
}

std::string Word(const TfjsLayer& layer, const char* key,
                 const std::string& otherwise) {
  const json* value = Find(layer, key);
  return value && value->is_string() ? value->get<std::string>() : otherwise;
}

bool Truth(const TfjsLayer& layer, const char* key, bool otherwise) {
  const json* value = Find(layer, key);
  return value && value->is_boolean() ? value->get<bool>() : otherwise;
}

float Number(const TfjsLayer& layer, const char* key, float otherwise) {
  const json* value = Find(layer, key);
  return value && value->is_number() ? value->get<float>() : otherwise;
}

// From 0 to Window::kMax; -1 where it is none.
std::int64_t Size(const json& value) {
  if (!value.is_number_integer()) return -1;
  const auto size = value.get<std::int64_t>();
  return size > Window::kMax ? -1 : std::max<std::int64_t>(size, -1);
}

// One number for both axes or one for each.
Shape Pair(const TfjsLayer& layer, const char* key, Shape otherwise) {
  const json* value = Find(layer, key);
  if (!value || value->is_null()) return otherwise;
  if (!value->is_array()) return {Size(*value), Size(*value)};
  if (value->size() != 2) return {-1, -1};
  return {Size((*value)[0]), Size((*value)[1])};
}

// {top, left, bottom, right}: of a number, [rows, columns] or
// [[top, bottom], [left, right]]. -1 where it is none of these.
Shape Margins(const TfjsLayer& layer) {
  const json* value = Find(layer, "padding");
  if (!value) return {1, 1, 1, 1};
  const bool nested = value->is_array() && value->size() == 2 &&
                      (*value)[0].is_array() && (*value)[1].is_array();
  if (!nested) {
    const Shape pair = Pair(layer, "padding", {1, 1});
    return {pair[0], pair[1], pair[0], pair[1]};
  }
  const json& rows = (*value)[0];
  const json& columns = (*value)[1];
  if (rows.size() != 2 || columns.size() != 2) return {-1, -1, -1, -1};
  return {Size(rows[0]), Size(columns[0]), Size(rows[1]), Size(columns[1])};
}

// Turns the layers one by one; pictures are NCHW all the way.
class KerasConverter {
 public:
  explicit KerasConverter(const TfjsModel& model)
      : model_(model), values_(model.layers().size()) {}

  Result<std::string> Convert();

 private:
  struct Value {
    std::string name;
    Shape shape;  // Keras's: height, width, channels; or features.
    // Zeros around the picture that are in `shape` and not yet in the graph:
    // {top, left, bottom, right}.
    Shape margins = {0, 0, 0, 0};
    bool nonnegative = false;

    bool is_picture() const { return shape.size() == 3; }
    bool has_margins() const { return margins != Shape{0, 0, 0, 0}; }
  };
  // A batch normalisation, by channel.
  struct Affine {
    std::vector<float> scale;
    std::vector<float> shift;
  };

  const TfjsModel& model_;
  OnnxGraph graph_;
  std::vector<Value> values_;
  // Of convolutions, the layer that normalises their output and nothing else
  // reads it.
  std::map<std::size_t, std::size_t> normalized_by_;
  std::optional<std::size_t> embedding_;

  Result<Value> ConvertLayer(const TfjsLayer& layer);
  Result<Value> ConvertInput(const TfjsLayer& layer);
  Result<Value> ConvertSame(const TfjsLayer& layer);
  Result<Value> ConvertConv(const TfjsLayer& layer);
  Result<Value> ConvertDepthwiseConv(const TfjsLayer& layer);
  Result<Value> ConvertBatchNormalization(const TfjsLayer& layer);
  Result<Value> ConvertActivation(const TfjsLayer& layer);
  Result<Value> ConvertRelu(const TfjsLayer& layer);
  Result<Value> ConvertLeakyRelu(const TfjsLayer& layer);
  Result<Value> ConvertSoftmax(const TfjsLayer& layer);
  Result<Value> ConvertAdd(const TfjsLayer& layer);
  Result<Value> ConvertMultiply(const TfjsLayer& layer);
  Result<Value> ConvertConcatenate(const TfjsLayer& layer);
  Result<Value> ConvertZeroPadding(const TfjsLayer& layer);
  Result<Value> ConvertMaxPooling(const TfjsLayer& layer);
  Result<Value> ConvertAveragePooling(const TfjsLayer& layer);
  Result<Value> ConvertGlobalAveragePooling(const TfjsLayer& layer);
  Result<Value> ConvertGlobalMaxPooling(const TfjsLayer& layer);
  Result<Value> ConvertFlatten(const TfjsLayer& layer);
  Result<Value> ConvertDense(const TfjsLayer& layer);

  void FindNormalizations();
  std::size_t IndexOf(const TfjsLayer& layer) const {
    return static_cast<std::size_t>(&layer - model_.layers().data());
  }
  // The only input; of pictures with or without their margins in the graph.
  Result<Value> OneInput(const TfjsLayer& layer) const;
  Result<Value> Picture(const TfjsLayer& layer) const;
  Value WithMargins(Value value);
  Result<Value> Activate(Value value, const std::string& activation);
  Result<Affine> ReadAffine(const TfjsLayer& layer, std::int64_t channels);
  Result<Value> AddConv(const TfjsLayer& layer, Value input, Shape oihw,
                        std::vector<float> weights, std::int64_t group);
  Result<Value> AddPool(const TfjsLayer& layer, const char* type, Value input);
  Result<Value> AddGlobalPool(const TfjsLayer& layer, const char* type);
  Result<Value> AddElementwise(const TfjsLayer& layer, const char* type);
  // Of a kernel over a picture; fills in the padding to give it.
  Result<Shape> Slide(const TfjsLayer& layer, const Value& input,
                      const Window& down, const Window& across, Shape& pads);
  Result<> AddOutput(const std::string& name, Value value);
};

Result<std::string> KerasConverter::Convert() {
  FindNormalizations();
  for (const TfjsLayer& layer : model_.layers()) {
    const std::string doing = layer.type + " " + layer.name;
    if (Word(layer, "data_format", "channels_last") != "channels_last") {
      return Unknown(doing + ": channels first");
    }
    auto value = ConvertLayer(layer);
    if (!value) return value.Failure(doing);
    std::int64_t elements = 1;
    for (const std::int64_t size : value->shape) {
      if (size < 1 || size > kMaxElements / elements) {
        return Damaged(doing + ": wrong size");
      }
      elements *= size;
    }
    values_[IndexOf(layer)] = *std::move(value);
  }
  const std::size_t output = model_.output();
  const std::string& name = model_.layers()[output].name;
  auto added = AddOutput(name, values_[output]);
  if (!embedding_ && values_[output].shape.size() == 1) embedding_ = output;
  if (added && embedding_ && name != "embedding") {
    added = AddOutput("embedding", values_[*embedding_]);
  }
  if (!added) return added.Failure();
  return graph_.Serialize();
}

Result<> KerasConverter::AddOutput(const std::string& name, Value value) {
  if (name.empty() || name.starts_with('#') || name == "images") {
    return Damaged("bad output " + name);
  }
  value = WithMargins(std::move(value));
  Shape shape = value.shape;
  shape.insert(shape.begin(), 1);
  if (value.is_picture()) {
    value.name = graph_.Node("Transpose", {value.name},
                             {{"perm", Shape(kToNhwc.begin(), kToNhwc.end())}});
  }
  graph_.AddOutput(name, value.name, shape);
  return {};
}

void KerasConverter::FindNormalizations() {
  std::vector<int> readers(model_.layers().size());
  for (const TfjsLayer& layer : model_.layers()) {
    for (const std::size_t input : layer.inputs) ++readers[input];
  }
  for (const TfjsLayer& layer : model_.layers()) {
    if (layer.type != "BatchNormalization" || layer.inputs.size() != 1) {
      continue;
    }
    const TfjsLayer& conv = model_.layers()[layer.inputs[0]];
    const std::size_t index = layer.inputs[0];
    if ((conv.type == "Conv2D" || conv.type == "DepthwiseConv2D") &&
        Word(conv, "activation", "linear") == "linear" && readers[index] == 1 &&
        index != model_.output()) {
      normalized_by_[index] = IndexOf(layer);
    }
  }
}

Result<KerasConverter::Value> KerasConverter::ConvertLayer(
    const TfjsLayer& layer) {
  using Rule = Result<Value> (KerasConverter::*)(const TfjsLayer&);
  static const std::map<std::string_view, Rule> rules = {
      {"Activation", &KerasConverter::ConvertActivation},
      {"Add", &KerasConverter::ConvertAdd},
      {"AveragePooling2D", &KerasConverter::ConvertAveragePooling},
      {"BatchNormalization", &KerasConverter::ConvertBatchNormalization},
      {"Concatenate", &KerasConverter::ConvertConcatenate},
      {"Conv2D", &KerasConverter::ConvertConv},
      {"Dense", &KerasConverter::ConvertDense},
      {"DepthwiseConv2D", &KerasConverter::ConvertDepthwiseConv},
      {"Dropout", &KerasConverter::ConvertSame},
      {"Flatten", &KerasConverter::ConvertFlatten},
      {"GlobalAveragePooling2D", &KerasConverter::ConvertGlobalAveragePooling},
      {"GlobalMaxPooling2D", &KerasConverter::ConvertGlobalMaxPooling},
      {"LeakyReLU", &KerasConverter::ConvertLeakyRelu},
      {"MaxPooling2D", &KerasConverter::ConvertMaxPooling},
      {"Multiply", &KerasConverter::ConvertMultiply},
      {"ReLU", &KerasConverter::ConvertRelu},
      {"Softmax", &KerasConverter::ConvertSoftmax},
      {"ZeroPadding2D", &KerasConverter::ConvertZeroPadding},
  };
  // The first layer of a row may state the input itself.
  if (layer.inputs.empty()) {
    auto input = ConvertInput(layer);
    if (!input || layer.type == "InputLayer") return input;
    values_[IndexOf(layer)] = *std::move(input);
  }
  const auto rule = rules.find(layer.type);
  if (rule == rules.end()) return Unknown("layer is not known");
  return (this->*rule->second)(layer);
}

Result<KerasConverter::Value> KerasConverter::ConvertInput(const TfjsLayer&) {
  const Shape& shape = model_.input_shape();
  if (shape.size() != 3) return Unknown("an input that is no picture");
  graph_.AddInput("images", Shape{1, shape[2], shape[0], shape[1]});
  return Value{.name = "images", .shape = shape};
}

Result<KerasConverter::Value> KerasConverter::OneInput(
    const TfjsLayer& layer) const {
  if (layer.inputs.size() > 1) return Damaged("more than one input");
  return values_[layer.inputs.empty() ? IndexOf(layer) : layer.inputs[0]];
}

Result<KerasConverter::Value> KerasConverter::Picture(
    const TfjsLayer& layer) const {
  auto input = OneInput(layer);
  if (input && !input->is_picture()) return Damaged("its input is no picture");
  return input;
}

KerasConverter::Value KerasConverter::WithMargins(Value value) {
  if (!value.has_margins()) return value;
  const Shape& margins = value.margins;
  value.name = graph_.Node(
      "Pad", {value.name, graph_.Integers({0, 0, margins[0], margins[1], 0, 0,
                                           margins[2], margins[3]})});
  value.margins = {0, 0, 0, 0};
  return value;
}

Result<KerasConverter::Value> KerasConverter::Activate(
    Value value, const std::string& activation) {
  static const std::map<std::string, const char*> plain = {
      {"relu", "Relu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
  if (activation == "linear") return value;
  value = WithMargins(std::move(value));
  value.nonnegative = activation.starts_with("relu") ||
                      activation == "sigmoid" || activation == "softmax";
  if (const auto type = plain.find(activation); type != plain.end()) {
    value.name = graph_.Node(type->second, {value.name});
  } else if (activation == "relu6") {
    value.name = graph_.Node(
        "Clip", {value.name, graph_.Floats({}, {0}), graph_.Floats({}, {6})});
  } else if (activation == "softmax") {
    // Over the channels: the second axis, as it is for features.
    value.name =
        graph_.Node("Softmax", {value.name}, {{"axis", std::int64_t{1}}});
  } else if (activation == "swish" || activation == "silu") {
    value.name =
        graph_.Node("Mul", {value.name, graph_.Node("Sigmoid", {value.name})});
  } else {
    return Unknown("activation " + activation + " is not known");
  }
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertSame(
    const TfjsLayer& layer) {
  return OneInput(layer);
}

Result<KerasConverter::Value> KerasConverter::ConvertActivation(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input) return input;
  return Activate(*std::move(input), Word(layer, "activation", ""));
}

Result<KerasConverter::Value> KerasConverter::ConvertRelu(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input) return input;
  if (Number(layer, "negative_slope", 0) != 0 ||
      Number(layer, "threshold", 0) != 0) {
    return Unknown("with a slope or threshold");
  }
  const json* limit = Find(layer, "max_value");
  if (!limit || limit->is_null()) return Activate(*std::move(input), "relu");
  Value value = WithMargins(*std::move(input));
  value.name =
      graph_.Node("Clip", {value.name, graph_.Floats({}, {0}),
                           graph_.Floats({}, {Number(layer, "max_value", 6)})});
  value.nonnegative = true;
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertLeakyRelu(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input) return input;
  Value value = WithMargins(*std::move(input));
  value.name = graph_.Node("LeakyRelu", {value.name},
                           {{"alpha", Number(layer, "alpha", 0.3F)}});
  value.nonnegative = false;
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertSoftmax(
    const TfjsLayer& layer) {
  if (Find(layer, "axis") && *Find(layer, "axis") != -1) {
    return Unknown("over another axis than the last");
  }
  auto input = OneInput(layer);
  if (!input) return input;
  return Activate(*std::move(input), "softmax");
}

// gamma (x - mean) / sqrt(variance + epsilon) + beta, as Keras has it.
Result<KerasConverter::Affine> KerasConverter::ReadAffine(
    const TfjsLayer& layer, std::int64_t channels) {
  const Shape shape = {channels};
  const auto mean = model_.Weights(layer, "moving_mean", shape);
  if (!mean) return mean.Failure();
  const auto variance = model_.Weights(layer, "moving_variance", shape);
  if (!variance) return variance.Failure();
  Result<std::vector<float>> gamma = std::vector<float>(mean->size(), 1.0F);
  if (Truth(layer, "scale", true)) {
    gamma = model_.Weights(layer, "gamma", shape);
  }
  if (!gamma) return gamma.Failure();
  Result<std::vector<float>> beta = std::vector<float>(mean->size());
  if (Truth(layer, "center", true)) beta = model_.Weights(layer, "beta", shape);
  if (!beta) return beta.Failure();
  const double epsilon = Number(layer, "epsilon", 1e-3F);
  Affine affine;
  for (std::size_t i = 0; i < mean->size(); ++i) {
    const double scale = (*gamma)[i] / std::sqrt((*variance)[i] + epsilon);
    const double shift = (*beta)[i] - (*mean)[i] * scale;
    if (!std::isfinite(scale) || !std::isfinite(shift)) {
      return Damaged("weights that are no numbers");
    }
    affine.scale.push_back(static_cast<float>(scale));
    affine.shift.push_back(static_cast<float>(shift));
  }
  return affine;
}

Result<KerasConverter::Value> KerasConverter::ConvertBatchNormalization(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input) return input;
  const json* axis = Find(layer, "axis");
  if (axis && axis->is_array() && axis->size() == 1) axis = &(*axis)[0];
  if (axis && *axis != -1 &&
      *axis != static_cast<std::int64_t>(input->shape.size())) {
    return Unknown("over another axis than the last");
  }
  if (!layer.inputs.empty() && normalized_by_.contains(layer.inputs[0])) {
    return input;
  }
  const std::int64_t channels = input->shape.back();
  const auto affine = ReadAffine(layer, channels);
  if (!affine) return affine.Failure();
  Value value = WithMargins(*std::move(input));
  const Shape shape =
      value.is_picture() ? Shape{1, channels, 1, 1} : Shape{1, channels};
  value.name =
      graph_.Node("Mul", {value.name, graph_.Floats(shape, affine->scale)});
  value.name =
      graph_.Node("Add", {value.name, graph_.Floats(shape, affine->shift)});
  value.nonnegative = false;
  return value;
}

Result<Shape> KerasConverter::Slide(const TfjsLayer& layer, const Value& input,
                                    const Window& down, const Window& across,
                                    Shape& pads) {
  const std::string padding = Word(layer, "padding", "valid");
  if (!down.IsSound() || !across.IsSound()) return Damaged("bad options");
  if (padding == "same") {
    const std::int64_t y = down.SamePadding(input.shape[0]);
    const std::int64_t x = across.SamePadding(input.shape[1]);
    pads = {y / 2, x / 2, y - y / 2, x - x / 2};
  } else if (padding != "valid") {
    return Unknown("padding " + padding + " is not known");
  }
  // 0 or less where the kernel is larger than the picture.
  const auto steps = [](std::int64_t size, const Window& window) {
    const std::int64_t room = size - (window.size - 1) * window.dilation - 1;
    return room < 0 ? 0 : room / window.stride + 1;
  };
  const bool same = padding == "same";
  return Shape{steps(input.shape[0] + (same ? pads[0] + pads[2] : 0), down),
               steps(input.shape[1] + (same ? pads[1] + pads[3] : 0), across)};
}

Result<KerasConverter::Value> KerasConverter::ConvertConv(
    const TfjsLayer& layer) {
  auto input = Picture(layer);
  if (!input) return input;
  const Shape kernel = Pair(layer, "kernel_size", {-1, -1});
  const json* filters = Find(layer, "filters");
  const json* groups = Find(layer, "groups");
  const std::int64_t group = groups ? Size(*groups) : 1;
  const std::int64_t channels = input->shape[2];
  if (!filters || Size(*filters) < 1 || group < 1 || channels % group != 0 ||
      Size(*filters) % group != 0) {
    return Damaged("bad options");
  }
  const Shape hwio = {kernel[0], kernel[1], channels / group, Size(*filters)};
  const auto weights = model_.Weights(layer, "kernel", hwio);
  if (!weights) return weights.Failure();
  constexpr std::array<std::size_t, 4> kToOihw = {3, 2, 0, 1};
  return AddConv(layer, *std::move(input), Permute(hwio, kToOihw),
                 Permute(*weights, hwio, kToOihw), group);
}

Result<KerasConverter::Value> KerasConverter::ConvertDepthwiseConv(
    const TfjsLayer& layer) {
  auto input = Picture(layer);
  if (!input) return input;
  const Shape kernel = Pair(layer, "kernel_size", {-1, -1});
  const json* multiplier = Find(layer, "depth_multiplier");
  const std::int64_t times = multiplier ? Size(*multiplier) : 1;
  const std::int64_t channels = input->shape[2];
  const Shape hwio = {kernel[0], kernel[1], channels, times};
  const auto weights = model_.Weights(layer, "depthwise_kernel", hwio);
  if (!weights) return weights.Failure();
  if (times < 1) return Damaged("bad options");
  return AddConv(layer, *std::move(input),
                 {channels * times, 1, kernel[0], kernel[1]},
                 Permute(*weights, hwio, {2, 3, 0, 1}), channels);
}

Result<KerasConverter::Value> KerasConverter::AddConv(
    const TfjsLayer& layer, Value input, Shape oihw, std::vector<float> weights,
    std::int64_t group) {
  const Shape strides = Pair(layer, "strides", {1, 1});
  const Shape dilations = Pair(layer, "dilation_rate", {1, 1});
  // Zeros around the picture become those of the convolution.
  const bool same = Word(layer, "padding", "valid") == "same";
  if (same) input = WithMargins(std::move(input));
  Shape pads = input.margins;
  const auto size = Slide(layer, input, {oihw[2], strides[0], dilations[0]},
                          {oihw[3], strides[1], dilations[1]}, pads);
  if (!size) return size.Failure();

  Result<std::vector<float>> bias =
      std::vector<float>(static_cast<std::size_t>(oihw[0]));
  if (Truth(layer, "use_bias", true)) {
    bias = model_.Weights(layer, "bias", Shape{oihw[0]});
  }
  if (!bias) return bias.Failure();
  if (const auto next = normalized_by_.find(IndexOf(layer));
      next != normalized_by_.end()) {
    const auto affine = ReadAffine(model_.layers()[next->second], oihw[0]);
    if (!affine) return affine.Failure();
    const std::size_t each = weights.size() / bias->size();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] *= affine->scale[i / each];
    }
    for (std::size_t i = 0; i < bias->size(); ++i) {
      (*bias)[i] = (*bias)[i] * affine->scale[i] + affine->shift[i];
    }
  }
  Value value;
  value.shape = {(*size)[0], (*size)[1], oihw[0]};
  value.name = graph_.Node("Conv",
                           {input.name, graph_.Floats(oihw, weights),
                            graph_.Floats(Shape{oihw[0]}, *bias)},
                           {{"kernel_shape", Shape{oihw[2], oihw[3]}},
                            {"strides", strides},
                            {"dilations", dilations},
                            {"pads", pads},
                            {"group", group}});
  return Activate(std::move(value), Word(layer, "activation", "linear"));
}

Result<KerasConverter::Value> KerasConverter::ConvertMaxPooling(
    const TfjsLayer& layer) {
  auto input = Picture(layer);
  if (!input) return input;
  const Shape pool = Pair(layer, "pool_size", {2, 2});
  const Shape& margins = input->margins;
  // A maximum with zeros is one without where nothing is negative. (A Pad
  // would not help: ONNX Runtime joins it to the pool as if that were always
  // so.)
  if (input->has_margins() &&
      (!input->nonnegative || std::max(margins[0], margins[2]) >= pool[0] ||
       std::max(margins[1], margins[3]) >= pool[1] ||
       Word(layer, "padding", "valid") != "valid")) {
    return Unknown("of zeros around what may be negative");
  }
  return AddPool(layer, "MaxPool", *std::move(input));
}

Result<KerasConverter::Value> KerasConverter::ConvertAveragePooling(
    const TfjsLayer& layer) {
  auto input = Picture(layer);
  if (!input) return input;
  return AddPool(layer, "AveragePool", WithMargins(*std::move(input)));
}

Result<KerasConverter::Value> KerasConverter::AddPool(const TfjsLayer& layer,
                                                      const char* type,
                                                      Value input) {
  const Shape pool = Pair(layer, "pool_size", {2, 2});
  const Shape strides = Pair(layer, "strides", pool);
  Shape pads = input.margins;
  const auto size =
      Slide(layer, input, {pool[0], strides[0]}, {pool[1], strides[1]}, pads);
  if (!size) return size.Failure();
  input.shape = {(*size)[0], (*size)[1], input.shape[2]};
  input.margins = {0, 0, 0, 0};
  input.name = graph_.Node(
      type, {input.name},
      {{"kernel_shape", pool}, {"strides", strides}, {"pads", pads}});
  return input;
}

Result<KerasConverter::Value> KerasConverter::AddGlobalPool(
    const TfjsLayer& layer, const char* type) {
  auto input = Picture(layer);
  if (!input) return input;
  Value value = WithMargins(*std::move(input));
  value.name = graph_.Node(type, {value.name});
  const std::int64_t channels = value.shape[2];
  value.shape = {1, 1, channels};
  if (Truth(layer, "keepdims", false)) return value;
  value.name =
      graph_.Node("Flatten", {value.name}, {{"axis", std::int64_t{1}}});
  value.shape = {channels};
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertGlobalAveragePooling(
    const TfjsLayer& layer) {
  return AddGlobalPool(layer, "GlobalAveragePool");
}

Result<KerasConverter::Value> KerasConverter::ConvertGlobalMaxPooling(
    const TfjsLayer& layer) {
  return AddGlobalPool(layer, "GlobalMaxPool");
}

Result<KerasConverter::Value> KerasConverter::ConvertZeroPadding(
    const TfjsLayer& layer) {
  auto input = Picture(layer);
  if (!input) return input;
  const Shape margins = Margins(layer);
  if (std::count(margins.begin(), margins.end(), -1) != 0) {
    return Damaged("bad padding");
  }
  Value value = WithMargins(*std::move(input));
  value.shape[0] += margins[0] + margins[2];
  value.shape[1] += margins[1] + margins[3];
  value.margins = margins;
  return value;
}

Result<KerasConverter::Value> KerasConverter::AddElementwise(
    const TfjsLayer& layer, const char* type) {
  if (layer.inputs.size() < 2) return Damaged("fewer than two inputs");
  Value value = WithMargins(values_[layer.inputs[0]]);
  for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
    const Value other = WithMargins(values_[layer.inputs[i]]);
    // One of them may be a single pixel, as where channels are weighed.
    const auto broadcasts = [](const Shape& from, const Shape& to) {
      return from == to || (from.size() == 3 && to.size() == 3 &&
                            from[0] == 1 && from[1] == 1 && from[2] == to[2]);
    };
    if (!broadcasts(value.shape, other.shape) &&
        !broadcasts(other.shape, value.shape)) {
      return Unknown("of different shapes");
    }
    if (broadcasts(value.shape, other.shape)) value.shape = other.shape;
    value.name = graph_.Node(type, {value.name, other.name});
    value.nonnegative = value.nonnegative && other.nonnegative;
  }
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertAdd(
    const TfjsLayer& layer) {
  return AddElementwise(layer, "Add");
}

Result<KerasConverter::Value> KerasConverter::ConvertMultiply(
    const TfjsLayer& layer) {
  return AddElementwise(layer, "Mul");
}

Result<KerasConverter::Value> KerasConverter::ConvertConcatenate(
    const TfjsLayer& layer) {
  if (layer.inputs.size() < 2) return Damaged("fewer than two inputs");
  Value all;
  std::vector<std::string> names;
  for (const std::size_t index : layer.inputs) {
    const Value input = WithMargins(values_[index]);
    names.push_back(input.name);
    if (names.size() == 1) {
      all = input;
      continue;
    }
    const std::int64_t channels = all.shape.back() + input.shape.back();
    all.shape.back() = input.shape.back();
    if (all.shape != input.shape) return Damaged("of different shapes");
    all.shape.back() = channels;
    all.nonnegative = all.nonnegative && input.nonnegative;
  }
  const json* axis = Find(layer, "axis");
  if (axis && *axis != -1 &&
      *axis != static_cast<std::int64_t>(all.shape.size())) {
    return Unknown("over another axis than the last");
  }
  all.name =
      graph_.Node("Concat", std::move(names), {{"axis", std::int64_t{1}}});
  return all;
}

Result<KerasConverter::Value> KerasConverter::ConvertFlatten(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input || !input->is_picture()) return input;
  Value value = WithMargins(*std::move(input));
  const Shape& shape = value.shape;
  if (shape[0] != 1 || shape[1] != 1) {
    value.name = graph_.Node("Transpose", {value.name},
                             {{"perm", Shape(kToNhwc.begin(), kToNhwc.end())}});
  }
  value.name =
      graph_.Node("Flatten", {value.name}, {{"axis", std::int64_t{1}}});
  value.shape = {shape[0] * shape[1] * shape[2]};
  return value;
}

Result<KerasConverter::Value> KerasConverter::ConvertDense(
    const TfjsLayer& layer) {
  auto input = OneInput(layer);
  if (!input) return input;
  if (input->shape.size() != 1) return Unknown("of a picture");
  const json* units = Find(layer, "units");
  const Shape size = {input->shape[0], units ? Size(*units) : -1};
  const auto weights = model_.Weights(layer, "kernel", size);
  if (!weights) return weights.Failure();
  std::vector<std::string> inputs = {input->name,
                                     graph_.Floats(size, *weights)};
  if (Truth(layer, "use_bias", true)) {
    const auto bias = model_.Weights(layer, "bias", Shape{size[1]});
    if (!bias) return bias.Failure();
    inputs.push_back(graph_.Floats(Shape{size[1]}, *bias));
  }
  // What the classifier sees describes the picture.
  if (!layer.inputs.empty()) embedding_ = layer.inputs[0];
  Value value;
  value.name = graph_.Node("Gemm", std::move(inputs));
  value.shape = {size[1]};
  return Activate(std::move(value), Word(layer, "activation", "linear"));
}

}  // namespace

Result<std::string> TfjsToOnnx(std::span<const std::byte> files) {
  const auto model = TfjsModel::Parse(files);
  if (!model) return model.Failure();
  return KerasConverter(*model).Convert();
}

}  // namespace ocelli
