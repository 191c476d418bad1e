#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "models/import.h"
#include "models/onnx_axes.h"
#include "models/onnx_blocks.h"
#include "models/onnx_constants.h"
#include "models/onnx_graph.h"

namespace ocelli {
namespace {

using Kind = OnnxAxis::Kind;

auto Damaged(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, "bad ONNX model: " + what);
}

Result<> Check(const onnx::ModelProto& model) {
  if (!model.has_graph() || model.graph().node_size() == 0 ||
      model.graph().output_size() == 0) {
    return Damaged("no graph");
  }
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
      return Fail(ErrorCode::kUnimplemented,
                  "ONNX model with weights in another file: " + tensor.name());
    }
  }
  return {};
}

// Constant nodes become initializers, which the other steps look at.
void HoistConstants(onnx::GraphProto& graph) {
  auto& nodes = *graph.mutable_node();
  const auto kept = std::remove_if(
      nodes.begin(), nodes.end(), [&](const onnx::NodeProto& node) {
        const auto* value = FindAttribute(node, "value");
        if (node.op_type() != "Constant" || node.output_size() != 1 ||
            value == nullptr || !value->has_t()) {
          return false;
        }
        onnx::TensorProto& tensor = *graph.add_initializer();
        tensor = value->t();
        tensor.set_name(node.output(0));
        return true;
      });
  nodes.erase(kept, nodes.end());
}

// An initializer that is an input too could be replaced at run time, so that
// ONNX Runtime would not fold it.
void HideInitializers(onnx::GraphProto& graph) {
  std::set<std::string> constants;
  for (const auto& tensor : graph.initializer())
    constants.insert(tensor.name());
  auto& inputs = *graph.mutable_input();
  inputs.erase(std::remove_if(inputs.begin(), inputs.end(),
                              [&](const onnx::ValueInfoProto& input) {
                                return constants.contains(input.name());
                              }),
               inputs.end());
}

// What may be free about the inputs.
enum class Freedom { kNone, kBatch, kBatchAndSize };

// A picture has few channels, first or last.
constexpr std::int64_t kMaxChannels = 4;

OnnxAxes InputAxes(const onnx::ValueInfoProto& input, Freedom freedom) {
  OnnxAxes axes = DeclaredAxes(input);
  if (freedom == Freedom::kNone || axes.empty()) return axes;
  // A size of 0 is one that is free already.
  if (axes[0].size <= 1) axes[0] = {.kind = Kind::kBatch};
  if (freedom == Freedom::kBatch || axes.size() != 4) return axes;
  const auto is_color = [&](std::size_t i) {
    return axes[i].size >= 1 && axes[i].size <= kMaxChannels;
  };
  if (!is_color(1) && !is_color(3)) return axes;
  const std::size_t row = is_color(3) ? 1 : 2;
  axes[row] = {.kind = Kind::kHeight};
  axes[row + 1] = {.kind = Kind::kWidth};
  return axes;
}

OnnxAxesMap Trace(const onnx::GraphProto& graph, Freedom freedom) {
  std::map<std::string, OnnxAxes> inputs;
  for (const onnx::ValueInfoProto& input : graph.input()) {
    inputs[input.name()] = InputAxes(input, freedom);
  }
  return TraceAxes(graph, std::move(inputs));
}

