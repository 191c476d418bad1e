#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/result.h"

namespace ocelli {

// Part of every model's fingerprint: count it up when imported graphs change.
inline constexpr int kImportVersion = 1;

// A TensorFlow Lite flatbuffer as a serialised ONNX model, opset 16, fp32,
// same input and output layout (NHWC). kUnimplemented names an operator that
// is not known; kDataLoss is for bytes that are no valid flatbuffer.
Result<std::string> TfliteToOnnx(std::span<const std::byte> tflite);

// The same computation, faster in ONNX Runtime: initializers out of the
// inputs, PRelu as depthwise convolutions, channels in whole blocks of 16;
// batch and (where the graph ends in rows of cells, as detectors do) height and
// width made free. These must be multiples of all strides taken together, 32
// for BlazeFace's full range. kDataLoss where `onnx` is no valid model,
// kUnimplemented where its weights lie in other files.
Result<std::string> RewriteForSpeed(std::span<const std::byte> onnx);

}  // namespace ocelli
