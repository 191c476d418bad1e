#include "models/tflite_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "models/tflite_sparse.h"

namespace ocelli {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;
constexpr std::size_t kMaxRank = 8;

auto Damaged(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, "bad TensorFlow Lite file: " + what);
}

float HalfToFloat(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  float value;
  if (exponent == 31) {
    value = mantissa == 0 ? std::numeric_limits<float>::infinity()
                          : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    value = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  }
  return half >> 15 == 0 ? value : -value;
}

// The bytes as little-endian T, each turned into a To. Bytes that do not fill
// a whole T at the end are left out.
template <typename T, typename To, typename Convert>
std::vector<To> Decode(std::span<const std::uint8_t> bytes, Convert convert) {
  std::vector<To> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(value);
  }
  return values;
}

template <typename To>
std::optional<std::vector<To>> DecodeNumbers(
    tflite::TensorType type, std::span<const std::uint8_t> bytes) {
  const auto cast = [](auto value) { return static_cast<To>(value); };
  switch (type) {
    case tflite::TensorType::INT8:
      return Decode<std::int8_t, To>(bytes, cast);
    case tflite::TensorType::UINT8:
      return Decode<std::uint8_t, To>(bytes, cast);
    case tflite::TensorType::INT32:
      return Decode<std::int32_t, To>(bytes, cast);
    case tflite::TensorType::INT64:
      return Decode<std::int64_t, To>(bytes, cast);
    case tflite::TensorType::FLOAT32:
      return Decode<float, To>(bytes, cast);
    case tflite::TensorType::FLOAT16:
      return Decode<std::uint16_t, To>(
          bytes, [&](std::uint16_t half) { return cast(HalfToFloat(half)); });
  }
  return std::nullopt;
}

bool IsInteger(tflite::TensorType type) {
  return type != tflite::TensorType::FLOAT32 &&
         type != tflite::TensorType::FLOAT16;
}

// real = scale * (value - zero point), by tensor or by slice of one axis.
Result<> Dequantize(const TfliteTensor& tensor, std::vector<float>& values) {
  const tflite::Quantization* quantization = tensor.raw->quantization();
  if (quantization == nullptr || quantization->scale() == nullptr ||
      quantization->scale()->size() == 0) {
    return {};
  }
  const auto& scale = *quantization->scale();
  const auto* zero_point = quantization->zero_point();
  const std::size_t count = scale.size();
  if (quantization->details_type() != 0) {
    return Fail(ErrorCode::kUnimplemented,
                "quantisation of " + tensor.name + " is not linear");
  }
  if (zero_point != nullptr && zero_point->size() != 0 &&
      zero_point->size() != count) {
    return Damaged("zero points of " + tensor.name);
  }
  // How many neighbours share a scale.
  std::size_t run = values.size();
  if (count > 1) {
    const auto axis =
        static_cast<std::size_t>(quantization->quantized_dimension());
    if (axis >= tensor.rank() ||
        static_cast<std::size_t>(tensor.shape[axis]) != count) {
      return Damaged("scales of " + tensor.name);
    }
    run = 1;
    for (std::size_t i = axis + 1; i < tensor.rank(); ++i) {
      run *= static_cast<std::size_t>(tensor.shape[i]);
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto slice = static_cast<flatbuffers::uoffset_t>(i / run % count);
    const float zero = zero_point == nullptr || zero_point->size() == 0
                           ? 0
                           : static_cast<float>(zero_point->Get(slice));
    values[i] = (values[i] - zero) * scale.Get(slice);
  }
  return {};
}

}  // namespace

std::int64_t TfliteTensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1},
                         std::multiplies<>());
}

Result<TfliteModel> TfliteModel::Parse(std::span<const std::byte> file) {
  TfliteModel model;
  model.file_.assign(file.begin(), file.end());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(model.file_.data());
  flatbuffers::Verifier verifier(bytes, model.file_.size());
  if (!tflite::VerifyModelBuffer(verifier)) return Damaged("wrong structure");
  model.model_ = tflite::GetModel(bytes);
  if (model.model_->version() != 3) {
    return Fail(ErrorCode::kUnimplemented,
                "TensorFlow Lite format version " +
                    std::to_string(model.model_->version()));
  }
  const auto* graphs = model.model_->subgraphs();
  if (graphs == nullptr || graphs->size() == 0) return Damaged("no graph");
  if (graphs->size() > 1) {
    return Fail(ErrorCode::kUnimplemented,
                "TensorFlow Lite file with several graphs");
  }
  const tflite::SubGraph& graph = *graphs->Get(0);
  if (const auto read = model.ReadTensors(graph); !read) return read.Failure();
  if (const auto read = model.ReadOperators(graph); !read) {
    return read.Failure();
  }
  auto inputs = model.ReadIndices(graph.inputs(), false);
  if (!inputs) return inputs.Failure();
  auto outputs = model.ReadIndices(graph.outputs(), false);
  if (!outputs) return outputs.Failure();
  model.inputs_ = *std::move(inputs);
  model.outputs_ = *std::move(outputs);
  return model;
}

