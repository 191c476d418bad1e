#include "models/model_card.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "models/import.h"
#include "models/source.h"

namespace ocelli {
namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{2} << 30;  // Of a protobuf.

// Takes values out of one table; keeps the first mistake and then gives
// defaults.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string prefix, Result<>& mistake)
      : table_(table), prefix_(std::move(prefix)), mistake_(mistake) {}

  void Wrong(std::string_view key, std::string_view what) {
    if (!mistake_) return;
    mistake_ = Fail(ErrorCode::kInvalidArgument,
                    prefix_ + std::string(key) + " " + std::string(what));
  }

  std::string Text(std::string_view key, std::string fallback) {
    const toml::node* node = table_.get(key);
    if (!node) return fallback;
    const auto* text = node->as_string();
    if (!text) Wrong(key, "must be a string");
    return text ? text->get() : fallback;
  }

  std::string RequiredText(std::string_view key) {
    std::string text = Text(key, "");
    if (text.empty()) Wrong(key, "is missing");
    return text;
  }

  // The first choice where the key is optional and missing.
  std::string OneOf(std::string_view key,
                    std::initializer_list<std::string_view> choices,
                    bool optional = false) {
    std::string text =
        optional ? Text(key, std::string(*choices.begin())) : RequiredText(key);
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      std::string list;
      for (const std::string_view choice : choices) {
        if (!list.empty()) list += " or ";
        list += choice;
      }
      Wrong(key, "must be " + list + ", not '" + text + "'");
    }
    return text;
  }

  std::string Sha256Text(std::string_view key) {
    const auto digest = Digest::FromHex(RequiredText(key));
    if (!digest) Wrong(key, "must be 64 hexadecimal digits");
    return digest ? digest->ToHex() : "";
  }

  std::int64_t Whole(std::string_view key, std::int64_t least,
                     std::int64_t most) {
    const toml::node* node = table_.get(key);
    const auto* number = node ? node->as_integer() : nullptr;
    if (!number || number->get() < least || number->get() > most) {
      Wrong(key, "must be a whole number from " + std::to_string(least) +
                     " to " + std::to_string(most));
      return least;
    }
    return number->get();
  }

  // One number for all channels, or one for each.
  std::array<float, 3> Channels(std::string_view key) {
    const toml::node* node = table_.get(key);
    const toml::array* array = node ? node->as_array() : nullptr;
    std::array<float, 3> channels{};
    if (array && array->size() != channels.size()) {
      Wrong(key, "must be a number or a list of three");
      return channels;
    }
    for (std::size_t i = 0; i < channels.size(); ++i) {
      channels[i] =
          static_cast<float>(Number(key, array ? array->get(i) : node));
    }
    return channels;
  }

  double Number(std::string_view key) { return Number(key, table_.get(key)); }

  bool Truth(std::string_view key) {
    const toml::node* node = table_.get(key);
    if (node && !node->is_boolean()) Wrong(key, "must be true or false");
    return node && node->value_or(false);
  }

  std::vector<std::string> Texts(std::string_view key) {
    std::vector<std::string> texts;
    const toml::node* node = table_.get(key);
    const toml::array* array = node ? node->as_array() : nullptr;
    if (array) {
      for (const toml::node& element : *array) {
        if (const auto* text = element.as_string()) texts.push_back(**text);
      }
    }
    if (!array || texts.empty() || texts.size() != array->size()) {
      Wrong(key, "must be a list of strings");
    }
    return texts;
  }

  const toml::table* Table(std::string_view key) {
    const toml::node* node = table_.get(key);
    const toml::table* table = node ? node->as_table() : nullptr;
    if (node && !table) Wrong(key, "must be a table");
    return table;
  }

  // Catches misspelt keys.
  void AllowOnly(std::initializer_list<std::string_view> keys) {
    for (const auto& [key, value] : table_) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        Wrong(key.str(), "is not a key of a model card");
      }
    }
  }

 private:
  double Number(std::string_view key, const toml::node* node) {
    const auto number = node ? node->value<double>() : std::optional<double>();
    if (!number || !std::isfinite(*number)) Wrong(key, "must be a number");
    return number.value_or(0);
  }

  const toml::table& table_;
  const std::string prefix_;
  Result<>& mistake_;
};

