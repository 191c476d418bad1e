// Faces of the demo's photos, moved and hidden as in a video.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/file.h"
#include "core/paths.h"
#include "core/test_folder.h"
#include "faces/face_analyzer.h"
#include "faces/face_tracker.h"
#include "faces/gallery.h"
#include "faces/sampler.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kFrame{33};

class TrackedFaces : public testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("OCELLI_DATA");
    paths_ = root ? FindPaths(root) : FindPaths(std::nullopt);
    const auto bytes =
        ReadFileLimited(paths_.demo() / "photos/sample1.jpg", 1u << 30);
    ASSERT_TRUE(bytes) << bytes.error().message << "; run ./dev test";
    auto image = DecodeImage(*bytes);
    ASSERT_TRUE(image) << image.error().message;
    photo_ = Shrink(*image, std::max(1, image->width() / 640));
    Open({});
  }

  void Open(const FaceTrackerOptions& options,
            const Gallery* gallery = nullptr) {
    auto tracker =
        FaceTracker::Open(ModelStore(paths_.models()), gallery, options);
    ASSERT_TRUE(tracker) << tracker.error().message << "; run ./dev test";
    tracker_ = std::move(*tracker);
  }

  // The photo moved by so much, its border repeated.
  YuvImage Moved(int dx, int dy) const {
    Image moved(photo_.width(), photo_.height(), PixelFormat::kRgb8);
    for (int y = 0; y < moved.height(); ++y) {
      for (int x = 0; x < moved.width(); ++x) {
        const auto* from =
            photo_.view().Pixel(std::clamp(x - dx, 0, moved.width() - 1),
                                std::clamp(y - dy, 0, moved.height() - 1));
        std::copy_n(from, 3, moved.view().Pixel(x, y));
      }
    }
    return ToYuv(moved, {});
  }

  static YuvImage Covered(YuvImage pixels, const RectF& box) {
    const RectF inside = ClipTo(box, pixels.width(), pixels.height());
    const MutableYuvView view = pixels.MutableView();
    const int right = static_cast<int>(inside.right());
    const int bottom = static_cast<int>(inside.bottom());
    for (int y = static_cast<int>(inside.y); y < bottom; ++y) {
      for (int x = static_cast<int>(inside.x); x < right; ++x) {
        view.y[y * view.y_stride + x] = 120;
        view.u[y / 2 * view.uv_stride + x / 2] = 128;
        view.v[y / 2 * view.uv_stride + x / 2] = 128;
      }
    }
    return pixels;
  }

  YuvImage Black() const {
    Image image(photo_.width(), photo_.height(), PixelFormat::kRgb8);
    std::fill_n(image.view().data, image.size_bytes(), std::uint8_t{0});
    return ToYuv(image, {});
  }

  std::vector<TrackedFace> Next(const YuvImage& pixels) {
    Frame frame;
    frame.pixels = pixels;
    frame.time = time_;
    frame.sequence = sequence_++;
    time_ += kFrame;
    auto faces = tracker_->Track(frame);
    if (!faces) {
      ADD_FAILURE() << faces.error().message;
      return {};
    }
    for (const TrackedFace& face : *faces) {
      EXPECT_TRUE(std::isfinite(face.face.box.area()));
      for (const Point3F& point : face.face.mesh) {
        EXPECT_TRUE(std::isfinite(point.x + point.y + point.z));
      }
    }
    return std::move(*faces);
  }

  static float MeanDistance(const Face& a, const Face& b, float dx, float dy) {
    EXPECT_EQ(a.mesh.size(), b.mesh.size());
    if (a.mesh.empty() || a.mesh.size() != b.mesh.size()) return INFINITY;
    float sum = 0;
    for (std::size_t i = 0; i < a.mesh.size(); ++i) {
      sum += std::hypot(a.mesh[i].x + dx - b.mesh[i].x,
                        a.mesh[i].y + dy - b.mesh[i].y);
    }
    return sum / static_cast<float>(a.mesh.size());
  }

  // A box around everything of a face.
  static RectF Grown(const RectF& box) {
    return {box.x - box.width * .4f, box.y - box.height * .5f, box.width * 1.8f,
            box.height * 2};
  }

  // Who knows the leftmost face of the photo; null after a failure.
  std::unique_ptr<Gallery> GalleryWithAda() {
    const auto analyzer = FaceAnalyzer::Open(ModelStore(paths_.models()), {});
    const auto known =
        analyzer ? (*analyzer)->Analyze(photo_) : analyzer.Failure();
    if (!known || known->empty()) {
      ADD_FAILURE() << (known ? "no face" : known.error().message)
                    << "; run ./dev test";
      return nullptr;
    }
    const std::filesystem::path file = folder_ / "people.sqlite";
    auto gallery = Gallery::Open(file, Digest());
    if (!gallery ||
        !(*gallery)->Add("Ada", known->front(), Sha256("photo"), "photo")) {
      ADD_FAILURE() << "no gallery at " << file;
      return nullptr;
    }
    return std::move(*gallery);
  }

  // Another process goes on after `gap`, with its own media time.
  void OpenAgain(const FaceTrackerOptions& options, milliseconds gap,
                 const Gallery* gallery = nullptr) {
    FaceTrackerState state = tracker_->State();
    Open(options, gallery);
    tracker_->Restore(std::move(state), gap);
    time_ = {};
    sequence_ = 0;
  }

  static std::map<std::int64_t, std::string> NamesOf(
      const std::vector<TrackedFace>& faces) {
    std::map<std::int64_t, std::string> names;
    for (const TrackedFace& face : faces) names[face.track] = face.name;
    return names;
  }

  Paths paths_;
  const TestFolder folder_;
  Image photo_;
  std::unique_ptr<FaceTracker> tracker_;
  microseconds time_{};
  std::uint64_t sequence_ = 0;
};

