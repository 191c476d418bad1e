#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/result.h"
#include "models/onnx_graph.h"

namespace ocelli {

// MediaPipe's custom operators in its attention mesh (version 2 of each, from
// mediapipe/util/tflite/operations), written with ONNX operators that work for
// any batch. `options` is the operator's FlexBuffer. Each adds its nodes to
// `graph` and returns the value they end in. kDataLoss for options that make
// no sense.

// landmarks [N,count,3] -> [N,4,4], which takes the pixels of a crop to the
// landmarks' coordinates: the box around some of the landmarks, turned so that
// two of them lie level.
Result<std::string> LandmarksToTransformMatrix(
    std::span<const std::uint8_t> options, std::int64_t count,
    const std::string& landmarks, OnnxGraph& graph);

// features [N,C,height,width] sampled where matrix [N,4,4] takes each pixel of
// the crop -> [N,C,h,w]; zero outside.
Result<std::string> TransformTensorBilinear(
    std::span<const std::uint8_t> options, std::int64_t height,
    std::int64_t width, const std::string& features, const std::string& matrix,
    OnnxGraph& graph);

// landmarks [N,K,2] or [N,K,3] and matrix [N,4,4] -> the same landmarks, x and
// y transformed.
Result<std::string> TransformLandmarks(std::span<const std::uint8_t> options,
                                       std::int64_t dimensions,
                                       const std::string& landmarks,
                                       const std::string& matrix,
                                       OnnxGraph& graph);

}  // namespace ocelli
