#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "tflite_generated.h"

namespace ocelli {

// The dense, row-major form of a tensor that TensorFlow Lite stores sparsely:
// a tree of levels, each dense or compressed (CSR), over the axes of `shape`
// in any order and then over the axes of blocks within it. kDataLoss where the
// levels, indices and number of `values` do not belong together.
Result<std::vector<float>> ExpandSparse(const tflite::Sparsity& sparsity,
                                        std::span<const std::int64_t> shape,
                                        std::span<const float> values);

}  // namespace ocelli