TEST_F(TrackedFaces, LandmarksFollowAndIdsStay) {
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  ASSERT_FALSE(first[0].face.mesh.empty());
  for (int i = 1; i <= 12; ++i) {
    const auto faces = Next(Moved(3 * i, i));
    ASSERT_EQ(faces.size(), first.size()) << i;
    EXPECT_EQ(faces[0].track, first[0].track);
    EXPECT_TRUE(faces[0].seen());
    EXPECT_LT(MeanDistance(first[0].face, faces[0].face,
                           static_cast<float>(3 * i), static_cast<float>(i)),
              1.5)
        << i;
  }
  EXPECT_EQ(tracker_->times().detections, 1u);
}

TEST_F(TrackedFaces, PixelsCarryLandmarksBetweenRunsOfTheMesh) {
  FaceTrackerOptions options;
  options.analyze_every = milliseconds(10000);
  options.smooth = false;
  Open(options);
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  const auto meshes = tracker_->times().meshes;
  for (int i = 1; i <= 6; ++i) {
    const auto faces = Next(Moved(4 * i, -2 * i));
    ASSERT_EQ(faces.size(), first.size());
    EXPECT_TRUE(faces[0].seen());
    EXPECT_LT(
        MeanDistance(first[0].face, faces[0].face, static_cast<float>(4 * i),
                     static_cast<float>(-2 * i)),
        .7)
        << i;
  }
  EXPECT_EQ(tracker_->times().meshes, meshes);
}

TEST_F(TrackedFaces, AStillFaceStandsStill) {
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  for (int i = 0; i < 8; ++i) {
    const auto faces = Next(Moved(0, 0));
    ASSERT_FALSE(faces.empty());
    EXPECT_LT(MeanDistance(first[0].face, faces[0].face, 0, 0), 1);
  }
}

