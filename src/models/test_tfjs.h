#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ocelli {

// Builds a Keras model as TensorFlow.js keeps it, for tests.
class TestTfjs {
 public:
  using Json = nlohmann::json;

  // `shape`: height, width, channels.
  explicit TestTfjs(std::vector<std::int64_t> shape) {
    Json batched = {nullptr};
    for (const std::int64_t size : shape) batched.push_back(size);
    Add("InputLayer", "input", {}, {{"batch_input_shape", batched}});
  }

  TestTfjs& Add(const std::string& type, const std::string& name,
                const std::vector<std::string>& inputs,
                Json config = Json::object()) {
    Json node = Json::array();
    for (const std::string& input : inputs) {
      node.push_back({input, 0, 0, Json::object()});
    }
    layers_.push_back({{"name", name},
                       {"class_name", type},
                       {"config", std::move(config)},
                       {"inbound_nodes",
                        inputs.empty() ? Json::array() : Json::array({node})}});
    output_ = name;
    return *this;
  }
  TestTfjs& Weights(const std::string& name, std::vector<std::int64_t> shape,
                    const std::vector<float>& values) {
    weights_.push_back(
        {{"name", name}, {"shape", std::move(shape)}, {"dtype", "float32"}});
    bytes_.append(reinterpret_cast<const char*>(values.data()),
                  values.size() * sizeof(float));
    return *this;
  }

  // What there is so far; may be changed before it is written down.
  Json Model() const {
    return {{"format", "layers-model"},
            {"modelTopology",
             {{"model_config",
               {{"class_name", "Model"},
                {"config",
                 {{"layers", layers_},
                  {"output_layers", Json::array({{output_, 0, 0}})}}}}}}},
            {"weightsManifest",
             Json::array({{{"paths", {"shard.bin"}}, {"weights", weights_}}})}};
  }
  const std::string& bytes() const { return bytes_; }
  std::string Finish() const { return Model().dump() + bytes_; }

 private:
  Json layers_ = Json::array();
  Json weights_ = Json::array();
  std::string bytes_;
  std::string output_;
};

}  // namespace ocelli
