#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/session.h"
#include "models/test_folder.h"

namespace ocelli {

inline Tensor MakeTensor(std::vector<std::int64_t> shape,
                         std::vector<float> values) {
  return {std::move(shape), std::move(values)};
}

// A test that runs ONNX graphs.
class GraphTest : public FolderTest {
 protected:
  // Null, with a failure noted, where ONNX Runtime refuses the graph.
  std::unique_ptr<Session> Open(const std::string& onnx) {
    Write(folder_ / "model.onnx", onnx);
    SessionOptions options;
    options.keep_optimized = false;
    auto session = Session::Open(folder_ / "model.onnx", options);
    if (!session) {
      ADD_FAILURE() << session.error().message;
      return nullptr;
    }
    return *std::move(session);
  }

  // All outputs, or none with a failure noted.
  std::vector<Tensor> Run(
      const std::string& onnx,
      const std::vector<std::pair<std::string, Tensor>>& inputs) {
    const auto session = Open(onnx);
    if (session == nullptr) return {};
    std::vector<NamedTensor> named;
    for (const auto& [name, tensor] : inputs) named.push_back({name, tensor});
    auto outputs = session->Run(named);
    if (!outputs) {
      ADD_FAILURE() << outputs.error().message;
      return {};
    }
    return *std::move(outputs);
  }
};

inline std::vector<float> Values(const Tensor& tensor) {
  return {tensor.floats().begin(), tensor.floats().end()};
}

// Numbers from -1 to 1 that look random, always the same.
inline std::vector<float> Noise(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto hash = static_cast<std::uint32_t>(i + 1) * 2654435761U;
    values[i] = static_cast<float>(hash >> 8) / 8388608 - 1;
  }
  return values;
}

}  // namespace ocelli