TEST_F(TrackedFaces, AHiddenFaceKeepsItsTrackAndItsPlace) {
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  const RectF cover = Grown(first[0].face.box);
  for (int i = 1; i <= 10; ++i) {
    const auto faces = Next(Covered(Moved(0, 0), cover));
    ASSERT_EQ(faces.size(), first.size()) << i;
    EXPECT_EQ(faces[0].track, first[0].track);
    EXPECT_EQ(faces[0].unseen_for, i * kFrame);
    EXPECT_GT(IntersectionOverUnion(faces[0].face.box, first[0].face.box), .9);
  }
  // It comes back a bit aside.
  const auto found = [&] {
    for (int i = 0; i < 10; ++i) {
      auto faces = Next(Moved(20, 0));
      if (!faces.empty() && faces[0].seen()) return faces;
    }
    return std::vector<TrackedFace>();
  }();
  ASSERT_EQ(found.size(), first.size());
  EXPECT_EQ(found[0].track, first[0].track);
}

TEST_F(TrackedFaces, AFaceHiddenForLongEnds) {
  FaceTrackerOptions options;
  options.keep_lost = milliseconds(300);
  Open(options);
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  const RectF cover = Grown(first[0].face.box);
  for (int i = 0; i < 10; ++i) Next(Covered(Moved(0, 0), cover));
  const auto gone = Next(Covered(Moved(0, 0), cover));
  EXPECT_EQ(gone.size(), first.size() - 1);
  const auto back = [&] {
    std::vector<TrackedFace> faces;
    for (int i = 0; i < 35 && faces.size() < first.size(); ++i) {
      faces = Next(Moved(0, 0));
    }
    return faces;
  }();
  ASSERT_EQ(back.size(), first.size());
  EXPECT_GT(back.back().track, first.back().track);
}

TEST_F(TrackedFaces, TracksEndWhereThePictureGoesBlack) {
  ASSERT_FALSE(Next(Moved(0, 0)).empty());
  EXPECT_TRUE(Next(Black()).empty());
  EXPECT_FALSE(Next(Moved(0, 0)).empty());
}

TEST_F(TrackedFaces, AKnownFaceIsNamedOnceVotesAgree) {
  const auto gallery = GalleryWithAda();
  ASSERT_TRUE(gallery);
  FaceTrackerOptions options;
  options.identify = true;
  Open(options, gallery.get());
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  EXPECT_FALSE(first[0].decided);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 30; ++i) faces = Next(Moved(i % 3, 0));
  const auto ada =
      std::count_if(faces.begin(), faces.end(),
                    [](const TrackedFace& face) { return face.name == "Ada"; });
  EXPECT_EQ(ada, 1);
  for (const TrackedFace& face : faces) {
    EXPECT_TRUE(face.decided) << face.track;
    if (!face.name.empty()) {
      EXPECT_GT(face.similarity, .8f);
    }
  }
  EXPECT_EQ(tracker_->times().descriptions, 3 * faces.size());
}

TEST_F(TrackedFaces, AFaceThatLeavesThePictureIsLost) {
  ASSERT_FALSE(Next(Moved(0, 0)).empty());
  for (int i = 1; i <= 20; ++i) Next(Moved(40 * i, 0));
  for (const TrackedFace& face : Next(Moved(2000, 0))) {
    EXPECT_FALSE(face.seen());
  }
}

TEST_F(TrackedFaces, AnotherSizeOfThePictureBeginsAnew) {
  const auto first = Next(Moved(0, 0));
  ASSERT_FALSE(first.empty());
  photo_ = Shrink(photo_, 2);
  const auto faces = Next(Moved(0, 0));
  ASSERT_FALSE(faces.empty());
  EXPECT_GT(faces[0].track, first[0].track);
  EXPECT_LT(faces[0].face.box.width, first[0].face.box.width * .7f);
}

TEST_F(TrackedFaces, AnotherTrackerGoesOnWithTheSameIdsAndNames) {
  const auto gallery = GalleryWithAda();
  ASSERT_TRUE(gallery);
  FaceTrackerOptions options;
  options.identify = true;
  Open(options, gallery.get());
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 30; ++i) faces = Next(Moved(i % 3, 0));
  const auto before = NamesOf(faces);
  ASSERT_EQ(before.size(), faces.size());
  const auto descriptions = tracker_->times().descriptions;
  ASSERT_EQ(descriptions, 3 * faces.size());

  OpenAgain(options, milliseconds(2500), gallery.get());
  // Far from where they were, and at once.
  EXPECT_EQ(NamesOf(Next(Moved(-140, 20))), before);
  for (int i = 1; i < 30; ++i) {
    ASSERT_EQ(NamesOf(Next(Moved(-140 + i % 3, 20))), before) << i;
  }
}

