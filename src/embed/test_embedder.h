#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "models/model_store.h"
#include "models/onnx_graph.h"

namespace ocelli {

// For tests: the mean colour of a picture, [N, 3, 8, 8] -> [N, 3, 1, 1], as
// an image embedder called `name`.
inline std::string TestEmbedderOnnx() {
  OnnxGraph graph;
  graph.AddInput("pixels", std::array<std::int64_t, 4>{-1, 3, 8, 8});
  graph.AddOutput("colour", graph.Node("GlobalAveragePool", {"pixels"}),
                  std::array<std::int64_t, 4>{-1, 3, 1, 1});
  return graph.Serialize();
}

// Writes its card, with the first `old` replaced, and the file it names below
// `models`.
inline void WriteTestEmbedderCard(const std::filesystem::path& models,
                                  const std::string& name,
                                  std::string_view old = "",
                                  std::string_view with = "") {
  const std::string model = TestEmbedderOnnx();
  std::filesystem::create_directories(models / "cards");
  const std::filesystem::path source = models / "cards" / (name + ".onnx");
  std::ofstream(source, std::ios::binary) << model;
  std::string card =
      "name = \"" + name +
      "\"\ntask = \"image-embedding\"\nfamily = \"test\"\n"
      "description = \"For tests\"\nlicence = \"MIT\"\nformat = \"onnx\"\n"
      "source = \"file:" +
      source.string() + "\"\nsha256 = \"" + Sha256(model).ToHex() +
      "\"\nsize = " + std::to_string(model.size()) +
      "\noutputs = [\"colour\"]\n"
      "[input]\nname = \"pixels\"\nlayout = \"NCHW\"\norder = \"RGB\"\n"
      "width = 8\nheight = 8\nmean = 0\nscale = 1\n"
      "[parameters]\ndimension = 3\n";
  if (!old.empty()) card.replace(card.find(old), old.size(), with);
  std::ofstream(models / "cards" / (name + ".toml")) << card;
}

// A vocabulary that joins any two visible bytes.
inline std::string TestVocabulary() {
  std::vector<std::string> characters;
  for (char c = '!'; c <= '~'; ++c) characters.emplace_back(1, c);
  for (int c = 0xAE; c <= 0xFF; ++c) {
    characters.push_back({static_cast<char>(0xC0 | c >> 6),
                          static_cast<char>(0x80 | (c & 0x3F))});
  }
  std::string text = "about\n";
  for (const char* ending : {"", "</w>"}) {
    for (const std::string& a : characters) {
      for (const std::string& b : characters) {
        text.append(a).append(" ").append(b).append(ending).append("\n");
      }
    }
  }
  return text;
}

// As the package of clip-bpe holds one.
inline std::string VocabularyJson(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '\n') {
      json += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + "\"";
}

// Installs a text tower called `name` to whom every text is red.
inline void InstallTestTextTower(const std::filesystem::path& models,
                                 const std::string& name) {
  constexpr std::array<std::int64_t, 2> kIds = {-1, 77};
  constexpr std::array<std::int64_t, 2> kWeights = {77, 3};
  std::vector<float> weights(77 * 3);
  weights[3] = 1;  // The first token of the text itself.
  OnnxGraph graph;
  graph.AddInput("input_ids", kIds, onnx::TensorProto::INT64);
  const std::string numbers =
      graph.Node("Cast", {"input_ids"}, {{"to", std::int64_t{1}}});
  graph.AddOutput(
      "text_embeds",
      graph.Node("MatMul", {numbers, graph.Floats(kWeights, weights)}),
      std::array<std::int64_t, 2>{-1, 3});
  const auto write = [&](const std::string& card, const std::string& bytes,
                         const std::string& keys) {
    std::filesystem::create_directories(models / "cards");
    const std::filesystem::path source = models / "cards" / (card + ".bytes");
    std::ofstream(source, std::ios::binary) << bytes;
    std::ofstream(models / "cards" / (card + ".toml"))
        << "name = \"" << card << "\"\nfamily = \"clip\"\ndescription = "
        << "\"For tests\"\nlicence = \"MIT\"\nsource = \"file:"
        << source.string() << "\"\nsha256 = \"" << Sha256(bytes).ToHex()
        << "\"\nsize = " << bytes.size() << "\n"
        << keys;
  };
  write(name + "-words", VocabularyJson(TestVocabulary()),
        "task = \"tokenizer\"\nformat = \"json\"\n");
  write(name, graph.Serialize(),
        "task = \"text-embedding\"\nformat = \"onnx\"\n"
        "outputs = [\"text_embeds\"]\nneeds = [\"" +
            name + "-words\"]\n");
  const ModelStore store(models);
  const auto card = store.Find(name);
  ASSERT_TRUE(card) << card.error().message;
  const auto pulled = store.Pull(*card, {});
  ASSERT_TRUE(pulled) << pulled.error().message;
}

// Writes the card and installs the model.
inline void InstallTestEmbedder(const std::filesystem::path& models,
                                const std::string& name) {
  WriteTestEmbedderCard(models, name);
  const ModelStore store(models);
  const auto card = store.Find(name);
  ASSERT_TRUE(card) << card.error().message;
  const auto pulled = store.Pull(*card, {});
  ASSERT_TRUE(pulled) << pulled.error().message;
}

}  // namespace ocelli
