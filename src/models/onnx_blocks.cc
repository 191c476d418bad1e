#include "models/onnx_blocks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/onnx_axes.h"
#include "models/onnx_constants.h"
#include "models/onnx_graph.h"

namespace ocelli {
namespace {

constexpr std::int64_t kBlock = 16;
// Fewer channels would be mostly zeros.
constexpr std::int64_t kWorthwhile = kBlock / 2;

std::int64_t WholeBlocks(std::int64_t channels) {
  return (channels + kBlock - 1) / kBlock * kBlock;
}

// Weights of a convolution, [O, I / group, height, width], and its bias.
struct ConvWeights {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  std::vector<float> bias;  // Empty where there is none.
  std::int64_t group = 1;

  std::int64_t outputs() const { return shape[0]; }
  bool depthwise() const { return group > 1; }
  std::size_t filter_size() const {
    return static_cast<std::size_t>(shape[1] * shape[2] * shape[3]);
  }
};

// Some of the outputs, in order.
ConvWeights Outputs(const ConvWeights& all, std::int64_t first,
                    std::int64_t count) {
  ConvWeights some = all;
  some.shape[0] = count;
  const auto size = static_cast<std::ptrdiff_t>(all.filter_size());
  some.values.assign(all.values.begin() + first * size,
                     all.values.begin() + (first + count) * size);
  if (!all.bias.empty()) {
    some.bias.assign(all.bias.begin() + first,
                     all.bias.begin() + first + count);
  }
  return some;
}

// More outputs and inputs, all zero.
ConvWeights Widen(const ConvWeights& narrow, std::int64_t outputs,
                  std::int64_t inputs) {
  ConvWeights wide = narrow;
  wide.shape[0] = outputs;
  if (narrow.depthwise()) {
    wide.group = outputs;
  } else {
    wide.shape[1] = inputs;
  }
  wide.values.assign(static_cast<std::size_t>(outputs) * wide.filter_size(), 0);
  for (std::int64_t o = 0; o < narrow.outputs(); ++o) {
    const auto from = static_cast<std::ptrdiff_t>(narrow.filter_size());
    const auto to = static_cast<std::ptrdiff_t>(wide.filter_size());
    std::copy_n(narrow.values.begin() + o * from, from,
                wide.values.begin() + o * to);
  }
  if (!wide.bias.empty()) wide.bias.resize(static_cast<std::size_t>(outputs));
  return wide;
}

// Conv(y) + Pad(x) = Concat(Conv'(y) + x, Conv"(y)): each half of the
// convolution stays in blocks, and takes its Relu with it.
struct PaddedSum {
  const onnx::NodeProto* pad;
  const onnx::NodeProto* conv;
  const onnx::NodeProto* relu;  // nullptr where none follows alone.
  ConvWeights weights;
  std::int64_t first;  // How many channels the sum is about.
};

// The graph with its constants at hand.
class Blocks {
 public:
  explicit Blocks(onnx::GraphProto& graph) : graph_(graph) {
    std::map<std::string, OnnxAxes> inputs;
    for (const onnx::ValueInfoProto& input : graph.input()) {
      inputs[input.name()] = DeclaredAxes(input);
    }
    axes_ = TraceAxes(graph, std::move(inputs));
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      constants_[tensor.name()] = &tensor;
    }
    for (const onnx::NodeProto& node : graph.node()) {
      for (const std::string& input : node.input()) ++uses_[input];
    }
    for (const onnx::ValueInfoProto& output : graph.output()) {
      ++uses_[output.name()];
    }
  }

  void WidenAll();
  void DropEmptyPads();
  void SplitPaddedSums();

 private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
  struct Links {
    std::map<std::string, const onnx::NodeProto*> makers;
    std::map<std::string, const onnx::NodeProto*> readers;  // The last.
  };

  onnx::GraphProto& graph_;
  OnnxAxesMap axes_;
  std::map<std::string, const onnx::TensorProto*> constants_;
  std::map<std::string, int> uses_;
  std::map<std::string, std::string> parents_;  // Of values widened together.
  std::set<std::string> fixed_;                 // Roots that must not change.

  // 0 where the value is no picture or its channels are not known.
  std::int64_t Channels(const std::string& value) const {
    const auto axes = axes_.values.find(value);
    return axes == axes_.values.end() || axes->second.size() != 4
               ? 0
               : axes->second[1].size;
  }