ModelCard::Input ReadInput(const toml::table& table, Result<>& mistake) {
  constexpr int kMaxSide = 8192;
  TableReader reader(table, "input.", mistake);
  reader.AllowOnly({"name", "layout", "order", "width", "height", "mean",
                    "scale", "resize", "fit", "short_side"});
  ModelCard::Input input;
  input.name = reader.RequiredText("name");
  input.layout = reader.OneOf("layout", {"NHWC", "NCHW"});
  input.order = reader.OneOf("order", {"RGB", "BGR"});
  input.width = static_cast<int>(reader.Whole("width", 0, kMaxSide));
  input.height = static_cast<int>(reader.Whole("height", 0, kMaxSide));
  input.mean = reader.Channels("mean");
  input.scale = reader.Channels("scale");
  if (std::count(input.scale.begin(), input.scale.end(), 0.f) > 0) {
    reader.Wrong("scale", "must not be 0");
  }
  input.resize = reader.OneOf("resize", {"bilinear", "bicubic"}, true);
  input.fit = reader.OneOf("fit", {"stretch", "crop", "half-crop"}, true);
  if (input.fit == "crop") {
    input.short_side = static_cast<int>(reader.Whole(
        "short_side", std::max({input.width, input.height, 1}), kMaxSide));
  } else if (table.contains("short_side")) {
    reader.Wrong("short_side", "is for fit = \"crop\"");
  }
  return input;
}

// What goes into the model and comes out, which follows from its task.
void ReadEnds(const toml::table& table, TableReader& reader, ModelCard& card,
              Result<>& mistake) {
  const bool is_tokenizer = card.task == "tokenizer";
  if (is_tokenizer != (card.format == "json")) {
    reader.Wrong("format", "json is for task = \"tokenizer\", and no other");
  }
  const bool sees = !is_tokenizer && card.task != "text-embedding";
  const toml::table* input = reader.Table("input");
  if (input && sees) {
    card.input = ReadInput(*input, mistake);
  } else if (input || sees) {
    reader.Wrong("input", sees ? "is missing" : "is for models of pictures");
  } else if (!is_tokenizer) {
    card.input.name = "input_ids";
  }
  if (!is_tokenizer) {
    card.outputs = reader.Texts("outputs");
  } else if (table.contains("outputs")) {
    reader.Wrong("outputs", "is for models");
  }
}

// The sampler of faces/ knows one mean and one scale.
void CheckChannels(const ModelCard& card, TableReader& reader) {
  const auto uniform = [](const std::array<float, 3>& channels) {
    return channels[0] == channels[1] && channels[0] == channels[2];
  };
  if (card.task.starts_with("face-") &&
      !(uniform(card.input.mean) && uniform(card.input.scale))) {
    reader.Wrong("input.mean", "and input.scale must be one number for faces");
  }
}

// A name is a folder's name too.
bool IsCardName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789";
  return name.size() <= 64 &&
         kAllowed.find(name.substr(0, 1)) != kAllowed.npos &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return c == '-' || c == '.' || kAllowed.find(c) != kAllowed.npos;
         });
}

void CheckSource(const ModelCard& card, TableReader& reader) {
  const auto source = ParseSource(card.source);
  if (!source) return reader.Wrong("source", source.error().message);
  if (source->kind == Source::Kind::kDeb) {
    reader.Wrong("source", "must not be a Debian package");
  }
  if (card.format == "tfjs" &&
      (source->kind == Source::Kind::kWeb || source->range)) {
    reader.Wrong("source", "must name model.json in an npm: or file: source");
  }
  if (card.size == 0 &&
      (card.format == "tfjs" || source->kind != Source::Kind::kWeb)) {
    reader.Wrong("size", "is missing");
  }
  if (source->range && source->range->end - source->range->first != card.size) {
    reader.Wrong("source", "holds another number of bytes than size says");
  }
  if (source->kind != Source::Kind::kNpm && !card.archive_sha256.empty()) {
    reader.Wrong("archive_sha256", "is for npm: sources");
  }
}