// PRelu branches on each number and keeps its neighbours out of the blocked
// memory layout. The same from depthwise 1x1 convolutions, which do neither:
// PRelu(x) = Relu((1 - a) x) + a x, or (1 - a) Relu(x) + a x where any a > 1.
class PReluRewriter {
 public:
  explicit PReluRewriter(onnx::GraphProto& graph)
      : graph_(graph), axes_(Trace(graph, Freedom::kNone)) {
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      constants_[tensor.name()] = &tensor;
    }
  }

  void Rewrite() {
    google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes;
    nodes.Swap(graph_.mutable_node());
    for (onnx::NodeProto& node : nodes) {
      if (node.op_type() != "PRelu" || !Replace(node)) {
        *graph_.add_node() = std::move(node);
      }
    }
  }

 private:
  onnx::GraphProto& graph_;
  OnnxAxesMap axes_;
  std::map<std::string, const onnx::TensorProto*> constants_;

  bool Replace(const onnx::NodeProto& node) {
    if (node.input_size() != 2 || node.output_size() != 1) return false;
    const auto input = axes_.values.find(node.input(0));
    const auto slope = constants_.find(node.input(1));
    if (input == axes_.values.end() || input->second.size() != 4 ||
        slope == constants_.end()) {
      return false;
    }
    const auto values = ReadFloats(*slope->second);
    if (!values || !IsByChannel(*slope->second)) return false;
    const std::string& x = node.input(0);
    const std::string& y = node.output(0);
    std::vector<float> rest = *values;
    for (float& a : rest) a = 1 - a;
    const bool relu_first = std::any_of(values->begin(), values->end(),
                                        [](float a) { return !(a <= 1); });
    if (relu_first) {
      AddNode("Relu", {x}, y + "/relu");
      AddScale(y + "/relu", rest, y + "/positive");
    } else {
      AddScale(x, rest, y + "/rest");
      AddNode("Relu", {y + "/rest"}, y + "/positive");
    }
    AddScale(x, *values, y + "/linear");
    AddNode("Add", {y + "/positive", y + "/linear"}, y);
    return true;
  }

  // Of shape [C,1,1] or [1,C,1,1], with several channels.
  static bool IsByChannel(const onnx::TensorProto& slope) {
    const auto& dims = slope.dims();
    const int channel = dims.size() - 3;
    return (dims.size() == 3 || (dims.size() == 4 && dims[0] == 1)) &&
           dims[channel] > 1 && dims[channel + 1] == 1 &&
           dims[channel + 2] == 1;
  }

  onnx::NodeProto& AddNode(const std::string& type,
                           const std::vector<std::string>& inputs,
                           const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    node.set_name(output);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  // output = factor of the channel * input.
  void AddScale(const std::string& input, const std::vector<float>& factors,
                const std::string& output) {
    const auto channels = static_cast<std::int64_t>(factors.size());
    onnx::TensorProto& weights = *graph_.add_initializer();
    weights.set_name(output + "/weights");
    const std::int64_t shape[] = {channels, 1, 1, 1};
    FillFloats(shape, factors, weights);
    onnx::NodeProto& node =
        AddNode("Conv", {input, output + "/weights"}, output);
    onnx::AttributeProto& group = *node.add_attribute();
    group.set_name("group");
    group.set_type(onnx::AttributeProto::INT);
    group.set_i(channels);
    onnx::AttributeProto& kernel = *node.add_attribute();
    kernel.set_name("kernel_shape");
    kernel.set_type(onnx::AttributeProto::INTS);
    kernel.add_ints(1);
    kernel.add_ints(1);
  }
};

// Sizes that are equal have equal names; "height/4" is a quarter.
std::string FreeName(const OnnxAxis& axis) {
  if (axis.kind == Kind::kBatch) return "batch";
  if (axis.kind == Kind::kCells) return "cells";
  std::string name = axis.kind == Kind::kHeight ? "height" : "width";
  if (axis.times != 1) name += "*" + std::to_string(axis.times);
  if (axis.parts != 1) name += "/" + std::to_string(axis.parts);
  if (axis.size != 0) name += "+" + std::to_string(axis.size);
  return name;
}

void Declare(const OnnxAxes& axes, onnx::ValueInfoProto& info) {
  auto& shape = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].kind == Kind::kFixed) continue;
    auto& size = *shape.mutable_dim(static_cast<int>(i));
    // A name that the model gave may tie this axis to another.
    if (size.has_dim_value() || !size.has_dim_param()) {
      size.set_dim_param(FreeName(axes[i]));
    }
  }
}