  std::string Root(std::string value) const {
    for (auto parent = parents_.find(value); parent != parents_.end();
         parent = parents_.find(value)) {
      value = parent->second;
    }
    return value;
  }
  void Join(const std::string& input, const std::string& output) {
    const std::string root = Root(input);
    const std::string other = Root(output);
    if (root == other) return;
    parents_[other] = root;
    if (fixed_.contains(other)) fixed_.insert(root);
  }
  void Fix(const std::string& value) { fixed_.insert(Root(value)); }
  std::int64_t Widened(const std::string& value) const {
    const std::int64_t channels = Channels(value);
    return channels < kWorthwhile || fixed_.contains(Root(value))
               ? channels
               : WholeBlocks(channels);
  }

  std::optional<ConvWeights> Weights(const onnx::NodeProto& node) const;
  void SetWeights(const ConvWeights& weights, onnx::NodeProto& node);
  // Those of a Pad with zeros behind the channels and maybe around the
  // picture.
  std::optional<std::vector<std::int64_t>> ChannelPads(
      const onnx::NodeProto& node) const;
  bool KeepsZero(const onnx::NodeProto& node) const;
  void Relate(const onnx::NodeProto& node);
  std::optional<PaddedSum> FindPaddedSum(const onnx::NodeProto& node,
                                         const Links& links) const;
  void AddSplitSum(const PaddedSum& sum, const onnx::NodeProto& add,
                   Nodes& nodes);
  std::string AddConstant(onnx::TensorProto tensor);
};

std::string Blocks::AddConstant(onnx::TensorProto tensor) {
  tensor.set_name("blocks/" + std::to_string(graph_.initializer_size()));
  onnx::TensorProto& added = *graph_.add_initializer();
  added = std::move(tensor);
  constants_[added.name()] = &added;
  return added.name();
}

std::optional<ConvWeights> Blocks::Weights(const onnx::NodeProto& node) const {
  if (node.op_type() != "Conv" || node.input_size() < 2 ||
      node.output_size() != 1) {
    return std::nullopt;
  }
  const auto read = [&](int input, ConvWeights& weights) {
    const auto found = constants_.find(node.input(input));
    if (found == constants_.end()) return false;
    auto values = ReadFloats(*found->second);
    if (!values) return false;
    if (input == 1) {
      weights.shape.assign(found->second->dims().begin(),
                           found->second->dims().end());
      weights.values = *std::move(values);
      return weights.shape.size() == 4;
    }
    weights.bias = *std::move(values);
    return weights.bias.size() == static_cast<std::size_t>(weights.outputs());
  };
  ConvWeights weights;
  if (!read(1, weights)) return std::nullopt;
  if (node.input_size() > 2 && !node.input(2).empty() && !read(2, weights)) {
    return std::nullopt;
  }
  const auto* group = FindAttribute(node, "group");
  weights.group = group == nullptr ? 1 : group->i();
  if (weights.group != 1 &&
      (weights.group != weights.outputs() || weights.shape[1] != 1)) {
    return std::nullopt;
  }
  if (Channels(node.output(0)) != weights.outputs() ||
      Channels(node.input(0)) !=
          (weights.depthwise() ? weights.group : weights.shape[1])) {
    return std::nullopt;
  }
  return weights;
}

void Blocks::SetWeights(const ConvWeights& weights, onnx::NodeProto& node) {
  onnx::TensorProto values;
  FillFloats(weights.shape, weights.values, values);
  node.set_input(1, AddConstant(std::move(values)));
  if (!weights.bias.empty()) {
    onnx::TensorProto bias;
    FillFloats(std::vector{weights.outputs()}, weights.bias, bias);
    node.set_input(2, AddConstant(std::move(bias)));
  }
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == "group") attribute.set_i(weights.group);
  }
}

std::optional<std::vector<std::int64_t>> Blocks::ChannelPads(
    const onnx::NodeProto& node) const {
  const auto* mode = FindAttribute(node, "mode");
  if (node.op_type() != "Pad" || node.input_size() != 2 ||
      node.output_size() != 1 || (mode != nullptr && mode->s() != "constant")) {
    return std::nullopt;
  }
  const auto found = constants_.find(node.input(1));
  if (found == constants_.end()) return std::nullopt;
  const auto pads = ReadIntegers(*found->second);
  if (!pads || pads->size() != 8 || (*pads)[0] != 0 || (*pads)[1] != 0 ||
      (*pads)[4] != 0 || (*pads)[5] < 0) {
    return std::nullopt;
  }
  return pads;
}

