#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// Part of every model's fingerprint: count it up when imported graphs change.
inline constexpr int kImportVersion = 1;

// A TensorFlow Lite flatbuffer as a serialised ONNX model, opset 16, fp32,
// same input and output layout (NHWC). kUnimplemented names an operator that
// is not known; kDataLoss is for bytes that are no valid flatbuffer.
Result<std::string> TfliteToOnnx(std::span<const std::byte> tflite);

// A Keras model as TensorFlow.js keeps it ("layers model"), given as model.json
// followed by its weight shards, as a serialised ONNX model, opset 16: input
// "images" NCHW, the model's own output (NHWC) and "embedding", what its last
// dense layer sees. Batch normalisation is folded into convolutions.
// kUnimplemented names a layer that is not known; kDataLoss is for damage.
Result<std::string> TfjsToOnnx(std::span<const std::byte> files);

// The names of the shards that model.json, which `files` begins with, asks for:
// of files beside it. kDataLoss.
Result<std::vector<std::string>> TfjsShards(std::string_view files);

// The ONNX model with an output "embedding" [N, D]: its own, or what its last
// fully connected layer sees. kUnimplemented where it has neither.
Result<std::string> NameEmbedding(std::string onnx);

// The same computation, faster in ONNX Runtime: initializers out of the
// inputs, PRelu as depthwise convolutions, channels in whole blocks of 16;
// batch and (where the graph ends in rows of cells, as detectors do) height and
// width made free. These must be multiples of all strides taken together, 32
// for BlazeFace's full range. kDataLoss where `onnx` is no valid model,
// kUnimplemented where its weights lie in other files.
Result<std::string> RewriteForSpeed(std::span<const std::byte> onnx);

}  // namespace ocelli