// Values joined so that no two lists of them read the same.
class Recipe {
 public:
  void Add(std::string_view text) {
    joined_ += std::to_string(text.size()) + ":";
    joined_ += text;
  }
  void Add(double number) {
    char text[32];  // The shortest form of a double needs 24.
    Add(std::string_view(text, std::to_chars(text, text + 32, number).ptr));
  }
  const std::string& joined() const { return joined_; }

 private:
  std::string joined_;
};

}  // namespace

Digest ModelCard::Fingerprint() const {
  Recipe recipe;
  recipe.Add(kImportVersion);
  recipe.Add(family);
  recipe.Add(sha256);
  recipe.Add(format);
  recipe.Add(input.name);
  recipe.Add(input.layout);
  recipe.Add(input.order);
  recipe.Add(input.width);
  recipe.Add(input.height);
  for (const float mean : input.mean) recipe.Add(mean);
  for (const float scale : input.scale) recipe.Add(scale);
  recipe.Add(input.resize);
  recipe.Add(input.fit);
  recipe.Add(input.short_side);
  recipe.Add(pooling);
  recipe.Add(static_cast<double>(outputs.size()));
  for (const std::string& output : outputs) recipe.Add(output);
  for (const auto& [name_, value] : parameters) {
    recipe.Add(name_);
    recipe.Add(value);
  }
  for (const std::string& need : needs) recipe.Add(need);
  return Sha256(recipe.joined());
}

Result<ModelCard> ParseModelCard(std::string_view toml) {
  const toml::parse_result parsed = toml::parse(toml);
  if (!parsed) {
    const auto& place = parsed.error().source().begin;
    return Fail(ErrorCode::kInvalidArgument,
                "line " + std::to_string(place.line) + ", column " +
                    std::to_string(place.column) + ": " +
                    std::string(parsed.error().description()));
  }
  const toml::table& table = parsed.table();
  Result<> mistake;
  TableReader reader(table, "", mistake);
  reader.AllowOnly({"name", "task", "family", "description", "source",
                    "archive_sha256", "sha256", "size", "format", "licence",
                    "non_commercial", "input", "outputs", "pooling", "text",
                    "needs", "parameters"});
  ModelCard card;
  card.name = reader.RequiredText("name");
  if (!IsCardName(card.name)) {
    reader.Wrong("name", "must be of a-z, 0-9, '-' and '.'");
  }
  card.task = reader.RequiredText("task");
  card.family = reader.RequiredText("family");
  card.description = reader.RequiredText("description");
  card.source = reader.RequiredText("source");
  if (card.source.starts_with("npm:") || table.contains("archive_sha256")) {
    card.archive_sha256 = reader.Sha256Text("archive_sha256");
  }
  card.sha256 = reader.Sha256Text("sha256");
  if (table.contains("size")) {
    card.size = static_cast<std::uint64_t>(reader.Whole("size", 1, kMaxBytes));
  }
  card.format = reader.OneOf("format", {"tflite", "onnx", "tfjs", "json"});
  card.licence = reader.RequiredText("licence");
  card.non_commercial = reader.Truth("non_commercial");
  ReadEnds(table, reader, card, mistake);
  card.pooling = reader.OneOf(
      "pooling", {"none", "first-token", "mean-tokens", "spatial-mean"}, true);
  card.text = reader.Text("text", "");
  if (table.contains("needs")) card.needs = reader.Texts("needs");
  if (const toml::table* parameters = reader.Table("parameters")) {
    TableReader values(*parameters, "parameters.", mistake);
    for (const auto& [key, value] : *parameters) {
      card.parameters[std::string(key.str())] = values.Number(key.str());
    }
  }
  CheckSource(card, reader);
  CheckChannels(card, reader);
  if (!mistake) return mistake.Failure();
  return card;
}

}  // namespace ocelli
