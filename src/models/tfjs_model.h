#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// One layer of a Keras model.
struct TfjsLayer {
  std::string name;
  std::string type;                 // "Conv2D"
  nlohmann::json config;            // As written: its members may be anything.
  std::vector<std::size_t> inputs;  // Layers before this one, by index.
};

// A Keras model as TensorFlow.js keeps it (a "layers model"): model.json and
// weight shards, here one after the other in the order in which model.json
// names them. The structure has been checked: what its parts refer to exists,
// and no layer waits for itself. What the parts mean is for the reader to
// judge.
class TfjsModel {
 public:
  // `files` must outlive the model. kDataLoss for anything that is no sound
  // model, kUnimplemented for weights that are not float32, for layers that
  // are used twice and for models without one single output.
  static Result<TfjsModel> Parse(std::span<const std::byte> files);

  // Each after its inputs. The first is the only one without.
  const std::vector<TfjsLayer>& layers() const { return layers_; }
  std::size_t output() const { return output_; }

  // Height, width, channels, or a number of features: without the batch.
  const std::vector<std::int64_t>& input_shape() const { return input_shape_; }

  // What the layer learned: "kernel", "bias". kDataLoss where there is none of
  // this shape.
  Result<std::vector<float>> Weights(const TfjsLayer& layer,
                                     const std::string& what,
                                     std::span<const std::int64_t> shape) const;

 private:
  struct Weight {
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;
  };

  std::vector<TfjsLayer> layers_;
  std::size_t output_ = 0;
  std::vector<std::int64_t> input_shape_;
  std::map<std::string, Weight> weights_;

  Result<> ReadWeights(const nlohmann::json& manifest,
                       std::span<const std::byte> bytes);
  Result<> ReadLayers(const nlohmann::json& topology);
  Result<> ReadInput();
  Result<> Sort();
};

}  // namespace ocelli