// Whether zeros stay zeros, so that channels of zeros go through.
bool Blocks::KeepsZero(const onnx::NodeProto& node) const {
  static const std::set<std::string> kAlways = {"Add", "AveragePool", "MaxPool",
                                                "Relu", "Resize"};
  if (node.op_type() != "Clip") return kAlways.contains(node.op_type());
  const auto limit = [&](int input) -> std::optional<float> {
    if (input >= node.input_size()) return std::nullopt;
    const auto found = constants_.find(node.input(input));
    const auto value =
        found == constants_.end() ? std::nullopt : ReadFloats(*found->second);
    return value && value->size() == 1 ? std::optional(value->front())
                                       : std::nullopt;
  };
  const auto low = limit(1);
  const auto high = limit(2);
  return low && high && *low <= 0 && *high >= 0;
}

// Notes which values the node needs to be as wide as each other, and which it
// needs as they are.
void Blocks::Relate(const onnx::NodeProto& node) {
  const auto fix_all = [&] {
    for (const std::string& input : node.input()) Fix(input);
    for (const std::string& output : node.output()) Fix(output);
  };
  if (node.output_size() != 1 || Channels(node.output(0)) == 0 ||
      node.input_size() == 0 || Channels(node.input(0)) == 0) {
    return fix_all();
  }
  const std::string& input = node.input(0);
  const std::string& output = node.output(0);
  if (const auto weights = Weights(node)) {
    if (weights->depthwise()) Join(input, output);
  } else if (KeepsZero(node)) {
    Join(input, output);
    if (node.op_type() != "Add") return;
    if (Channels(node.input(1)) != Channels(input)) return fix_all();
    Join(input, node.input(1));
  } else if (!ChannelPads(node)) {
    fix_all();
  }
}

void Blocks::WidenAll() {
  for (const onnx::ValueInfoProto& input : graph_.input()) Fix(input.name());
  for (const onnx::ValueInfoProto& output : graph_.output()) {
    Fix(output.name());
  }
  for (const onnx::NodeProto& node : graph_.node()) Relate(node);
  // What is padded must not become wider than what it is padded to.
  for (bool changed = true; changed;) {
    changed = false;
    for (const onnx::NodeProto& node : graph_.node()) {
      if (ChannelPads(node) && fixed_.contains(Root(node.output(0)))) {
        changed |= fixed_.insert(Root(node.input(0))).second;
      }
    }
  }
  for (onnx::NodeProto& node : *graph_.mutable_node()) {
    if (const auto weights = Weights(node)) {
      const std::int64_t outputs = Widened(node.output(0));
      const std::int64_t inputs = Widened(node.input(0));
      if (outputs != weights->outputs() ||
          (!weights->depthwise() && inputs != weights->shape[1])) {
        SetWeights(Widen(*weights, outputs, inputs), node);
      }
    } else if (auto pads = ChannelPads(node);
               pads && Channels(node.output(0)) != 0) {
      const std::int64_t more =
          Widened(node.output(0)) - Widened(node.input(0));
      if (more == (*pads)[5]) continue;
      (*pads)[5] = more;
      onnx::TensorProto tensor;
      FillIntegers(*pads, tensor);
      node.set_input(1, AddConstant(std::move(tensor)));
    }
  }
}

// A Pad that adds nothing is its input.
void Blocks::DropEmptyPads() {
  std::set<std::string> outputs;
  for (const onnx::ValueInfoProto& output : graph_.output()) {
    outputs.insert(output.name());
  }
  std::map<std::string, std::string> same;
  auto& nodes = *graph_.mutable_node();
  const auto is_empty = [&](const onnx::NodeProto& node) {
    const auto pads = ChannelPads(node);
    if (!pads || outputs.contains(node.output(0)) ||
        std::any_of(pads->begin(), pads->end(),
                    [](std::int64_t size) { return size != 0; })) {
      return false;
    }
    const auto source = same.find(node.input(0));
    same[node.output(0)] =
        source == same.end() ? node.input(0) : source->second;
    return true;
  };
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), is_empty),
              nodes.end());
  for (onnx::NodeProto& node : nodes) {
    for (std::string& input : *node.mutable_input()) {
      if (const auto source = same.find(input); source != same.end()) {
        input = source->second;
      }
    }
  }
}

