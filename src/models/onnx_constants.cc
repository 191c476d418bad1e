#include "models/onnx_constants.h"

#include <cstring>

namespace ocelli {
namespace {

template <typename T, typename Typed>
std::optional<std::vector<T>> Read(const onnx::TensorProto& tensor,
                                   onnx::TensorProto::DataType type,
                                   const Typed& typed) {
  if (tensor.data_type() != type ||
      tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    return std::nullopt;
  }
  std::vector<T> values(typed.begin(), typed.end());
  if (tensor.has_raw_data()) {
    values.resize(tensor.raw_data().size() / sizeof(T));
    std::memcpy(values.data(), tensor.raw_data().data(),
                values.size() * sizeof(T));
  }
  // Divides instead of multiplying, which could overflow.
  std::size_t left = values.size();
  for (const std::int64_t size : tensor.dims()) {
    if (size <= 0 || left % static_cast<std::size_t>(size) != 0) {
      return std::nullopt;
    }
    left /= static_cast<std::size_t>(size);
  }
  if (left != 1) return std::nullopt;
  return values;
}

}  // namespace

std::optional<std::vector<float>> ReadFloats(const onnx::TensorProto& tensor) {
  return Read<float>(tensor, onnx::TensorProto::FLOAT, tensor.float_data());
}

std::optional<std::vector<std::int64_t>> ReadIntegers(
    const onnx::TensorProto& tensor) {
  return Read<std::int64_t>(tensor, onnx::TensorProto::INT64,
                            tensor.int64_data());
}

}  // namespace ocelli
