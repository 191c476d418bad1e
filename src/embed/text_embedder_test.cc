#include "embed/text_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "embed/test_embedder.h"
#include "models/test_folder.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

// input_ids and, if wanted, attention_mask, [N, 77] -> their product as floats.
std::string TextModel(bool with_mask) {
  constexpr std::array<std::int64_t, 2> kShape = {-1, 77};
  OnnxGraph graph;
  graph.AddInput("input_ids", kShape, onnx::TensorProto::INT64);
  std::string ids = "input_ids";
  if (with_mask) {
    graph.AddInput("attention_mask", kShape, onnx::TensorProto::INT64);
    ids = graph.Node("Mul", {ids, "attention_mask"});
  }
  graph.AddOutput("text_embeds",
                  graph.Node("Cast", {ids}, {{"to", std::int64_t{1}}}), kShape);
  return graph.Serialize();
}

class TextEmbedderTest : public FolderTest {
 protected:
  void WriteCard(const std::string& name, const std::string& bytes,
                 const std::string& keys) {
    Write(folder_ / name, bytes);
    Write(folder_ / "models/cards" / (name + ".toml"),
          "name = \"" + name + "\"\nfamily = \"clip\"\ndescription = \"For " +
              "tests\"\nlicence = \"MIT\"\nsource = \"file:" +
              (folder_ / name).string() + "\"\nsha256 = \"" +
              Sha256(bytes).ToHex() +
              "\"\nsize = " + std::to_string(bytes.size()) + "\n" + keys);
  }
  void WriteVocabulary(const std::string& text) {
    WriteCard("words", VocabularyJson(text),
              "task = \"tokenizer\"\nformat = \"json\"\n");
  }
  void WriteModel(bool with_mask, const std::string& keys = "") {
    WriteCard("text", TextModel(with_mask),
              "task = \"text-embedding\"\nformat = \"onnx\"\n"
              "outputs = [\"text_embeds\"]\nneeds = [\"words\"]\n" +
                  keys);
  }
  Result<std::unique_ptr<TextEmbedder>> PullAndOpen() {
    const ModelStore models(folder_ / "models");
    const auto card = models.Find("text");
    if (!card) return card.Failure();
    const auto pulled = models.Pull(*card, {});
    if (!pulled) return pulled.Failure();
    EXPECT_TRUE(models.IsInstalled(*card));
    return TextEmbedder::Open(models, *card);
  }
};

TEST_F(TextEmbedderTest, GivesUnitVectorsOfWhatTheTextSays) {
  WriteVocabulary(TestVocabulary());
  WriteModel(true);
  const auto embedder = PullAndOpen();
  ASSERT_TRUE(embedder) << embedder.error().message;
  const auto embedding = (*embedder)->Embed("a");
  ASSERT_TRUE(embedding) << embedding.error().message;
  ASSERT_EQ(embedding->size(), 77);
  // "a</w>" is behind the 256 bytes: 256 + 'a' - '!'.
  const double length = std::hypot(49406., 320., 49407.);
  EXPECT_NEAR((*embedding)[0], 49406 / length, 1e-6);
  EXPECT_NEAR((*embedding)[1], 320 / length, 1e-6);
  EXPECT_NEAR((*embedding)[2], 49407 / length, 1e-6);
  EXPECT_EQ((*embedding)[3], 0);  // Masked.
}

TEST_F(TextEmbedderTest, AGraphNeedsNoMask) {
  WriteVocabulary(TestVocabulary());
  WriteModel(false);
  const auto embedder = PullAndOpen();
  ASSERT_TRUE(embedder) << embedder.error().message;
  EXPECT_GT((*embedder)->Embed("")->back(), 0);
}

TEST_F(TextEmbedderTest, WhatItNeedsMustBeThere) {
  WriteModel(false);
  EXPECT_THAT(PullAndOpen().error().message, HasSubstr("'words'"));
  WriteVocabulary("about\ni n\n");
  EXPECT_THAT(PullAndOpen().error().message, HasSubstr("line 3"));
  std::filesystem::remove_all(folder_ / "models/words");
  const ModelStore models(folder_ / "models");
  const auto card = models.Find("text").value();
  EXPECT_FALSE(models.IsInstalled(card));
  const auto embedder = TextEmbedder::Open(models, card);
  EXPECT_EQ(embedder.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(embedder.error().message, HasSubstr("models pull words"));
}

TEST_F(TextEmbedderTest, OtherCardsAreRefused) {
  const ModelStore models(folder_ / "models");
  EXPECT_EQ(
      TextEmbedder::Open(models, models.Find("resnet50").value()).error().code,
      ErrorCode::kInvalidArgument);
}

TEST_F(TextEmbedderTest, AVocabularyIsAJsonString) {
  WriteCard("words", "[1]", "task = \"tokenizer\"\nformat = \"json\"\n");
  WriteModel(false);
  EXPECT_THAT(PullAndOpen().error().message, HasSubstr("not a JSON string"));
}

}  // namespace
}  // namespace ocelli
