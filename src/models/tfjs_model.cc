#include "models/tfjs_model.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "models/import.h"

namespace ocelli {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxJsonBytes = std::size_t{16} << 20;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxLayers = 4096;
constexpr std::size_t kMaxInputs = 256;  // Of one layer.
constexpr std::size_t kMaxShards = 4096;
constexpr std::size_t kMaxWeights = 1 << 16;
constexpr std::size_t kMaxRank = 8;
constexpr std::int64_t kMaxSide = 1 << 14;

auto Damaged(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, what);
}

auto Unknown(const std::string& what) {
  return Fail(ErrorCode::kUnimplemented, what);
}

// The object that `text` begins with, or nothing where it does not end, or
// nests deeper than any model.
std::optional<std::string_view> FirstObject(std::string_view text) {
  text = text.substr(0, kMaxJsonBytes);
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return std::nullopt;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return text.substr(0, i + 1);
    }
  }
  return std::nullopt;
}

Result<json> ParseObject(std::string_view text) {
  const auto object = FirstObject(text);
  if (!object) return Damaged("no model.json");
  json parsed = json::parse(*object, nullptr, false);
  if (!parsed.is_object()) return Damaged("no model.json");
  return parsed;
}

// The member, or one that is null.
const json& Member(const json& object, const char* key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

// "" where it is no string.
std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

std::optional<std::int64_t> Whole(const json& value, std::int64_t most) {
  if (!value.is_number_integer()) return std::nullopt;
  // Of an unsigned number beyond int64 this is negative.
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > most) return std::nullopt;
  return number;
}

bool IsFileName(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

// The name of the layer that [NAME, node, tensor, ...] refers to, which must
// be its only output.
Result<std::string> Reference(const json& reference) {
  if (!reference.is_array() || reference.size() < 3) {
    return Damaged("a layer has no proper inputs");
  }
  std::string name = Text(reference[0]);
  if (reference[1] != 0 || reference[2] != 0) {
    return Unknown("layer " + name + " is used more than once");
  }
  return name;
}

// The inputs that the layer's file names: [[[NAME, 0, 0, {}], ...]].
Result<std::vector<std::string>> InputNames(const json& layer) {
  std::vector<std::string> names;
  const json& nodes = Member(layer, "inbound_nodes");
  if (!nodes.is_array() || nodes.empty()) return names;
  if (nodes.size() != 1 || !nodes[0].is_array()) {
    return Unknown("layer " + Text(Member(layer, "name")) +
                   " is used more than once");
  }
  if (nodes[0].size() > kMaxInputs) return Damaged("too many inputs");
  for (const json& reference : nodes[0]) {
    auto name = Reference(reference);
    if (!name) return name.Failure();
    names.push_back(*std::move(name));
  }
  return names;
}

}  // namespace

Result<std::vector<std::string>> TfjsShards(std::string_view text) {
  const auto parsed = ParseObject(text);
  if (!parsed) return parsed.Failure();
  std::vector<std::string> names;
  for (const json& group : Member(*parsed, "weightsManifest")) {
    for (const json& path : Member(group, "paths")) {
      names.push_back(Text(path));
      if (!IsFileName(names.back()) || names.size() > kMaxShards) {
        return Damaged("model.json names no proper weight files");
      }
    }
  }
  return names;
}

Result<TfjsModel> TfjsModel::Parse(std::span<const std::byte> files) {
  const std::string_view text(reinterpret_cast<const char*>(files.data()),
                              files.size());
  const auto parsed = ParseObject(text);
  if (!parsed) return parsed.Failure();
  if (Text(Member(*parsed, "format")) == "graph-model") {
    return Unknown("a TensorFlow.js graph model, not a layers model");
  }
  TfjsModel model;
  const json& topology = Member(*parsed, "modelTopology");
  const json& inner = Member(topology, "model_config");
  auto read = model.ReadLayers(inner.is_object() ? inner : topology);
  if (read) read = model.Sort();
  if (read) read = model.ReadInput();
  if (read) {
    // What follows model.json may begin with the white space at its end, which
    // only the sizes of the weights tell from them.
    read = model.ReadWeights(Member(*parsed, "weightsManifest"),
                             files.subspan(FirstObject(text)->size()));
  }
  if (!read) return read.Failure();
  return model;
}

