#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tflite_generated.h"

namespace ocelli {

// Writes small TensorFlow Lite files.
class TestTflite {
 public:
  using Op = tflite::BuiltinOperator;
  using Type = tflite::TensorType;

  TestTflite() {
    model_.version = 3;
    model_.buffers.push_back(std::make_unique<tflite::BufferT>());
    model_.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
  }

  tflite::ModelT& model() { return model_; }
  tflite::SubGraphT& graph() { return *model_.subgraphs[0]; }

  // Each adds a tensor and returns its index.
  int Tensor(std::vector<std::int32_t> shape, Type type = Type::FLOAT32) {
    auto tensor = std::make_unique<tflite::TensorT>();
    tensor->shape = std::move(shape);
    tensor->type = type;
    tensor->name = "t" + std::to_string(graph().tensors.size());
    graph().tensors.push_back(std::move(tensor));
    return static_cast<int>(graph().tensors.size()) - 1;
  }
  template <typename T>
  int Constant(std::vector<std::int32_t> shape, Type type,
               const std::vector<T>& values) {
    auto buffer = std::make_unique<tflite::BufferT>();
    buffer->data.resize(values.size() * sizeof(T));
    std::memcpy(buffer->data.data(), values.data(), buffer->data.size());
    model_.buffers.push_back(std::move(buffer));
    const int index = Tensor(std::move(shape), type);
    tensor(index).buffer =
        static_cast<std::uint32_t>(model_.buffers.size() - 1);
    return index;
  }
  int Floats(std::vector<std::int32_t> shape,
             const std::vector<float>& values) {
    return Constant(std::move(shape), Type::FLOAT32, values);
  }
  int Integers(const std::vector<std::int32_t>& values) {
    return Constant({static_cast<std::int32_t>(values.size())}, Type::INT32,
                    values);
  }
  int Input(std::vector<std::int32_t> shape, Type type = Type::FLOAT32) {
    graph().inputs.push_back(Tensor(std::move(shape), type));
    return graph().inputs.back();
  }
  void Output(int index) { graph().outputs.push_back(index); }

  // Of a tensor.
  tflite::TensorT& tensor(int index) {
    return *graph().tensors[static_cast<std::size_t>(index)];
  }
  void Quantize(int index, std::vector<float> scale,
                std::vector<std::int64_t> zero_point, int axis = 0) {
    auto quantization = std::make_unique<tflite::QuantizationT>();
    quantization->scale = std::move(scale);
    quantization->zero_point = std::move(zero_point);
    quantization->quantized_dimension = axis;
    tensor(index).quantization = std::move(quantization);
  }

  tflite::OperatorT& Add(Op code, std::vector<std::int32_t> inputs, int output,
                         int version = 1, std::string custom = "") {
    auto op_code = std::make_unique<tflite::OperatorCodeT>();
    // As old files have it: the byte alone.
    op_code->deprecated_builtin_code = static_cast<std::int8_t>(code);
    op_code->custom_code = std::move(custom);
    op_code->version = version;
    model_.operator_codes.push_back(std::move(op_code));
    auto op = std::make_unique<tflite::OperatorT>();
    op->opcode_index =
        static_cast<std::uint32_t>(model_.operator_codes.size() - 1);
    op->inputs = std::move(inputs);
    op->outputs = {output};
    graph().operators.push_back(std::move(op));
    return *graph().operators.back();
  }
  template <typename Options>
  tflite::OperatorT& Add(Op code, std::vector<std::int32_t> inputs, int output,
                         Options options) {
    tflite::OperatorT& op = Add(code, std::move(inputs), output);
    op.builtin_options.Set(std::move(options));
    return op;
  }

  std::string Finish() const {
    flatbuffers::FlatBufferBuilder builder;
    tflite::FinishModelBuffer(builder, tflite::Model::Pack(builder, &model_));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()),
            builder.GetSize()};
  }

 private:
  tflite::ModelT model_;
};

}  // namespace ocelli
