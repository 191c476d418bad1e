#include "models/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "core/file.h"
#include "models/builtin_cards.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

constexpr char kCard[] = R"(
name = "tiny"
task = "face-detection"
family = "blazeface"
description = "For tests"
licence = "MIT"
source = "npm:@some/package@1.0.0!a/tiny.tflite#10-52"
archive_sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
sha256 = "000000000000000000000000000000000000000000000000000000000000000A"
size = 42
format = "tflite"
non_commercial = true
outputs = ["boxes", "scores"]

[input]
name = "image"
layout = "NHWC"
order = "RGB"
width = 0
height = 128
mean = 127.5
scale = 1

[parameters]
score_threshold = 0.5
anchors = 2
)";

// The card with the first `old` replaced.
std::string With(std::string_view old, std::string_view replacement) {
  std::string text = kCard;
  return text.replace(text.find(old), old.size(), replacement);
}

TEST(ModelCard, HoldsWhatItsFileSays) {
  const auto card = ParseModelCard(kCard);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->name, "tiny");
  EXPECT_EQ(card->task, "face-detection");
  EXPECT_EQ(card->family, "blazeface");
  EXPECT_EQ(card->licence, "MIT");
  EXPECT_EQ(card->size, 42);
  EXPECT_EQ(card->sha256.back(), 'a');
  EXPECT_TRUE(card->non_commercial);
  EXPECT_EQ(card->input.layout, "NHWC");
  EXPECT_EQ(card->input.height, 128);
  EXPECT_THAT(card->input.mean, testing::Each(127.5f));
  EXPECT_THAT(card->input.scale, testing::Each(1.0f));
  EXPECT_EQ(card->input.resize, "bilinear");
  EXPECT_EQ(card->input.fit, "stretch");
  EXPECT_EQ(card->pooling, "none");
  EXPECT_THAT(card->outputs, testing::ElementsAre("boxes", "scores"));
  EXPECT_EQ(card->parameters.at("anchors"), 2);
}

TEST(ModelCard, ReadsHowAPictureIsPrepared) {
  std::string text = With("face-detection", "image-embedding");
  text.replace(text.find("mean = 127.5"), 12,
               "mean = [1, 2.5, 3]\nfit = \"crop\"");
  text.insert(text.find("[input]") + 8,
              "resize = \"bicubic\"\nshort_side = 256\n");
  const auto card =
      ParseModelCard("pooling = \"first-token\"\ntext = \"words\"" + text);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_THAT(card->input.mean, testing::ElementsAre(1, 2.5, 3));
  EXPECT_EQ(card->input.resize, "bicubic");
  EXPECT_EQ(card->input.fit, "crop");
  EXPECT_EQ(card->input.short_side, 256);
  EXPECT_EQ(card->pooling, "first-token");
  EXPECT_EQ(card->text, "words");
}