Result<> TfjsModel::ReadWeights(const json& manifest,
                                std::span<const std::byte> bytes) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> weights;
  std::size_t total = 0;
  for (const json& group : manifest) {
    for (const json& entry : Member(group, "weights")) {
      const std::string name = Text(Member(entry, "name"));
      if (Text(Member(entry, "dtype")) != "float32" ||
          !Member(entry, "quantization").is_null()) {
        return Unknown("weights " + name + " are not float32");
      }
      const json& shape = Member(entry, "shape");
      if (!shape.is_array() || shape.size() > kMaxRank ||
          weights.size() == kMaxWeights) {
        return Damaged("weights " + name + " have no proper shape");
      }
      std::size_t size = sizeof(float);
      std::vector<std::int64_t> sizes;
      for (const json& axis : shape) {
        const auto number =
            Whole(axis, static_cast<std::int64_t>(bytes.size() / size));
        if (!number) return Damaged("weights " + name + " are cut off");
        sizes.push_back(*number);
        // Never 0, so that the next bound stands.
        size *= static_cast<std::size_t>(std::max<std::int64_t>(*number, 1));
      }
      if (std::count(sizes.begin(), sizes.end(), 0) != 0) size = 0;
      if (size > bytes.size() - total) {
        return Damaged("weights " + name + " are cut off");
      }
      total += size;
      weights.emplace_back(name, std::move(sizes));
    }
  }
  bytes = bytes.last(total);
  for (auto& [name, shape] : weights) {
    std::size_t size = sizeof(float);
    for (const std::int64_t axis : shape) {
      size *= static_cast<std::size_t>(axis);
    }
    const Weight weight{std::move(shape), bytes.first(size)};
    bytes = bytes.subspan(size);
    if (!weights_.emplace(name, weight).second) {
      return Damaged("weights " + name + " are there twice");
    }
  }
  return {};
}

Result<> TfjsModel::ReadLayers(const json& topology) {
  const bool is_row = Text(Member(topology, "class_name")) == "Sequential";
  const json& config = Member(topology, "config");
  const json& layers = config.is_array() ? config : Member(config, "layers");
  if (!layers.is_array() || layers.empty() || layers.size() > kMaxLayers) {
    return Damaged("model.json has no proper layers");
  }
  std::map<std::string, std::size_t> indices;
  for (const json& layer : layers) {
    TfjsLayer read;
    read.config = Member(layer, "config");
    read.type = Text(Member(layer, "class_name"));
    read.name = Text(Member(layer, "name"));
    if (read.name.empty()) read.name = Text(Member(read.config, "name"));
    if (!indices.emplace(read.name, layers_.size()).second) {
      return Damaged("two layers are called " + read.name);
    }
    if (is_row && !layers_.empty()) read.inputs = {layers_.size() - 1};
    layers_.push_back(std::move(read));
  }
  output_ = layers_.size() - 1;
  if (is_row) return {};

  const auto find = [&](const std::string& name) -> Result<std::size_t> {
    const auto found = indices.find(name);
    if (found != indices.end()) return found->second;
    return Damaged("there is no layer " + name);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto names = InputNames(layers[i]);
    if (!names) return names.Failure();
    for (const std::string& name : *names) {
      const auto index = find(name);
      if (!index) return index.Failure();
      layers_[i].inputs.push_back(*index);
    }
  }
  const json& outputs = Member(config, "output_layers");
  if (!outputs.is_array() || outputs.size() != 1) {
    return Unknown("a model of not just one output");
  }
  const auto name = Reference(outputs[0]);
  if (!name) return name.Failure();
  const auto index = find(*name);
  if (!index) return index.Failure();
  output_ = *index;
  return {};
}

// Puts every layer behind its inputs.
Result<> TfjsModel::Sort() {
  std::vector<std::vector<std::size_t>> readers(layers_.size());
  std::vector<std::size_t> missing;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    missing.push_back(layers_[i].inputs.size());
    if (layers_[i].inputs.empty()) order.push_back(i);
    for (const std::size_t input : layers_[i].inputs) {
      readers[input].push_back(i);
    }
  }
  if (order.size() != 1) return Unknown("a model of not just one input");
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const std::size_t reader : readers[order[next]]) {
      if (--missing[reader] == 0) order.push_back(reader);
    }
  }
  if (order.size() != layers_.size()) {
    return Damaged("layers wait for each other in a circle");
  }
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<TfjsLayer> sorted;
  for (const std::size_t index : order) {
    sorted.push_back(std::move(layers_[index]));
    for (std::size_t& input : sorted.back().inputs) input = place[input];
  }
  layers_ = std::move(sorted);
  output_ = place[output_];
  return {};
}

Result<> TfjsModel::ReadInput() {
  const json& config = layers_[0].config;
  const json& batched = Member(config, "batch_input_shape");
  const json& shape =
      batched.is_array() ? batched : Member(config, "batch_shape");
  if (!shape.is_array() || shape.size() < 2 || shape.size() > 4) {
    return Damaged("the first layer states no input");
  }
  for (std::size_t i = 1; i < shape.size(); ++i) {
    const auto size = Whole(shape[i], kMaxSide);
    if (!size || *size == 0) {
      return Unknown("an input without a size of its own");
    }
    input_shape_.push_back(*size);
  }
  return {};
}

Result<std::vector<float>> TfjsModel::Weights(
    const TfjsLayer& layer, const std::string& what,
    std::span<const std::int64_t> shape) const {
  const std::string name = layer.name + "/" + what;
  const auto found = weights_.find(name);
  if (found == weights_.end()) return Damaged("no weights " + name);
  const Weight& weight = found->second;
  if (!std::equal(shape.begin(), shape.end(), weight.shape.begin(),
                  weight.shape.end())) {
    return Damaged("weights " + name + " have another shape");
  }
  std::vector<float> values(weight.bytes.size() / sizeof(float));
  if (!values.empty()) {
    std::memcpy(values.data(), weight.bytes.data(), weight.bytes.size());
  }
  return values;
}

}  // namespace ocelli