std::optional<PaddedSum> Blocks::FindPaddedSum(const onnx::NodeProto& node,
                                               const Links& links) const {
  if (node.op_type() != "Add" || node.input_size() != 2 ||
      node.output_size() != 1) {
    return std::nullopt;
  }
  // The node that makes the value for nobody else.
  const auto only = [&](const std::string& value, const char* type) {
    const auto maker = links.makers.find(value);
    return maker != links.makers.end() && maker->second->op_type() == type &&
                   uses_.at(value) == 1
               ? maker->second
               : nullptr;
  };
  PaddedSum sum{};
  for (const std::string& input : node.input()) {
    if (const auto* pad = only(input, "Pad")) sum.pad = pad;
    if (const auto* conv = only(input, "Conv")) sum.conv = conv;
  }
  if (sum.pad == nullptr || sum.conv == nullptr) return std::nullopt;
  const auto pads = ChannelPads(*sum.pad);
  auto weights = Weights(*sum.conv);
  sum.first = Channels(sum.pad->input(0));
  if (!pads || !weights || weights->depthwise() || sum.first == 0 ||
      sum.first % kBlock != 0 || weights->outputs() % kBlock != 0 ||
      weights->outputs() <= sum.first ||
      *pads != std::vector<std::int64_t>{
                   0, 0, 0, 0, 0, weights->outputs() - sum.first, 0, 0}) {
    return std::nullopt;
  }
  sum.weights = *std::move(weights);
  const auto reader = links.readers.find(node.output(0));
  if (reader != links.readers.end() && uses_.at(node.output(0)) == 1 &&
      reader->second->op_type() == "Relu" &&
      reader->second->output_size() == 1) {
    sum.relu = reader->second;
  }
  return sum;
}

void Blocks::SplitPaddedSums() {
  Links links;
  for (const onnx::NodeProto& node : graph_.node()) {
    for (const std::string& output : node.output()) {
      links.makers[output] = &node;
    }
    for (const std::string& input : node.input()) links.readers[input] = &node;
  }
  std::map<const onnx::NodeProto*, PaddedSum> sums;  // By their Add.
  std::set<const onnx::NodeProto*> gone;
  for (const onnx::NodeProto& node : graph_.node()) {
    if (auto sum = FindPaddedSum(node, links)) {
      gone.insert({sum->pad, sum->conv, sum->relu});
      sums.emplace(&node, *std::move(sum));
    }
  }
  Nodes nodes;
  for (const onnx::NodeProto& node : graph_.node()) {
    if (const auto sum = sums.find(&node); sum != sums.end()) {
      AddSplitSum(sum->second, node, nodes);
    } else if (!gone.contains(&node)) {
      *nodes.Add() = node;
    }
  }
  graph_.mutable_node()->Swap(&nodes);
}

void Blocks::AddSplitSum(const PaddedSum& sum, const onnx::NodeProto& add,
                         Nodes& nodes) {
  const std::string& output =
      sum.relu == nullptr ? add.output(0) : sum.relu->output(0);
  const auto append = [&](onnx::NodeProto node, const std::string& name) {
    node.set_name(name);
    node.clear_output();
    node.add_output(name);
    *nodes.Add() = std::move(node);
    return name;
  };
  const auto make = [](const char* type, std::vector<std::string> inputs) {
    onnx::NodeProto node;
    node.set_op_type(type);
    for (std::string& input : inputs) node.add_input(std::move(input));
    return node;
  };
  std::vector<std::string> parts;
  for (const bool second : {false, true}) {
    const std::string name = output + (second ? "/second" : "/first");
    onnx::NodeProto conv = *sum.conv;
    SetWeights(second ? Outputs(sum.weights, sum.first,
                                sum.weights.outputs() - sum.first)
                      : Outputs(sum.weights, 0, sum.first),
               conv);
    std::string part = append(std::move(conv), name + "/conv");
    if (!second) {
      part = append(make("Add", {sum.pad->input(0), part}), name + "/add");
    }
    if (sum.relu != nullptr) {
      part = append(make("Relu", {part}), name + "/relu");
    }
    parts.push_back(std::move(part));
  }
  onnx::NodeProto concat = make("Concat", std::move(parts));
  onnx::AttributeProto& axis = *concat.add_attribute();
  axis.set_name("axis");
  axis.set_type(onnx::AttributeProto::INT);
  axis.set_i(1);
  append(std::move(concat), output);
}

}  // namespace

void AlignChannels(onnx::GraphProto& graph) {
  // Graphs within nodes may read any value of this one.
  for (const onnx::NodeProto& node : graph.node()) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g() || attribute.graphs_size() > 0) return;
    }
  }
  Blocks widened(graph);
  widened.WidenAll();
  widened.DropEmptyPads();
  Blocks(graph).SplitPaddedSums();
}

}  // namespace ocelli