TEST(ModelCard, AMistakeNamesItsKey) {
  const std::pair<std::string, std::string> mistakes[] = {
      {With("name = \"tiny\"", ""), "name is missing"},
      {With("\"tiny\"", "\"../tiny\""), "name must be"},
      {With("\"tiny\"", "\".tiny\""), "name must be"},
      {With("\"tiny\"", "7"), "name must be a string"},
      {With("task = \"face-detection\"", ""), "task is missing"},
      {With("licence", "license"), "license is not a key"},
      {With("npm:@some", "ftp:@some"), "source"},
      {With("#10-52", "#10-51"), "source holds another number"},
      {With("npm:@some/package@1.0.0!a/tiny.tflite#10-52", "deb:a=1!b"),
       "source must not be a Debian"},
      {With("npm:@some/package@1.0.0!a/tiny.tflite#10-52", "https://a.org/b"),
       "archive_sha256 is for npm"},
      {With("\"tflite\"", "\"tfjs\""), "source must name model.json"},
      {With("archive_sha256", "# a"), "archive_sha256 is missing"},
      {With("\nsha256 = \"00", "\nsha256 = \""), "sha256 must be 64"},
      {With("size = 42", "size = 0"), "size must be a whole number"},
      {With("size = 42", ""), "size is missing"},
      {With("\"tflite\"", "\"json\""), "format json is for"},
      {With("\"face-detection\"", "\"tokenizer\""), "format json is for"},
      {With("\"face-detection\"", "\"text-embedding\""), "input is for"},
      {With("non_comm", "needs = [7]\nnon_comm"), "needs must be a list"},
      {With("size = 42", "size = 4.2"), "size must be a whole number"},
      {With("size = 42", "size = 9999999999"), "size must be a whole number"},
      {With("\"tflite\"", "\"pickle\""),
       "format must be tflite or onnx or tfjs or json"},
      {With("= true", "= 1"), "non_commercial must be true or false"},
      {With("\"boxes\", \"scores\"", ""), "outputs must be a list"},
      {With("\"boxes\"", "1"), "outputs must be a list"},
      {With("[input]", "[inputs]"), "inputs is not a key"},
      {With("\"NHWC\"", "\"HWC\""), "input.layout must be NHWC or NCHW"},
      {With("\"RGB\"", "\"GRB\""), "input.order must be RGB or BGR"},
      {With("height = 128", "height = -1"), "input.height"},
      {With("scale = 1", "scale = 0"), "input.scale must not be 0"},
      {With("scale = 1", "scale = nan"), "input.scale must be a number"},
      {With("scale = 1", "scale = [1, 1]"), "input.scale must be a number or"},
      {With("scale = 1", "scale = [1, 0, 1]"), "input.scale must not be 0"},
      {With("scale = 1", "scale = 1\nresize = \"area\""),
       "input.resize must be bilinear or bicubic"},
      {With("scale = 1", "scale = 1\nfit = \"crop\""), "input.short_side must"},
      {With("scale = 1", "scale = 1\nfit = \"crop\"\nshort_side = 127"),
       "input.short_side must be a whole number from 128"},
      {With("scale = 1", "scale = 1\nshort_side = 128"),
       "input.short_side is for"},
      {With("mean = 127.5", "mean = [1, 2, 3]"),
       "input.mean and input.scale must be one number for faces"},
      {With("outputs", "pooling = \"max\"\noutputs"), "pooling must be none"},
      {With("anchors = 2", "anchors = \"2\""), "parameters.anchors"},
      {With("size = 42", "size = = 42"), "line 10"},
      {std::string("\xff\xfe\x00", 3), "line 1"},
      {"", "is missing"},
  };
  for (const auto& [text, expected] : mistakes) {
    const auto card = ParseModelCard(text);
    ASSERT_FALSE(card) << expected;
    EXPECT_EQ(card.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(card.error().message, HasSubstr(expected));
  }
}

TEST(ModelCard, ItsFingerprintFollowsWhatChangesAnswers) {
  const Digest fingerprint = ParseModelCard(kCard)->Fingerprint();
  EXPECT_EQ(ParseModelCard(kCard)->Fingerprint(), fingerprint);
  for (const std::string& text :
       {With("\"tiny\"", "\"other\""), With("For tests", "Words"),
        With("\"MIT\"", "\"BSD-3-Clause\""), With("a/tiny", "b/tiny")}) {
    EXPECT_EQ(ParseModelCard(text)->Fingerprint(), fingerprint) << text;
  }
  for (const std::string& text :
       {With("0A\"", "0B\""), With("blazeface", "yunet"),
        With("\"RGB\"", "\"BGR\""), With("height = 128", "height = 64"),
        With("127.5", "127"), With("scale = 1", "scale = 2"),
        With("\"image\"", "\"data\""), With("\"boxes\"", "\"box\""),
        With("\"boxes\", \"scores\"", "\"scores\", \"boxes\""),
        With("= 0.5", "= 0.6"), With("anchors", "anchor"),
        With("127.5", "-127.5"),
        With("scale = 1", "scale = 1\nresize = \"bicubic\""),
        With("outputs", "pooling = \"spatial-mean\"\noutputs")}) {
    EXPECT_NE(ParseModelCard(text)->Fingerprint(), fingerprint) << text;
  }
}

TEST(ModelCard, EveryBuiltinOneIsValidAndNamedLikeItsFile) {
  std::set<std::string> names;
  std::set<std::string> named;
  for (const std::string_view text : BuiltinCards()) {
    const auto card = ParseModelCard(text);
    ASSERT_TRUE(card) << card.error().message << " in\n" << text;
    names.insert(card->name);
    named.insert(card->needs.begin(), card->needs.end());
    if (!card->text.empty()) named.insert(card->text);
  }
  EXPECT_TRUE(
      std::includes(names.begin(), names.end(), named.begin(), named.end()));
  std::set<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(OCELLI_SOURCE_DIR "/models")) {
    if (entry.path().extension() == ".toml") files.insert(entry.path().stem());
  }
  EXPECT_EQ(names, files);
  EXPECT_GE(names.size(), 11);
}

}  // namespace
}  // namespace ocelli