TEST_F(TrackedFaces, HandsOutEachDescriptionOnce) {
  FaceTrackerOptions options;
  options.describe = true;
  Open(options);
  std::map<std::int64_t, int> described;
  for (int i = 0; i < 30; ++i) {
    const auto faces = Next(Moved(0, 0));
    const auto face = tracker_->TakeDescribed();
    EXPECT_FALSE(tracker_->TakeDescribed());
    if (!face) continue;
    ++described[face->track];
    EXPECT_EQ(face->face.descriptor.size(), 128u);
    EXPECT_GT(face->face.quality.overall, 0);
    EXPECT_FALSE(face->face.mesh.empty());
    for (const TrackedFace& shown : faces) {
      EXPECT_TRUE(shown.face.descriptor.empty());
      if (shown.track != face->track) continue;
      EXPECT_EQ(shown.face.box.x, face->face.box.x);
    }
  }
  EXPECT_FALSE(described.empty());
  EXPECT_EQ(static_cast<std::uint64_t>(std::accumulate(
                described.begin(), described.end(), 0,
                [](int sum, const auto& one) { return sum + one.second; })),
            tracker_->times().descriptions);
}

TEST_F(TrackedFaces, TracksGoOnWithoutAGallery) {
  FaceTrackerOptions options;
  options.describe = true;
  Open(options);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 10; ++i) faces = Next(Moved(0, 0));
  const auto before = NamesOf(faces);
  ASSERT_FALSE(before.empty());
  EXPECT_FALSE(faces[0].decided);
  OpenAgain(options, milliseconds(20'000));
  EXPECT_EQ(NamesOf(Next(Moved(-140, 20))), before);
}

TEST_F(TrackedFaces, WithoutDescriptorsThePlaceTellsForAWhile) {
  const auto before = NamesOf(Next(Moved(0, 0)));
  ASSERT_FALSE(before.empty());
  EXPECT_TRUE(tracker_->State().tracks[0].descriptor.empty());
  OpenAgain({}, milliseconds(5000));
  EXPECT_EQ(NamesOf(Next(Moved(10, 5))), before);
  OpenAgain({}, milliseconds(11'000));
  const auto after = NamesOf(Next(Moved(10, 5)));
  ASSERT_EQ(after.size(), before.size());
  EXPECT_GT(after.begin()->first, before.rbegin()->first);
}

TEST_F(TrackedFaces, WhoIsNotBackYetIsStillKeptForTheNext) {
  FaceTrackerOptions options;
  options.describe = true;
  Open(options);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 10; ++i) faces = Next(Moved(0, 0));
  const auto before = NamesOf(faces);
  OpenAgain(options, milliseconds(1000));
  EXPECT_TRUE(Next(Black()).empty());
  EXPECT_EQ(tracker_->State().tracks.size(), before.size());
  OpenAgain(options, milliseconds(1000));
  EXPECT_EQ(NamesOf(Next(Moved(0, 0))), before);
}

TEST_F(TrackedFaces, DescriptorsOfAnotherModelCountForNothing) {
  FaceTrackerOptions options;
  options.describe = true;
  Open(options);
  std::vector<TrackedFace> faces;
  for (int i = 0; i < 10; ++i) faces = Next(Moved(0, 0));
  const auto before = NamesOf(faces);
  FaceTrackerState state = tracker_->State();
  EXPECT_EQ(state.describer.size(), 64u);
  state.describer = std::string(64, '0');
  Open(options);
  tracker_->Restore(state, milliseconds(100));
  EXPECT_EQ(NamesOf(Next(Moved(0, 0))), before);  // By their places.
  Open(options);
  tracker_->Restore(state, milliseconds(11'000));
  EXPECT_GT(NamesOf(Next(Moved(0, 0))).begin()->first, before.rbegin()->first);
}

}  // namespace
}  // namespace ocelli
