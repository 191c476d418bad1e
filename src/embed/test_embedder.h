#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

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