Result<> TfliteModel::ReadTensors(const tflite::SubGraph& graph) {
  const auto* buffers = model_->buffers();
  if (graph.tensors() == nullptr || buffers == nullptr) {
    return Damaged("no tensors");
  }
  for (const tflite::Tensor* raw : *graph.tensors()) {
    TfliteTensor tensor;
    tensor.raw = raw;
    tensor.name = raw->name() != nullptr && raw->name()->size() > 0
                      ? raw->name()->str()
                      : "tensor" + std::to_string(tensors_.size());
    std::int64_t elements = 1;
    if (raw->shape() != nullptr) {
      if (raw->shape()->size() > kMaxRank) {
        return Damaged("rank of " + tensor.name);
      }
      for (const std::int32_t size : *raw->shape()) {
        if (size < 0 || (size > 0 && elements > kMaxElements / size)) {
          return Damaged("size of " + tensor.name);
        }
        elements *= std::max(size, 1);
        tensor.shape.push_back(size);
      }
    }
    if (raw->buffer() >= buffers->size()) {
      return Damaged("buffer of " + tensor.name);
    }
    tensors_.push_back(std::move(tensor));
  }
  return {};
}

Result<> TfliteModel::ReadOperators(const tflite::SubGraph& graph) {
  const auto* codes = model_->operator_codes();
  if (graph.operators() == nullptr) return {};
  for (const tflite::Operator* raw : *graph.operators()) {
    if (codes == nullptr || raw->opcode_index() >= codes->size()) {
      return Damaged("operator code " + std::to_string(raw->opcode_index()));
    }
    const tflite::OperatorCode& code = *codes->Get(raw->opcode_index());
    auto inputs = ReadIndices(raw->inputs(), true);
    if (!inputs) return inputs.Failure();
    auto outputs = ReadIndices(raw->outputs(), false);
    if (!outputs) return outputs.Failure();
    TfliteOperator op;
    op.raw = raw;
    op.version = code.version();
    op.inputs = *std::move(inputs);
    op.outputs = *std::move(outputs);
    op.code = std::max(
        code.builtin_code(),
        static_cast<tflite::BuiltinOperator>(code.deprecated_builtin_code()));
    if (op.code == tflite::BuiltinOperator::CUSTOM) {
      op.name = code.custom_code() == nullptr ? "CUSTOM without a name"
                                              : code.custom_code()->str();
    } else {
      op.name = tflite::EnumNameBuiltinOperator(op.code);
      if (op.name.empty()) {
        op.name = "number " + std::to_string(static_cast<int>(op.code));
      }
    }
    operators_.push_back(std::move(op));
  }
  return {};
}

Result<std::vector<int>> TfliteModel::ReadIndices(
    const flatbuffers::Vector<std::int32_t>* indices,
    bool may_be_left_out) const {
  std::vector<int> checked;
  if (indices == nullptr) return checked;
  for (const std::int32_t index : *indices) {
    const bool valid =
        index >= 0 && static_cast<std::size_t>(index) < tensors_.size();
    if (!valid && !(may_be_left_out && index == kNoTensor)) {
      return Damaged("tensor " + std::to_string(index));
    }
    checked.push_back(index);
  }
  return checked;
}

std::span<const std::uint8_t> TfliteModel::Bytes(int tensor) const {
  const auto index = tensors_[static_cast<std::size_t>(tensor)].raw->buffer();
  const auto* data = model_->buffers()->Get(index)->data();
  if (data == nullptr) return {};
  return {data->data(), data->size()};
}

bool TfliteModel::HasValues(int tensor) const { return !Bytes(tensor).empty(); }

Result<std::vector<float>> TfliteModel::ReadFloats(int index) const {
  const TfliteTensor& tensor = tensors_[static_cast<std::size_t>(index)];
  auto values = DecodeNumbers<float>(tensor.raw->type(), Bytes(index));
  if (!values) {
    return Fail(ErrorCode::kUnimplemented, "number type of " + tensor.name);
  }
  if (tensor.raw->sparsity() != nullptr) {
    auto dense = ExpandSparse(*tensor.raw->sparsity(), tensor.shape, *values);
    if (!dense) return dense.Failure(tensor.name);
    values = *std::move(dense);
  }
  if (values->size() != static_cast<std::size_t>(tensor.elements())) {
    return Damaged(tensor.name + " has " + std::to_string(values->size()) +
                   " values for " + std::to_string(tensor.elements()) +
                   " elements");
  }
  if (IsInteger(tensor.raw->type())) {
    if (const auto scaled = Dequantize(tensor, *values); !scaled) {
      return scaled.Failure();
    }
  }
  return *std::move(values);
}

Result<std::vector<std::int64_t>> TfliteModel::ReadIntegers(int index) const {
  const TfliteTensor& tensor = tensors_[static_cast<std::size_t>(index)];
  auto values =
      IsInteger(tensor.raw->type())
          ? DecodeNumbers<std::int64_t>(tensor.raw->type(), Bytes(index))
          : std::nullopt;
  if (!values ||
      values->size() != static_cast<std::size_t>(tensor.elements())) {
    return Damaged(tensor.name + " should hold integers");
  }
  return *std::move(values);
}

}  // namespace ocelli
