#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "onnx/onnx.pb.h"

namespace ocelli {

// What one axis of a value in a graph means.
struct OnnxAxis {
  enum class Kind {
    kFixed,
    kBatch,
    kHeight,  // Proportional to that of the input.
    kWidth,
    kCells,  // The pixels of a map in one row.
  };
  Kind kind = Kind::kFixed;
  // kFixed: its size, 0 while unknown. kHeight, kWidth: pixels added to the
  // proportion by padding. Otherwise 0.
  std::int64_t size = 0;
  // kHeight, kWidth: the proportion is times / parts, in lowest terms.
  std::int64_t times = 1;
  std::int64_t parts = 1;

  bool operator==(const OnnxAxis&) const = default;
};

using OnnxAxes = std::vector<OnnxAxis>;

// The value of each node's output, as far as its operators are known to keep
// apart what lies apart on the free axes; others are left out. Constants are
// not listed.
struct OnnxAxesMap {
  std::map<std::string, OnnxAxes> values;
  // Shape inputs that Reshape nodes (by their first output) must have so that
  // the free axes can have any size.
  std::map<std::string, std::vector<std::int64_t>> reshapes;
};

// The sizes that a graph states for its input; all axes are kFixed.
OnnxAxes DeclaredAxes(const onnx::ValueInfoProto& input);

// Follows the axes from `inputs` through the graph.
OnnxAxesMap TraceAxes(const onnx::GraphProto& graph,
                      std::map<std::string, OnnxAxes> inputs);

// The attribute, or nullptr.
const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node,
                                          const std::string& name);

}  // namespace ocelli
