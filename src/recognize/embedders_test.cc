#include "recognize/embedders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_folder.h"
#include "embed/test_embedder.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

class EmbeddersTest : public testing::Test {
 protected:
  EmbeddersTest() {
    for (const char* name : {"a", "b", "c"}) {
      WriteTestEmbedderCard(models_folder_.path(), name);
    }
    InstallTestTextTower(models_folder_.path(), "words");
    WriteTestEmbedderCard(models_folder_.path(), "reader", "licence = \"MIT\"",
                          "licence = \"MIT\"\ntext = \"words\"");
    const ModelStore store(models_folder_.path());
    for (const char* name : {"a", "b", "reader"}) {
      EXPECT_TRUE(store.Pull(store.Find(name).value(), {}));
    }
    models_ = std::make_unique<ModelStore>(models_folder_.path());
    embedders_ = std::make_unique<Embedders>(*models_, nullptr,
                                             EmbeddersOptions{.kept = 2});
  }

  std::unique_ptr<Collection> Make(const std::string& name,
                                   const std::string& embedder,
                                   const Digest& fingerprint) {
    return Collection::Create(collections_.path(), {.name = name,
                                                    .embedder = embedder,
                                                    .fingerprint = fingerprint,
                                                    .dimension = 3})
        .value();
  }

  const TestFolder models_folder_;
  const TestFolder collections_;
  std::unique_ptr<ModelStore> models_;
  std::unique_ptr<Embedders> embedders_;
};

TEST_F(EmbeddersTest, TheOnesUsedLastAreKept) {
  const auto* const a = embedders_->OfPictures("a").value().get();
  ASSERT_TRUE(embedders_->OfPictures("b"));
  EXPECT_EQ(embedders_->OfPictures("a").value().get(), a);
  const auto b = embedders_->OfPictures("b").value();
  ASSERT_TRUE(embedders_->OfPictures("reader"));
  ASSERT_TRUE(embedders_->OfPictures("a"));
  // Left the list, and works on for who has it.
  EXPECT_NE(embedders_->OfPictures("b").value(), b);
  EXPECT_EQ(b->dimension(), 3);
}

TEST_F(EmbeddersTest, WhatIsMissingIsTold) {
  EXPECT_EQ(embedders_->OfPictures("none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(embedders_->OfPictures("sface").error().code,
            ErrorCode::kInvalidArgument);
  const auto missing = embedders_->OfPictures("c");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(missing.error().message, HasSubstr("ocelli models pull"));
}

TEST_F(EmbeddersTest, TextsNeedAModelThatReadsThem) {
  const auto texts = embedders_->OfTexts("reader");
  ASSERT_TRUE(texts) << texts.error().message;
  EXPECT_EQ((*texts)->Embed("red")->size(), 3u);
  EXPECT_EQ(embedders_->OfTexts("reader").value(), *texts);
  const auto none = embedders_->OfTexts("a");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(none.error().message, HasSubstr("a knows no words"));
}

TEST_F(EmbeddersTest, ACollectionHasTheOneThatItWasMadeWith) {
  const Digest fingerprint = embedders_->OfPictures("a").value()->fingerprint();
  const auto good = Make("good", "a", fingerprint);
  EXPECT_TRUE(embedders_->OfPicturesIn(*good));
  EXPECT_EQ(embedders_->OfTextsIn(*good).error().code,
            ErrorCode::kInvalidArgument);
  const auto old = Make("old", "a", Sha256("another version"));
  const auto gone = Make("gone", "nowhere", fingerprint);
  const auto bare = Make("bare", "", fingerprint);
  for (Collection* collection : {old.get(), gone.get(), bare.get()}) {
    EXPECT_EQ(embedders_->OfPicturesIn(*collection).error().code,
              ErrorCode::kFailedPrecondition)
        << collection->spec().name;
    EXPECT_EQ(embedders_->OfTextsIn(*collection).error().code,
              ErrorCode::kFailedPrecondition)
        << collection->spec().name;
  }
}

}  // namespace
}  // namespace ocelli
