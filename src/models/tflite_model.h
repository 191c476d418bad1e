#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "tflite_generated.h"

namespace ocelli {

struct TfliteTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // No axis is negative.
  const tflite::Tensor* raw;

  std::size_t rank() const { return shape.size(); }
  std::int64_t elements() const;  // At most 2^28.
};

struct TfliteOperator {
  tflite::BuiltinOperator code;
  std::string name;  // "CONV_2D"; of a custom operator its own.
  int version;
  // Indices of tensors, all valid. Inputs left out are kNoTensor.
  std::vector<int> inputs;
  std::vector<int> outputs;
  const tflite::Operator* raw;
};

inline constexpr int kNoTensor = -1;

// A TensorFlow Lite file whose structure has been checked: what its parts
// refer to exists. What the parts mean is for the reader to judge.
class TfliteModel {
 public:
  // kDataLoss for anything that is no sound file with one graph.
  static Result<TfliteModel> Parse(std::span<const std::byte> file);

  const std::vector<TfliteTensor>& tensors() const { return tensors_; }
  const std::vector<TfliteOperator>& operators() const { return operators_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }

  // Whether the file holds the tensor's values.
  bool HasValues(int tensor) const;

  // The values in real units, row-major and dense: half precision widened,
  // quantised ones scaled, sparse ones expanded.
  Result<std::vector<float>> ReadFloats(int tensor) const;

  // The values of an integer tensor as they stand: shapes, paddings.
  Result<std::vector<std::int64_t>> ReadIntegers(int tensor) const;

 private:
  std::vector<std::byte> file_;  // Aligned, unlike what Parse() was given.
  const tflite::Model* model_ = nullptr;
  std::vector<TfliteTensor> tensors_;
  std::vector<TfliteOperator> operators_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;

  Result<> ReadTensors(const tflite::SubGraph& graph);
  Result<> ReadOperators(const tflite::SubGraph& graph);
  Result<std::vector<int>> ReadIndices(
      const flatbuffers::Vector<std::int32_t>* indices,
      bool may_be_left_out) const;
  std::span<const std::uint8_t> Bytes(int tensor) const;
};

}  // namespace ocelli
