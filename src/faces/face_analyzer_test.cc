// With the installed models, on pictures without faces.
#include "faces/face_analyzer.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "core/paths.h"
#include "infer/session.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

ModelStore Models() {
  const char* root = std::getenv("OCELLI_DATA");
  return ModelStore(
      (root ? FindPaths(root) : FindPaths(std::nullopt)).models());
}

Image Plain(int width, int height, PixelFormat format, int value) {
  Image image(width, height, format);
  std::memset(image.view().data, value, image.size_bytes());
  return image;
}

class FaceAnalyzerTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    FaceAnalyzerOptions options;
    options.detector = GetParam();
    auto analyzer = FaceAnalyzer::Open(Models(), options);
    ASSERT_TRUE(analyzer) << analyzer.error().message << "; run ./dev test";
    analyzer_ = std::move(*analyzer);
  }

  void ExpectNoFace(ImageView image) {
    const auto faces = analyzer_->Analyze(image);
    ASSERT_TRUE(faces) << faces.error().message;
    EXPECT_THAT(*faces, IsEmpty());
  }

  std::unique_ptr<FaceAnalyzer> analyzer_;
};

TEST_P(FaceAnalyzerTest, WarmingRunsEveryModel) {
  const auto warm = analyzer_->Warm();
  ASSERT_TRUE(warm) << warm.error().message;
  EXPECT_GT(TotalSessionTimes().running, 0);
}

TEST_P(FaceAnalyzerTest, FindsNobodyInABlackPicture) {
  ExpectNoFace(Plain(320, 200, PixelFormat::kRgb8, 0));
}

TEST_P(FaceAnalyzerTest, TakesGrey) {
  ExpectNoFace(Plain(320, 200, PixelFormat::kGrey8, 128));
}

TEST_P(FaceAnalyzerTest, TakesPicturesOfOnePixel) {
  ExpectNoFace(Plain(1, 1, PixelFormat::kRgb8, 200));
  ExpectNoFace(Plain(1, 1, PixelFormat::kGrey8, 0));
}

TEST_P(FaceAnalyzerTest, TakesPanoramasOfOneRowOrColumn) {
  ExpectNoFace(Plain(20000, 1, PixelFormat::kRgb8, 90));
  ExpectNoFace(Plain(1, 20000, PixelFormat::kRgb8, 90));
}

TEST_P(FaceAnalyzerTest, TakesNoPicture) { ExpectNoFace({}); }

TEST_P(FaceAnalyzerTest, AnswersSeveralThreadsAtOnce) {
  const Image image = Plain(160, 120, PixelFormat::kRgb8, 60);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { ExpectNoFace(image); });
}

INSTANTIATE_TEST_SUITE_P(Detectors, FaceAnalyzerTest,
                         testing::Values("blazeface-full", "blazeface-short"),
                         [](const auto& test) {
                           return std::string(test.param) == "blazeface-full"
                                      ? "Full"
                                      : "Short";
                         });

TEST(FaceAnalyzer, FindsNothingMoreInTilesOfAPlainPicture) {
  FaceAnalyzerOptions options;
  options.min_face = 10;
  const auto analyzer = FaceAnalyzer::Open(Models(), options);
  ASSERT_TRUE(analyzer) << analyzer.error().message << "; run ./dev test";
  const auto faces =
      (*analyzer)->Analyze(Plain(1500, 300, PixelFormat::kRgb8, 30));
  ASSERT_TRUE(faces) << faces.error().message;
  EXPECT_THAT(*faces, IsEmpty());
}

TEST(FaceAnalyzer, NamesAModelThatIsNotWhatIsAskedFor) {
  FaceAnalyzerOptions options;
  options.detector = "sface";
  const auto analyzer = FaceAnalyzer::Open(Models(), options);
  ASSERT_FALSE(analyzer);
  EXPECT_EQ(analyzer.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(analyzer.error().message, HasSubstr("sface"));
}

TEST(FaceAnalyzer, RefusesThreeMeshPasses) {
  FaceAnalyzerOptions options;
  options.mesh_passes = 3;
  EXPECT_FALSE(FaceAnalyzer::Open(Models(), options));
}

TEST(FaceFingerprint, ChangesWithWhatChangesTheResult) {
  const ModelStore models = Models();
  const FaceAnalyzerOptions usual;
  const auto of = [&](auto change) {
    FaceAnalyzerOptions options = usual;
    change(options);
    return FaceFingerprint(models, options).value();
  };
  const Digest fingerprint = FaceFingerprint(models, usual).value();
  EXPECT_EQ(of([](auto& o) { o.threads = 7; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.detector = "blazeface-short"; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.mesh = "facemesh"; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.mesh_passes = 1; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.describer = ""; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.min_face = 20; }), fingerprint);
  EXPECT_NE(of([](auto& o) { o.min_score = .2f; }), fingerprint);
}

}  // namespace
}  // namespace ocelli
