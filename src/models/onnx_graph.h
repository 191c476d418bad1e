#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "onnx/onnx.pb.h"

namespace ocelli {

// One attribute of an ONNX node.
struct OnnxAttribute {
  std::string_view name;
  std::variant<std::int64_t, float, std::string_view, std::vector<std::int64_t>>
      value;
};

using OnnxShape = std::span<const std::int64_t>;

void FillFloats(OnnxShape shape, std::span<const float> values,
                onnx::TensorProto& tensor);
void FillIntegers(std::span<const std::int64_t> values,
                  onnx::TensorProto& tensor);

// A graph of operator set 16 under construction. The values it makes are named
// "#1", "#2", ...; names from outside must not start with '#'.
class OnnxGraph {
 public:
  OnnxGraph();

  // -1 in a shape is any size.
  void AddInput(const std::string& name, OnnxShape shape,
                onnx::TensorProto::DataType type = onnx::TensorProto::FLOAT);
  // Declares `value` to be the output `name`.
  void AddOutput(const std::string& name, const std::string& value,
                 OnnxShape shape);

  // Constants.
  std::string Floats(OnnxShape shape, std::span<const float> values);
  std::string Floats(std::initializer_list<std::int64_t> shape,
                     std::initializer_list<float> values);
  std::string Integers(std::span<const std::int64_t> values);
  std::string Integers(std::initializer_list<std::int64_t> values);

  // The first output of a new node. An input "" is one left out.
  std::string Node(std::string_view type, std::vector<std::string> inputs,
                   std::vector<OnnxAttribute> attributes = {});

  // Of all constants.
  std::size_t bytes() const { return bytes_; }

  std::string Serialize() const;

 private:
  onnx::ModelProto model_;
  std::size_t bytes_ = 0;
  int names_ = 0;

  std::string NewName();
};

}  // namespace ocelli
