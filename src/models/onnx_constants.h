#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "onnx/onnx.pb.h"

namespace ocelli {

// The values of a float32 tensor, or nothing where it has another type, keeps
// them in another file, or has more or fewer than its shape says.
std::optional<std::vector<float>> ReadFloats(const onnx::TensorProto& tensor);

// The same for int64.
std::optional<std::vector<std::int64_t>> ReadIntegers(
    const onnx::TensorProto& tensor);

}  // namespace ocelli
