// Every family's preprocessing and pooling against npm
// @huggingface/transformers, on small graphs of the same architecture with
// random weights: both sides run the same file on the same pictures, each
// behind its own preprocessing. `./dev setup test` installs the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file.h"
#include "core/paths.h"
#include "embed/image_embedder.h"
#include "embed/pooling.h"
#include "embed/text_embedder.h"
#include "family_graphs.h"
#include "media/still_image.h"
#include "models/process.h"
#include "models/test_folder.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Vector = std::vector<float>;

constexpr double kSame = 0.999;
const char* const kPictures[] = {"whole", "portrait", "panorama", "tiny",
                                 "grey",  "alpha",    "mosaic"};

struct Family {
  std::string name;
  std::string (*graph)();
  std::vector<std::int64_t> output;  // Of one picture.
  std::string card;                  // What differs from the others.
};

std::string Channels(const char* key, std::array<double, 3> values) {
  return std::string(key) + " = [" + std::to_string(values[0]) + ", " +
         std::to_string(values[1]) + ", " + std::to_string(values[2]) + "]\n";
}

// (v / 255 - mean) / std, as cards have it.
std::string Normal(std::array<double, 3> mean, std::array<double, 3> std) {
  for (double& value : mean) value *= 255;
  for (double& value : std) value = 1 / (255 * value);
  return Channels("mean", mean) + Channels("scale", std);
}

std::string Input(const std::string& name, int size, const std::string& rest) {
  return "[input]\nname = \"" + name +
         "\"\nlayout = \"NCHW\"\norder = \"RGB\"\nwidth = " +
         std::to_string(size) + "\nheight = " + std::to_string(size) + "\n" +
         rest;
}

std::vector<Family> Families() {
  const std::string half = "mean = 127.5\nscale = 0.00784313725490196\n";
  const std::string clip = Normal({0.48145466, 0.4578275, 0.40821073},
                                  {0.26862954, 0.26130258, 0.27577711});
  const std::string imagenet =
      Normal({0.485, 0.456, 0.406}, {0.229, 0.224, 0.225});
  const std::string bicubic = "resize = \"bicubic\"\n";
  const auto crop = [](int side) {
    return "fit = \"crop\"\nshort_side = " + std::to_string(side) + "\n";
  };
  const std::string hidden = "outputs = [\"last_hidden_state\"]\n";
  const std::string first = hidden + "pooling = \"first-token\"\n";
  return {
      {"vit",
       [] { return VitGraph(16); },
       {1, 197, 48},
       first + Input("pixel_values", 224, half)},
      {"clip",
       ClipVisionGraph,
       {1, 64},
       "outputs = [\"image_embeds\"]\n" +
           Input("pixel_values", 224, clip + bicubic + crop(224))},
      {"dinov2",
       [] { return VitGraph(14); },
       {1, 257, 48},
       first + Input("pixel_values", 224, imagenet + bicubic + crop(256))},
      {"blip2",
       QFormerGraph,
       {1, 32, 48},
       first + Input("pixel_values", 224, clip + bicubic)},
      {"efficientnet",
       EfficientNetGraph,
       {1, 64, 19, 19},
       hidden + "pooling = \"spatial-mean\"\n" +
           Input("pixel_values", 600, imagenet + bicubic)},
      {"vgg16",
       VggGraph,
       {1, 1000},
       "outputs = [\"vgg0_dense2_fwd\"]\n" +
           Input("data", 224, imagenet + crop(256))},
  };
}

double Cosine(const Vector& a, const Vector& b) {
  double product = 0;
  double squares_a = 0;
  double squares_b = 0;
  for (std::size_t i = 0; i < a.size() && a.size() == b.size(); ++i) {
    product += double{a[i]} * b[i];
    squares_a += double{a[i]} * a[i];
    squares_b += double{b[i]} * b[i];
  }
  return product / std::sqrt(squares_a * squares_b);
}

class FamiliesTest : public FolderTest {
 protected:
  // What the program installed.
  static fs::path InstalledData() {
    const char* root = std::getenv("OCELLI_DATA");
    return FindPaths(root == nullptr ? std::nullopt
                                     : std::optional<fs::path>(root))
        .data;
  }
  const fs::path data_ = InstalledData();

  // Writes the graph, and a card for it with `old` replaced.
  void Write(const Family& family, const std::string& name,
             const std::string& old = {}, const std::string& with = {}) {
    const std::string graph = family.graph();
    const fs::path file = folder_ / (name + ".onnx");
    FolderTest::Write(file, graph);
    const auto dimension =
        family.output.size() == 3 ? family.output[2] : family.output[1];
    std::string card = family.card;
    if (!old.empty()) card.replace(card.find(old), old.size(), with);
    FolderTest::Write(
        folder_ / "models/cards" / (name + ".toml"),
        "name = \"" + name + "\"\ntask = \"image-embedding\"\nfamily = \"" +
            family.name +
            "\"\ndescription = \"For tests\"\nlicence = \"MIT\"\nsource = "
            "\"file:" +
            file.string() + "\"\nsha256 = \"" + Sha256(graph).ToHex() +
            "\"\nsize = " + std::to_string(graph.size()) +
            "\nformat = \"onnx\"\n" + card +
            "[parameters]\ndimension = " + std::to_string(dimension) + "\n");
  }

