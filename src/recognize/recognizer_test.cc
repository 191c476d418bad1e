#include "recognize/recognizer.h"

#include <gtest/gtest.h>

#include "core/test_folder.h"
#include "core/work_scope.h"
#include "recognize/embedding_recognizer.h"

namespace ocelli {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// No model is installed: nothing here gets as far as that.
class ImageSlotsTest : public testing::Test {
 protected:
  // Of a picture that is in the cache, and of one that can't be decoded.
  static constexpr std::string_view kKnown = "known", kNoPicture = "nonsense";

  ImageSlotsTest() {
    const Digest digest = Sha256(kKnown);
    EXPECT_TRUE(cache_->Put({digest, recognizer_->fingerprint()},
                            SerializeAnalysis({digest, 8, 8, {}})));
  }

  TestFolder folder_;
  const ModelStore models_{folder_.path()};
  const std::unique_ptr<ResultCache> cache_ = MakeMemoryCache({});
  FairSlots images_{1};
  const std::unique_ptr<Recognizer> recognizer_ =
      Recognizer::Open(models_, cache_.get(),
                       {.faces = {}, .limits = {}, .images = &images_})
          .value();
};

TEST_F(ImageSlotsTest, ComputingAnImageTakesASlotAndACachedOneNone) {
  EXPECT_TRUE(recognizer_->Recognize(BytesOf(kKnown))->cached);
  EXPECT_EQ(images_.use().taken, 0u);
  EXPECT_EQ(recognizer_->Recognize(BytesOf(kNoPicture)).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(images_.use().taken, 1u);
  EXPECT_EQ(images_.taken(), 0u);
}

TEST_F(ImageSlotsTest, WhoNobodyWaitsForComputesNothing) {
  std::stop_source stop;
  stop.request_stop();
  const WorkScope scope("client", stop.get_token());
  EXPECT_EQ(recognizer_->Recognize(BytesOf(kNoPicture)).error().code,
            ErrorCode::kCancelled);
  const std::span<const std::byte> both[] = {BytesOf(kNoPicture),
                                             BytesOf(kKnown)};
  const auto many = recognizer_->RecognizeMany(both);
  EXPECT_EQ(many[0].error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(many[1]->cached);
  EXPECT_EQ(images_.use().taken, 0u);
}

TEST_F(ImageSlotsTest, EmbeddersTakeThemToo) {
  const auto embedder = EmbeddingRecognizer::Open(
      models_, cache_.get(), "efficientnet-lite0", {}, &images_);
  ASSERT_TRUE(embedder) << embedder.error().message;
  EXPECT_FALSE((*embedder)->Embed(BytesOf(kNoPicture)));
  EXPECT_EQ(images_.use().taken, 1u);
  std::stop_source stop;
  stop.request_stop();
  const WorkScope scope("client", stop.get_token());
  EXPECT_EQ((*embedder)->Embed(BytesOf(kNoPicture)).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
