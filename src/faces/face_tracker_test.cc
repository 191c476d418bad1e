// With the installed models, on pictures without faces;
// tests/golden/tracked_faces_test.cc has those with.
#include "faces/face_tracker.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/paths.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;

ModelStore Models() {
  const char* root = std::getenv("OCELLI_DATA");
  return ModelStore(
      (root ? FindPaths(root) : FindPaths(std::nullopt)).models());
}

Frame Plain(int width, int height, std::uint8_t red, milliseconds time) {
  Image image(width, height, PixelFormat::kRgb8);
  std::memset(image.view().data, red, image.size_bytes());
  Frame frame;
  frame.pixels = ToYuv(image, {});
  frame.time = time;
  return frame;
}

class FaceTrackerTest : public testing::Test {
 protected:
  void Open(const FaceTrackerOptions& options) {
    auto tracker = FaceTracker::Open(Models(), nullptr, options);
    ASSERT_TRUE(tracker) << tracker.error().message << "; run ./dev test";
    tracker_ = std::move(*tracker);
  }
  void ExpectNobody(const Frame& frame) {
    const auto faces = tracker_->Track(frame);
    ASSERT_TRUE(faces) << faces.error().message;
    EXPECT_THAT(*faces, IsEmpty());
  }

  std::unique_ptr<FaceTracker> tracker_;
};

TEST_F(FaceTrackerTest, SeesNobodyInPlainPicturesOfAnySize) {
  Open({});
  milliseconds time{};
  for (const auto& [width, height] :
       {std::pair{320, 180}, {1, 1}, {3, 1}, {1, 700}, {0, 0}, {33, 17}}) {
    ExpectNobody(Plain(width, height, 90, time += milliseconds(40)));
    ExpectNobody(Plain(width, height, 90, time += milliseconds(40)));
  }
}

TEST_F(FaceTrackerTest, SearchesAsOftenAsAsked) {
  FaceTrackerOptions options;
  options.detect_every = milliseconds(200);
  Open(options);
  for (int i = 0; i < 10; ++i) {
    ExpectNobody(Plain(160, 90, 50, milliseconds(50 * i)));
  }
  EXPECT_EQ(tracker_->times().detections, 3u);
  EXPECT_GT(tracker_->times().detecting, 0);
}

TEST_F(FaceTrackerTest, AnalyzesAsOftenAsAsked) {
  FaceTrackerOptions options;
  options.detect_every = milliseconds(0);
  options.analyze_every = milliseconds(200);
  Open(options);
  for (int i = 0; i < 30; ++i) {
    ExpectNobody(Plain(160, 90, 50, milliseconds(33 * i)));
  }
  EXPECT_EQ(tracker_->times().detections, 5u);
}

TEST_F(FaceTrackerTest, TakesTimesThatGoBack) {
  Open({});
  ExpectNobody(Plain(160, 90, 50, milliseconds(5000)));
  ExpectNobody(Plain(160, 90, 50, milliseconds(100)));
  EXPECT_EQ(tracker_->times().detections, 1u);
}

TEST_F(FaceTrackerTest, WorksWithoutMesh) {
  FaceTrackerOptions options;
  options.faces.mesh = "";
  Open(options);
  ExpectNobody(Plain(320, 180, 90, {}));
}

TEST(FaceTracker, RefusesWhatMakesNoSense) {
  const auto refused = [](const FaceTrackerOptions& options) {
    const auto tracker = FaceTracker::Open(Models(), nullptr, options);
    EXPECT_FALSE(tracker);
    return tracker ? std::string() : tracker.error().message;
  };
  FaceTrackerOptions nobody;
  nobody.max_faces = 0;
  EXPECT_THAT(refused(nobody), HasSubstr("0"));
  FaceTrackerOptions never;
  never.detect_every = milliseconds(-1);
  EXPECT_THAT(refused(never), HasSubstr("negative"));
  FaceTrackerOptions options;
  options.faces.detector = "sface";
  EXPECT_THAT(refused(options), HasSubstr("sface"));
}

}  // namespace
}  // namespace ocelli
