#include "embed/image_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "embed/test_embedder.h"
#include "models/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;

class ImageEmbedderTest : public FolderTest {
 protected:
  // A card for it with `old` replaced.
  void WriteCard(std::string_view old = "", std::string_view with = "") {
    WriteTestEmbedderCard(folder_ / "models", "colour", old, with);
  }
  std::unique_ptr<ImageEmbedder> Open() {
    const ModelStore models(folder_ / "models");
    const auto card = models.Find("colour").value();
    const auto pulled = models.Pull(card, {});
    EXPECT_TRUE(pulled) << pulled.error().message;
    auto embedder = ImageEmbedder::Open(models, card);
    EXPECT_TRUE(embedder) << embedder.error().message;
    return std::move(*embedder);
  }
};

Image OneColour(int width, int height, std::array<std::uint8_t, 3> colour) {
  Image image(width, height, PixelFormat::kRgb8);
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    image.view().data[i] = colour[i % 3];
  }
  return image;
}

TEST_F(ImageEmbedderTest, GivesUnitVectors) {
  WriteCard();
  const auto embedding = Open()->Embed(OneColour(9, 5, {30, 0, 40}));
  ASSERT_TRUE(embedding) << embedding.error().message;
  EXPECT_THAT(*embedding,
              ElementsAre(FloatNear(.6f, 1e-6f), 0.f, FloatNear(.8f, 1e-6f)));
}

TEST_F(ImageEmbedderTest, ABatchGivesWhatOneAtATimeDoes) {
  WriteCard();
  const auto embedder = Open();
  std::vector<Image> images;
  for (int i = 0; i < 20; ++i) {
    images.push_back(OneColour(3 + i, 4, {static_cast<std::uint8_t>(i), 7, 9}));
  }
  const std::vector<ImageView> views(images.begin(), images.end());
  const auto together = embedder->Embed(views);
  ASSERT_TRUE(together) << together.error().message;
  ASSERT_EQ(together->size(), 20u);
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ((*together)[i], embedder->Embed(views[i]).value());
  }
}

TEST_F(ImageEmbedderTest, APictureWithoutDirectionIsAnError) {
  WriteCard();
  const auto black = Open()->Embed(OneColour(2, 2, {0, 0, 0}));
  ASSERT_FALSE(black);
  EXPECT_EQ(black.error().code, ErrorCode::kDataLoss);
}

TEST_F(ImageEmbedderTest, AnEmptyPictureIsRefused) {
  WriteCard();
  EXPECT_EQ(Open()->Embed(Image()).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ImageEmbedderTest, AnotherDimensionThanTheCardsIsAnError) {
  WriteCard("dimension = 3", "dimension = 4");
  const auto embedding = Open()->Embed(OneColour(2, 2, {1, 2, 3}));
  ASSERT_FALSE(embedding);
  EXPECT_THAT(embedding.error().message, HasSubstr("4"));
}

TEST_F(ImageEmbedderTest, AModelThatIsNotInstalledIsNamedWithItsCommand) {
  WriteCard();
  const ModelStore models(folder_ / "models");
  const auto embedder =
      ImageEmbedder::Open(models, models.Find("colour").value());
  ASSERT_FALSE(embedder);
  EXPECT_THAT(embedder.error().message, HasSubstr("ocelli models pull colour"));
}

TEST_F(ImageEmbedderTest, AModelOfAnotherTaskIsRefusedWithThoseThereAre) {
  const ModelStore models(folder_ / "models");
  const auto card = FindImageEmbedder(models, "sface");
  ASSERT_FALSE(card);
  EXPECT_EQ(card.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(card.error().message, HasSubstr("efficientnet-lite0"));
}

TEST(Normalize, RefusesWhatHasNoDirection) {
  std::vector<float> vectors[] = {{0, 0}, {1, NAN}, {INFINITY, 1}, {}};
  for (std::vector<float>& vector : vectors) EXPECT_FALSE(Normalize(vector));
  std::vector<float> huge = {3e38f, 0};
  ASSERT_TRUE(Normalize(huge));
  EXPECT_EQ(huge[0], 1);
}

}  // namespace
}  // namespace ocelli
