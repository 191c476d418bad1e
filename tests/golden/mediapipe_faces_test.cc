// Against what MediaPipe's own runtime (its WebAssembly build, short range
// detector, static pictures) says of three photos. mediapipe_faces.json holds
// its figures relative to the picture: for each detection centre x and y,
// width, height, score and six key points; for each face its mesh as x, y, ...
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/paths.h"
#include "faces/face_analyzer.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

constexpr double kMeanPixels = .15;
constexpr double kWorstPixels = 1;
constexpr double kDetectionPixels = .5;
constexpr double kScore = .002;

struct Distance {
  double mean = std::numeric_limits<double>::infinity();
  double worst = 0;
};

// `golden` alternates x and y, relative to the picture.
template <typename Points>
Distance DistanceOf(const Points& points, const std::vector<double>& golden,
                    const Image& image) {
  Distance distance;
  if (points.size() * 2 != golden.size()) return distance;
  double sum = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double pixels =
        std::hypot(points[i].x - golden[2 * i] * image.width(),
                   points[i].y - golden[2 * i + 1] * image.height());
    sum += pixels;
    distance.worst = std::max(distance.worst, pixels);
  }
  distance.mean = sum / static_cast<double>(points.size());
  return distance;
}

class MediaPipeFaces : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* root = std::getenv("OCELLI_DATA");
    paths_ = root ? FindPaths(root) : FindPaths(std::nullopt);
    std::ifstream file(OCELLI_SOURCE_DIR "/tests/golden/mediapipe_faces.json");
    golden_ = nlohmann::json::parse(file, nullptr, false);
    ASSERT_EQ(golden_.size(), 3u);
  }

  Image Photo(const std::string& name) {
    const auto bytes =
        ReadFileLimited(paths_.demo() / "photos" / name, 1u << 30);
    if (!bytes) {
      ADD_FAILURE() << bytes.error().message << "; run ./dev test";
      return {};
    }
    auto image = DecodeImage(*bytes);
    if (!image) {
      ADD_FAILURE() << image.error().message;
      return {};
    }
    return std::move(*image);
  }

  Paths paths_;
  nlohmann::json golden_;
};

TEST_P(MediaPipeFaces, MeshIsWithinAPixel) {
  const auto analyzer = FaceAnalyzer::Open(ModelStore(paths_.models()),
                                           {.detector = "blazeface-short",
                                            .mesh = GetParam(),
                                            .describer = "",
                                            .mesh_passes = 1});
  ASSERT_TRUE(analyzer) << analyzer.error().message << "; run ./dev test";
  for (const auto& golden : golden_) {
    const std::string name = golden["photo"];
    SCOPED_TRACE(name);
    const Image image = Photo(name);
    ASSERT_EQ(image.width(), golden["width"]);
    const auto faces = (*analyzer)->Analyze(image);
    ASSERT_TRUE(faces) << faces.error().message;

    ASSERT_EQ(faces->size(), golden["detections"].size());
    for (const std::vector<double> figures : golden["detections"]) {
      const double x = figures[0] * image.width();
      const auto face = std::min_element(
          faces->begin(), faces->end(), [&](const Face& a, const Face& b) {
            return std::abs(a.box.center().x - x) <
                   std::abs(b.box.center().x - x);
          });
      EXPECT_NEAR(face->box.center().x, x, kDetectionPixels);
      EXPECT_NEAR(face->box.center().y, figures[1] * image.height(),
                  kDetectionPixels);
      EXPECT_NEAR(face->box.width, figures[2] * image.width(),
                  kDetectionPixels);
      EXPECT_NEAR(face->box.height, figures[3] * image.height(),
                  kDetectionPixels);
      EXPECT_NEAR(face->score, figures[4], kScore);
      EXPECT_LT(DistanceOf(face->keypoints,
                           {figures.begin() + 5, figures.end()}, image)
                    .worst,
                kDetectionPixels);
    }

    const auto& meshes = golden[GetParam()];
    EXPECT_EQ(
        std::count_if(faces->begin(), faces->end(),
                      [](const Face& face) { return !face.mesh.empty(); }),
        meshes.size());
    for (const std::vector<double> mesh : meshes) {
      Distance best;
      for (const Face& face : *faces) {
        const Distance distance = DistanceOf(face.mesh, mesh, image);
        if (distance.mean < best.mean) best = distance;
      }
      EXPECT_LE(best.mean, kMeanPixels);
      EXPECT_LE(best.worst, kWorstPixels);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MediaPipeFaces,
                         testing::Values("facemesh", "facemesh-attention"),
                         [](const auto& test) {
                           return std::string(test.param) == "facemesh"
                                      ? "FaceMesh"
                                      : "FaceMeshWithAttention";
                         });

}  // namespace
}  // namespace ocelli