// Tells ONNX Runtime which pictures inside the graph have the same size: its
// own inference gives up at strides, and then it can't join additions to
// convolutions.
void DeclarePictures(const OnnxAxesMap& traced, onnx::GraphProto& graph) {
  for (const onnx::ValueInfoProto& input : graph.input()) {
    if (input.type().tensor_type().elem_type() != onnx::TensorProto::FLOAT) {
      return;
    }
  }
  for (const onnx::NodeProto& node : graph.node()) {
    static const std::set<std::string> kFloatOps = {
        "Add", "Clip", "Concat", "Conv", "MaxPool", "Pad", "Relu", "Resize"};
    const auto axes =
        node.output_size() == 1 && kFloatOps.contains(node.op_type())
            ? traced.values.find(node.output(0))
            : traced.values.end();
    if (axes == traced.values.end() || axes->second.size() != 4 ||
        axes->second[2].kind != Kind::kHeight ||
        axes->second[3].kind != Kind::kWidth) {
      continue;
    }
    onnx::ValueInfoProto& info = *graph.add_value_info();
    info.set_name(node.output(0));
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const OnnxAxis& axis : axes->second) {
      auto& size = *type.mutable_shape()->add_dim();
      if (axis.kind != Kind::kFixed) {
        size.set_dim_param(FreeName(axis));
      } else if (axis.size != 0) {
        size.set_dim_value(axis.size);
      }
    }
  }
}

// Frees what `freedom` says if every output can follow. A graph that ends in
// maps is taken to be made for one size: such are the meshes, whose map is a
// single pixel.
bool Free(onnx::GraphProto& graph, Freedom freedom) {
  const OnnxAxesMap traced = Trace(graph, freedom);
  for (const onnx::ValueInfoProto& output : graph.output()) {
    const auto axes = traced.values.find(output.name());
    const auto& shape = output.type().tensor_type().shape();
    if (axes == traced.values.end() ||
        static_cast<int>(axes->second.size()) != shape.dim_size() ||
        axes->second.empty() || axes->second[0].kind != Kind::kBatch ||
        std::any_of(
            axes->second.begin(), axes->second.end(), [](const OnnxAxis& axis) {
              return axis.kind == Kind::kHeight || axis.kind == Kind::kWidth;
            })) {
      return false;
    }
  }
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    const auto shape = node.output_size() == 0
                           ? traced.reshapes.end()
                           : traced.reshapes.find(node.output(0));
    if (shape == traced.reshapes.end()) continue;
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(node.output(0) + "/shape");
    FillIntegers(shape->second, tensor);
    node.set_input(1, tensor.name());
  }
  for (onnx::ValueInfoProto& input : *graph.mutable_input()) {
    Declare(traced.values.at(input.name()), input);
  }
  for (onnx::ValueInfoProto& output : *graph.mutable_output()) {
    Declare(traced.values.at(output.name()), output);
  }
  graph.clear_value_info();  // Says the old sizes.
  DeclarePictures(traced, graph);
  return true;
}

// All names that the graph, and the graphs within its nodes, read.
void CollectReads(const onnx::GraphProto& graph, std::set<std::string>& names) {
  for (const onnx::NodeProto& node : graph.node()) {
    names.insert(node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) CollectReads(attribute.g(), names);
      for (const onnx::GraphProto& inner : attribute.graphs()) {
        CollectReads(inner, names);
      }
    }
  }
  for (const onnx::ValueInfoProto& output : graph.output()) {
    names.insert(output.name());
  }
}

void DropUnused(onnx::GraphProto& graph) {
  std::set<std::string> used;
  CollectReads(graph, used);
  auto& tensors = *graph.mutable_initializer();
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                               [&](const onnx::TensorProto& tensor) {
                                 return !used.contains(tensor.name());
                               }),
                tensors.end());
}

}  // namespace

Result<std::string> RewriteForSpeed(std::span<const std::byte> onnx) {
  onnx::ModelProto model;
  constexpr std::size_t kMaxBytes = std::size_t{2'000'000'000};
  if (onnx.size() > kMaxBytes ||
      !model.ParseFromArray(onnx.data(), static_cast<int>(onnx.size()))) {
    return Damaged("not in the format");
  }
  if (const auto sound = Check(model); !sound) return sound.Failure();
  onnx::GraphProto& graph = *model.mutable_graph();
  HoistConstants(graph);
  HideInitializers(graph);
  PReluRewriter(graph).Rewrite();
  AlignChannels(graph);
  if (!Free(graph, Freedom::kBatchAndSize)) Free(graph, Freedom::kBatch);
  DropUnused(graph);
  return model.SerializeAsString();
}

}  // namespace ocelli
