#include "models/onnx_graph.h"

#include <utility>

namespace ocelli {
namespace {

void Describe(const std::string& name, OnnxShape shape,
              onnx::TensorProto::DataType element, onnx::ValueInfoProto& info) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element);
  type.mutable_shape();
  for (const std::int64_t size : shape) {
    type.mutable_shape()->add_dim()->set_dim_value(size);
  }
}

void SetValue(const OnnxAttribute& from, onnx::AttributeProto& to) {
  to.set_name(std::string(from.name));
  if (const auto* integer = std::get_if<std::int64_t>(&from.value)) {
    to.set_type(onnx::AttributeProto::INT);
    to.set_i(*integer);
  } else if (const auto* number = std::get_if<float>(&from.value)) {
    to.set_type(onnx::AttributeProto::FLOAT);
    to.set_f(*number);
  } else if (const auto* text = std::get_if<std::string_view>(&from.value)) {
    to.set_type(onnx::AttributeProto::STRING);
    to.set_s(std::string(*text));
  } else {
    to.set_type(onnx::AttributeProto::INTS);
    const auto& integers = std::get<std::vector<std::int64_t>>(from.value);
    to.mutable_ints()->Add(integers.begin(), integers.end());
  }
}

}  // namespace

void FillFloats(OnnxShape shape, std::span<const float> values,
                onnx::TensorProto& tensor) {
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.mutable_dims()->Add(shape.begin(), shape.end());
  tensor.set_raw_data(values.data(), values.size_bytes());
}

void FillIntegers(std::span<const std::int64_t> values,
                  onnx::TensorProto& tensor) {
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  tensor.set_raw_data(values.data(), values.size_bytes());
}

OnnxGraph::OnnxGraph() {
  model_.set_ir_version(onnx::Version::IR_VERSION_2020_5_8);
  model_.add_opset_import()->set_version(16);
  model_.set_producer_name("ocelli");
  model_.mutable_graph()->set_name("imported");
}

void OnnxGraph::AddInput(const std::string& name, OnnxShape shape,
                         onnx::TensorProto::DataType type) {
  Describe(name, shape, type, *model_.mutable_graph()->add_input());
}

void OnnxGraph::AddOutput(const std::string& name, const std::string& value,
                          OnnxShape shape) {
  onnx::GraphProto& graph = *model_.mutable_graph();
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Identity");
  node.add_input(value);
  node.add_output(name);
  Describe(name, shape, onnx::TensorProto::FLOAT, *graph.add_output());
}

std::string OnnxGraph::Floats(OnnxShape shape, std::span<const float> values) {
  onnx::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  FillFloats(shape, values, tensor);
  bytes_ += values.size_bytes();
  tensor.set_name(NewName());
  return tensor.name();
}

std::string OnnxGraph::Floats(std::initializer_list<std::int64_t> shape,
                              std::initializer_list<float> values) {
  return Floats(OnnxShape(shape.begin(), shape.size()),
                std::span(values.begin(), values.size()));
}

std::string OnnxGraph::Integers(std::span<const std::int64_t> values) {
  onnx::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  FillIntegers(values, tensor);
  tensor.set_name(NewName());
  return tensor.name();
}

std::string OnnxGraph::Integers(std::initializer_list<std::int64_t> values) {
  return Integers(std::span(values.begin(), values.size()));
}

std::string OnnxGraph::Node(std::string_view type,
                            std::vector<std::string> inputs,
                            std::vector<OnnxAttribute> attributes) {
  onnx::NodeProto& node = *model_.mutable_graph()->add_node();
  node.set_op_type(std::string(type));
  for (std::string& input : inputs) node.add_input(std::move(input));
  for (const OnnxAttribute& attribute : attributes) {
    SetValue(attribute, *node.add_attribute());
  }
  node.add_output(NewName());
  return node.output(0);
}

std::string OnnxGraph::Serialize() const { return model_.SerializeAsString(); }

std::string OnnxGraph::NewName() { return "#" + std::to_string(++names_); }

}  // namespace ocelli