  // What the reference gives for every family and picture.
  Json RunReference() {
    std::string text;
    ProcessOptions process;
    process.output = [&](std::span<const std::byte> bytes) -> Result<> {
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return {};
    };
    const fs::path photo = data_ / "demo/album/grand_canyon_1.jpg";
    const auto done = RunProcess(
        {"node", std::string(OCELLI_SOURCE_DIR) + "/tests/parity/reference.mjs",
         std::string(OCELLI_DEPS) + "/parity", folder_.string(), photo.string(),
         (data_ / "models/clip-bpe/text.txt").string()},
        process);
    EXPECT_TRUE(done) << done.error().message << ": run ./dev test";
    return done ? Json::parse(text) : Json();
  }

  // The small text tower with the vocabulary that is installed.
  void WriteTextModel() {
    const std::string graph = ClipTextGraph();
    const fs::path file = folder_ / "clip-text.onnx";
    FolderTest::Write(file, graph);
    FolderTest::Write(
        folder_ / "models/cards/clip-text.toml",
        "name = \"clip-text\"\ntask = \"text-embedding\"\nfamily = "
        "\"clip\"\ndescription = \"For tests\"\nlicence = \"MIT\"\nformat = "
        "\"onnx\"\noutputs = [\"text_embeds\"]\nneeds = [\"clip-bpe\"]\n"
        "source = \"file:" +
            file.string() + "\"\nsha256 = \"" + Sha256(graph).ToHex() +
            "\"\nsize = " + std::to_string(graph.size()) + "\n");
    std::error_code error;
    fs::copy(data_ / "models/clip-bpe", folder_ / "models/clip-bpe", error);
    EXPECT_FALSE(error) << "clip-bpe is not installed: run ./dev test";
  }
  void ExpectTexts(const Json& reference) {
    const ModelStore models(folder_ / "models");
    const auto card = models.Find("clip-text");
    ASSERT_TRUE(card) << models.bad_cards().front().message;
    const auto pulled = models.Pull(*card, {});
    ASSERT_TRUE(pulled) << pulled.error().message;
    const auto embedder = TextEmbedder::Open(models, *card);
    ASSERT_TRUE(embedder) << embedder.error().message;
    ASSERT_EQ(reference.size(), 6);
    const Vector other = (*embedder)->Embed("something else").value();
    for (const auto& [text, values] : reference.items()) {
      const auto expected = values.get<Vector>();
      EXPECT_GE(Cosine((*embedder)->Embed(text).value(), expected), kSame)
          << text;
      EXPECT_LT(Cosine(other, expected), kSame) << text;
    }
  }

  Vector Embed(const std::string& model, const std::string& picture) {
    const ModelStore models(folder_ / "models");
    const auto card = models.Find(model);
    EXPECT_TRUE(card) << models.bad_cards().front().message;
    const auto pulled = models.Pull(*card, {});
    EXPECT_TRUE(pulled) << pulled.error().message;
    const auto embedder = ImageEmbedder::Open(models, *card);
    EXPECT_TRUE(embedder) << embedder.error().message;
    const auto bytes = ReadFileLimited(folder_ / (picture + ".png"), 1 << 26);
    EXPECT_TRUE(bytes) << bytes.error().message;
    const auto image = DecodeImage(*bytes);
    EXPECT_TRUE(image) << image.error().message;
    const auto embedding = (*embedder)->Embed(image->view());
    EXPECT_TRUE(embedding) << embedding.error().message;
    return *embedding;
  }
};

// The reference's raw output, pooled as its users do.
Vector Pooled(const Json& raw, const Family& family) {
  const auto values = raw.get<Vector>();
  const Tensor output{family.output, values};
  const bool is_map = family.output.size() == 4;
  const auto pooled = Pool(output, is_map                      ? "spatial-mean"
                                   : family.output.size() == 3 ? "first-token"
                                                               : "none");
  EXPECT_TRUE(pooled) << pooled.error().message;
  return pooled->front();
}

TEST_F(FamiliesTest, EmbedAsTheReferenceDoes) {
  for (const Family& family : Families()) Write(family, family.name);
  WriteTextModel();
  const Json reference = RunReference();
  ASSERT_FALSE(reference.is_null());
  ExpectTexts(reference["texts"]);
  for (const Family& family : Families()) {
    const Json& answers = reference[family.name];
    for (const char* picture : kPictures) {
      SCOPED_TRACE(family.name + " " + picture);
      const Vector ours = Embed(family.name, picture);
      const double same =
          Cosine(ours, Pooled(answers[picture]["pillow"], family));
      const double own = Cosine(ours, Pooled(answers[picture]["own"], family));
      EXPECT_GE(same, kSame);
      RecordProperty(family.name + "_" + picture, std::to_string(same));
      std::printf("%-14s %-10s %.5f  own resize %.5f\n", family.name.c_str(),
                  picture, same, own);
    }
    // The graphs are sensitive enough to tell what is wrong.
    const double aliased = Cosine(Embed(family.name, "mosaic"),
                                  Pooled(answers["mosaic"]["own"], family));
    const bool crops = family.card.find("crop") != std::string::npos;
    Write(family, family.name + "-wrong",
          crops ? family.card.substr(family.card.find("fit = "))
                : "name = \"pixel_values\"\n",
          crops ? ""
                : "name = \"pixel_values\"\nfit = \"crop\"\nshort_side = "
                  "640\n");
    const double misfit = Cosine(Embed(family.name + "-wrong", "panorama"),
                                 Pooled(answers["panorama"]["pillow"], family));
    std::printf("%-14s without antialiasing %.5f, fitted wrongly %.5f\n",
                family.name.c_str(), aliased, misfit);
    EXPECT_LT(aliased, kSame) << family.name;
    EXPECT_LT(misfit, kSame) << family.name;
  }
}

}  // namespace
}  // namespace ocelli
