#include "models/onnx_axes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "models/onnx_constants.h"

namespace ocelli {
namespace {

using Kind = OnnxAxis::Kind;
using Known = std::optional<OnnxAxes>;

// Sizes beyond all reason count as unknown, so that sums of some can't
// overflow.
OnnxAxis Fixed(std::int64_t size) {
  return {.size = size < 0 || size > std::int64_t{1} << 40 ? 0 : size};
}

bool IsFixed(const OnnxAxis& axis) { return axis.kind == Kind::kFixed; }

bool IsSpatial(const OnnxAxis& axis) {
  return axis.kind == Kind::kHeight || axis.kind == Kind::kWidth;
}

std::int64_t Integer(const onnx::NodeProto& node, const std::string& name,
                     std::int64_t otherwise) {
  const auto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

std::vector<std::int64_t> Integers(const onnx::NodeProto& node,
                                   const std::string& name) {
  const auto* attribute = FindAttribute(node, name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

// ONNX counts negative axes from the end.
std::optional<std::size_t> AxisIndex(std::int64_t axis, std::size_t rank) {
  if (axis < 0) axis += static_cast<std::int64_t>(rank);
  if (axis < 0 || axis >= static_cast<std::int64_t>(rank)) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

// The axis with its proportion changed, or nothing where that gets out of hand
// or there are pixels besides the proportion.
std::optional<OnnxAxis> Scale(OnnxAxis axis, std::int64_t times,
                              std::int64_t parts) {
  constexpr std::int64_t kLimit = 1 << 15;
  if (!IsSpatial(axis) || axis.size != 0 || times < 1 || parts < 1 ||
      std::max(times, parts) > kLimit) {
    return std::nullopt;
  }
  axis.times *= times;
  axis.parts *= parts;
  const std::int64_t divisor = std::gcd(axis.times, axis.parts);
  axis.times /= divisor;
  axis.parts /= divisor;
  if (std::max(axis.times, axis.parts) > kLimit) return std::nullopt;
  return axis;
}

std::optional<OnnxAxis> Broadcast(const OnnxAxis& a, const OnnxAxis& b) {
  if (IsFixed(a) && IsFixed(b)) {
    return Fixed(a.size == 1        ? b.size
                 : b.size == 1      ? a.size
                 : a.size == b.size ? a.size
                                    : 0);
  }
  if (a == b || b == Fixed(1)) return a;
  if (a == Fixed(1)) return b;
  return std::nullopt;
}

Known Broadcast(OnnxAxes a, OnnxAxes b) {
  if (a.size() < b.size()) std::swap(a, b);
  b.insert(b.begin(), a.size() - b.size(), Fixed(1));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto both = Broadcast(a[i], b[i]);
    if (!both) return std::nullopt;
    a[i] = *both;
  }
  return a;
}

class Tracer {
 public:
  Tracer(const onnx::GraphProto& graph, std::map<std::string, OnnxAxes> inputs)
      : graph_(graph) {
    map_.values = std::move(inputs);
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      constants_[tensor.name()] = &tensor;
    }
  }

  OnnxAxesMap Trace() {
    for (const onnx::NodeProto& node : graph_.node()) {
      if (node.output_size() == 0) continue;
      if (auto axes = Follow(node)) {
        map_.values[node.output(0)] = *std::move(axes);
      }
    }
    return std::move(map_);
  }

 private:
  const onnx::GraphProto& graph_;
  std::map<std::string, const onnx::TensorProto*> constants_;
  OnnxAxesMap map_;

  const onnx::TensorProto* Constant(const onnx::NodeProto& node, int input) {
    if (input >= node.input_size()) return nullptr;
    const auto found = constants_.find(node.input(input));
    return found == constants_.end() ? nullptr : found->second;
  }
  std::optional<std::vector<std::int64_t>> ConstantIntegers(
      const onnx::NodeProto& node, int input) {
    const auto* tensor = Constant(node, input);
    return tensor == nullptr ? std::nullopt : ReadIntegers(*tensor);
  }
  // Of a constant too.
  Known Input(const onnx::NodeProto& node, int input) {
    if (input >= node.input_size()) return std::nullopt;
    if (const auto* tensor = Constant(node, input)) {
      OnnxAxes axes;
      for (const std::int64_t size : tensor->dims()) {
        axes.push_back(Fixed(size));
      }
      return axes;
    }
    const auto found = map_.values.find(node.input(input));
    if (found == map_.values.end()) return std::nullopt;
    return found->second;
  }

  Known Follow(const onnx::NodeProto& node) {
    using Rule = Known (Tracer::*)(const onnx::NodeProto&);
    static const std::map<std::string_view, Rule> kRules = {
        {"Abs", &Tracer::Same},
        {"Add", &Tracer::Elementwise},
        {"AveragePool", &Tracer::Slide},
        {"BatchNormalization", &Tracer::Same},
        {"Clip", &Tracer::Same},
        {"Concat", &Tracer::Concat},
        {"Conv", &Tracer::Slide},
        {"DepthToSpace", &Tracer::DepthToSpace},
        {"Div", &Tracer::Elementwise},
        {"Dropout", &Tracer::Same},
        {"Flatten", &Tracer::Flatten},
        {"Gather", &Tracer::Gather},
        {"Gemm", &Tracer::Gemm},
        {"GlobalAveragePool", &Tracer::GlobalPool},
        {"GlobalMaxPool", &Tracer::GlobalPool},
        {"GridSample", &Tracer::GridSample},
        {"Identity", &Tracer::Same},
        {"LeakyRelu", &Tracer::Same},
        {"LessOrEqual", &Tracer::Elementwise},
        {"MatMul", &Tracer::MatMul},
        {"MaxPool", &Tracer::Slide},
        {"Mul", &Tracer::Elementwise},
        {"PRelu", &Tracer::Elementwise},
        {"Pad", &Tracer::Pad},
        {"ReduceL2", &Tracer::Reduce},
        {"ReduceMax", &Tracer::Reduce},
        {"ReduceMin", &Tracer::Reduce},
        {"Relu", &Tracer::Same},
        {"Reshape", &Tracer::Reshape},
        {"Resize", &Tracer::Resize},
        {"Sigmoid", &Tracer::Same},
        {"Softmax", &Tracer::Softmax},
        {"Sub", &Tracer::Elementwise},
        {"Transpose", &Tracer::Transpose},
        {"Where", &Tracer::Elementwise},
    };
    const auto rule = kRules.find(node.op_type());
    if (rule == kRules.end() || !node.domain().empty()) return std::nullopt;
    return (this->*rule->second)(node);
  }

  Known Same(const onnx::NodeProto& node) { return Input(node, 0); }

  Known Elementwise(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    for (int i = 1; axes && i < node.input_size(); ++i) {
      const Known other = Input(node, i);
      if (!other) return std::nullopt;
      axes = Broadcast(*axes, *other);
    }
    return axes;
  }

  // Conv and the pools.
  Known Slide(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    if (!axes || axes->size() != 4 || !IsFixed((*axes)[1])) return std::nullopt;
    std::vector<std::int64_t> kernel = Integers(node, "kernel_shape");
    if (node.op_type() == "Conv") {
      const auto* weights = Constant(node, 1);
      if (weights == nullptr || weights->dims_size() != 4) return std::nullopt;
      (*axes)[1] = Fixed(weights->dims(0));
      kernel = {weights->dims(2), weights->dims(3)};
    }
    const auto orElse = [&](const char* name, std::vector<std::int64_t> other) {
      auto found = Integers(node, name);
      return found.empty() ? other : found;
    };
    const auto strides = orElse("strides", {1, 1});
    const auto dilations = orElse("dilations", {1, 1});
    const auto pads = orElse("pads", {0, 0, 0, 0});
    if (kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 ||
        pads.size() != 4) {
      return std::nullopt;
    }
    const bool plain = FindAttribute(node, "auto_pad") == nullptr &&
                       Integer(node, "ceil_mode", 0) == 0;
    for (const std::size_t i : {0U, 1U}) {
      OnnxAxis& axis = (*axes)[2 + i];
      if (IsFixed(axis)) {
        axis = Fixed(0);
        continue;
      }
      // The division must not depend on the free size, which is a multiple of
      // every stride.
      constexpr std::int64_t kLimit = 1 << 15;
      const std::int64_t largest =
          std::max({kernel[i], strides[i], dilations[i], pads[i], pads[i + 2]});
      if (!plain || !IsSpatial(axis) || largest > kLimit || strides[i] < 1 ||
          std::min({kernel[i], dilations[i], pads[i], pads[i + 2]}) < 0) {
        return std::nullopt;
      }
      const std::int64_t slack = axis.size + pads[i] + pads[i + 2] -
                                 ((kernel[i] - 1) * dilations[i] + 1);
      // Rounds down below zero too.
      const std::int64_t steps =
          slack >= 0 ? slack / strides[i]
                     : -((-slack + strides[i] - 1) / strides[i]);
      axis.size = 0;
      const auto scaled = Scale(axis, 1, strides[i]);
      if (steps != -1 || !scaled) return std::nullopt;
      axis = *scaled;
    }
    return axes;
  }

  // Only of one size: what follows is made for what it sees of that.
  Known GlobalPool(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    if (!axes || axes->size() != 4 || !IsFixed((*axes)[2]) ||
        !IsFixed((*axes)[3])) {
      return std::nullopt;
    }
    (*axes)[2] = (*axes)[3] = Fixed(1);
    return axes;
  }

  Known Pad(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    const auto pads = ConstantIntegers(node, 1);
    if (!axes || !pads || pads->size() != 2 * axes->size()) return std::nullopt;
    for (std::size_t i = 0; i < axes->size(); ++i) {
      const std::int64_t before = (*pads)[i];
      const std::int64_t after = (*pads)[i + axes->size()];
      if (before == 0 && after == 0) continue;
      OnnxAxis& axis = (*axes)[i];
      constexpr std::int64_t kLimit = 1 << 15;
      if (std::min(before, after) < 0 || std::max(before, after) > kLimit) {
        return std::nullopt;
      }
      if (IsFixed(axis)) {
        if (axis.size != 0) axis.size += before + after;
      } else if (IsSpatial(axis) && axis.size == 0) {
        axis.size = before + after;
      } else {
        return std::nullopt;
      }
    }
    return axes;
  }

  Known Resize(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    const auto* tensor = Constant(node, 2);
    const auto scales = tensor == nullptr ? std::nullopt : ReadFloats(*tensor);
    if (!axes || node.input_size() != 3 || !scales ||
        scales->size() != axes->size()) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < axes->size(); ++i) {
      OnnxAxis& axis = (*axes)[i];
      const float scale = (*scales)[i];
      if (scale == 1) continue;
      if (IsFixed(axis)) {
        axis = Fixed(0);
        continue;
      }
      // Whole factors only.
      const auto times = scale >= 1 && scale <= 64 ? std::llround(scale) : 0;
      const auto scaled = Scale(axis, times, 1);
      if (!scaled || static_cast<float>(times) != scale) return std::nullopt;
      axis = *scaled;
    }
    return axes;
  }

  Known DepthToSpace(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    const std::int64_t block = Integer(node, "blocksize", 0);
    if (!axes || axes->size() != 4 || block < 1 || block > 1 << 15 ||
        !IsFixed((*axes)[1])) {
      return std::nullopt;
    }
    for (OnnxAxis& axis : {std::ref((*axes)[2]), std::ref((*axes)[3])}) {
      const auto scaled = IsFixed(axis) ? Fixed(0) : Scale(axis, block, 1);
      if (!scaled) return std::nullopt;
      axis = *scaled;
    }
    (*axes)[1].size /= block * block;
    return axes;
  }

  Known Transpose(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    const auto order = Integers(node, "perm");
    if (!axes || order.size() != axes->size()) return std::nullopt;
    OnnxAxes permuted;
    for (const std::int64_t from : order) {
      const auto index = AxisIndex(from, axes->size());
      if (!index) return std::nullopt;
      permuted.push_back((*axes)[*index]);
    }
    return permuted;
  }

  Known Concat(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    if (!axes) return std::nullopt;
    const auto index = AxisIndex(Integer(node, "axis", 0), axes->size());
    if (!index) return std::nullopt;
    for (int i = 1; i < node.input_size(); ++i) {
      const Known other = Input(node, i);
      if (!other || other->size() != axes->size()) return std::nullopt;
      for (std::size_t a = 0; a < axes->size(); ++a) {
        OnnxAxis& axis = (*axes)[a];
        if (axis.kind != (*other)[a].kind) return std::nullopt;
        if (a != *index) {
          if (!IsFixed(axis) && axis != (*other)[a]) return std::nullopt;
        } else if (IsFixed(axis)) {
          axis.size = axis.size == 0 || (*other)[a].size == 0
                          ? 0
                          : axis.size + (*other)[a].size;
        } else if (axis.kind != Kind::kCells) {
          return std::nullopt;
        }
      }
    }
    return axes;
  }

  Known Flatten(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    if (!axes || axes->empty() || Integer(node, "axis", 1) != 1 ||
        !std::all_of(axes->begin() + 1, axes->end(), IsFixed)) {
      return std::nullopt;
    }
    return OnnxAxes{(*axes)[0], Fixed(0)};
  }

  Known Softmax(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    if (!axes) return std::nullopt;
    const auto index = AxisIndex(Integer(node, "axis", -1), axes->size());
    if (!index || !IsFixed((*axes)[*index])) return std::nullopt;
    return axes;
  }

  Known Gather(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    const Known which = Input(node, 1);
    if (!axes || !which || Constant(node, 1) == nullptr) return std::nullopt;
    const auto index = AxisIndex(Integer(node, "axis", 0), axes->size());
    if (!index || !IsFixed((*axes)[*index])) return std::nullopt;
    OnnxAxes gathered = *axes;
    const auto at =
        gathered.erase(gathered.begin() + static_cast<std::ptrdiff_t>(*index));
    gathered.insert(at, which->begin(), which->end());
    return gathered;
  }

  Known Gemm(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    const Known weights = Input(node, 1);
    if (!axes || axes->size() != 2 || !IsFixed((*axes)[1]) || !weights ||
        weights->size() != 2 || Constant(node, 1) == nullptr ||
        Integer(node, "transA", 0) != 0) {
      return std::nullopt;
    }
    const OnnxAxes product = {
        (*axes)[0], (*weights)[Integer(node, "transB", 0) != 0 ? 0 : 1]};
    if (node.input_size() < 3) return product;
    const Known bias = Input(node, 2);
    return bias ? Broadcast(product, *bias) : std::nullopt;
  }

  Known MatMul(const onnx::NodeProto& node) {
    const Known a = Input(node, 0);
    const Known b = Input(node, 1);
    if (!a || !b || a->size() < 2 || b->size() < 2) return std::nullopt;
    if (!IsFixed(a->back()) || !IsFixed((*b)[b->size() - 2])) {
      return std::nullopt;
    }
    Known product = Broadcast(OnnxAxes(a->begin(), a->end() - 2),
                              OnnxAxes(b->begin(), b->end() - 2));
    if (product) {
      product->push_back((*a)[a->size() - 2]);
      product->push_back(b->back());
    }
    return product;
  }

  Known GridSample(const onnx::NodeProto& node) {
    const Known picture = Input(node, 0);
    const Known grid = Input(node, 1);
    if (!picture || !grid || picture->size() != 4 || grid->size() != 4 ||
        (*picture)[0] != (*grid)[0] || !IsFixed((*picture)[1])) {
      return std::nullopt;
    }
    return OnnxAxes{(*picture)[0], (*picture)[1], (*grid)[1], (*grid)[2]};
  }

  Known Reduce(const onnx::NodeProto& node) {
    Known axes = Input(node, 0);
    const auto reduced = Integers(node, "axes");
    if (!axes || node.input_size() != 1 || reduced.empty() ||
        Integer(node, "keepdims", 1) != 1) {
      return std::nullopt;
    }
    for (const std::int64_t axis : reduced) {
      const auto index = AxisIndex(axis, axes->size());
      if (!index || !IsFixed((*axes)[*index])) return std::nullopt;
      (*axes)[*index] = Fixed(1);
    }
    return axes;
  }

  // Keeps the batch in front. A map of pixels may become a row of cells.
  Known Reshape(const onnx::NodeProto& node) {
    const Known axes = Input(node, 0);
    auto shape = ConstantIntegers(node, 1);
    if (!axes || axes->empty() || !shape || shape->empty() ||
        Integer(node, "allowzero", 0) != 0) {
      return std::nullopt;
    }
    // A zero stands for what the input has there.
    OnnxAxes reshaped;
    for (std::size_t i = 0; i < shape->size(); ++i) {
      const std::int64_t size = (*shape)[i];
      if (size == 0 && (i >= axes->size() || !IsFixed((*axes)[i])) && i != 0) {
        return std::nullopt;
      }
      reshaped.push_back(size == 0 ? (*axes)[i]
                                   : Fixed(std::max<std::int64_t>(size, 0)));
    }
    if (!IsFixed((*axes)[0])) {
      if ((*axes)[0].kind != Kind::kBatch ||
          ((*shape)[0] != 0 && (*shape)[0] != 1)) {
        return std::nullopt;
      }
      (*shape)[0] = 0;
      reshaped[0] = (*axes)[0];
    }
    const bool is_map = axes->size() == 4 && IsSpatial((*axes)[1]) &&
                        IsSpatial((*axes)[2]) && (*axes)[1].size == 0 &&
                        (*axes)[2].size == 0 && IsFixed((*axes)[3]);
    if (is_map) {
      if (shape->size() != 3 || (*shape)[2] < 1 || (*axes)[3].size == 0 ||
          (*axes)[3].size % (*shape)[2] != 0) {
        return std::nullopt;
      }
      (*shape)[1] = -1;
      reshaped[1] = {.kind = Kind::kCells};
    } else if (!std::all_of(axes->begin() + 1, axes->end(), IsFixed)) {
      return std::nullopt;
    }
    map_.reshapes[node.output(0)] = *std::move(shape);
    return reshaped;
  }
};

}  // namespace

OnnxAxes DeclaredAxes(const onnx::ValueInfoProto& input) {
  OnnxAxes axes;
  for (const auto& size : input.type().tensor_type().shape().dim()) {
    axes.push_back(Fixed(size.dim_value()));
  }
  return axes;
}

OnnxAxesMap TraceAxes(const onnx::GraphProto& graph,
                      std::map<std::string, OnnxAxes> inputs) {
  return Tracer(graph, std::move(inputs)).Trace();
}

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node,
                                          const std::string& name) {
  const auto found = std::find_if(
      node.attribute().begin(), node.attribute().end(),
      [&](const onnx::AttributeProto& a) { return a.name() == name; });
  return found == node.attribute().end() ? nullptr : &*found;
}

}  // namespace ocelli
