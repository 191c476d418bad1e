#include "faces/alignment.h"

#include <cstddef>
#include <cstdint>

namespace ocelli {
namespace {

// InsightFace's template: the eye at the picture's left, the other, nose tip,
// corners of the mouth.
constexpr std::array<PointF, 5> kTemplate = {
    PointF{38.2946f, 51.6963f}, PointF{73.5318f, 51.5014f},
    PointF{56.0252f, 71.7366f}, PointF{41.5493f, 92.3655f},
    PointF{70.7299f, 92.2041f}};

constexpr std::uint16_t kRightEye[] = {33,  246, 161, 160, 159, 158, 157, 173,
                                       133, 155, 154, 153, 145, 144, 163, 7};
constexpr std::uint16_t kLeftEye[] = {263, 466, 388, 387, 386, 385, 384, 398,
                                      362, 382, 381, 380, 374, 373, 390, 249};
constexpr std::size_t kNose = 4, kMouthRight = 61, kMouthLeft = 291;

PointF MeanOf(std::span<const Point3F> mesh,
              std::span<const std::uint16_t> which) {
  PointF mean;
  for (const std::uint16_t index : which) {
    mean.x += mesh[index].x / static_cast<float>(which.size());
    mean.y += mesh[index].y / static_cast<float>(which.size());
  }
  return mean;
}

}  // namespace

Affine AlignByMesh(std::span<const Point3F> mesh) {
  const auto point = [&](std::size_t i) {
    return PointF{mesh[i].x, mesh[i].y};
  };
  const std::array<PointF, 5> face = {MeanOf(mesh, kRightEye),
                                      MeanOf(mesh, kLeftEye), point(kNose),
                                      point(kMouthRight), point(kMouthLeft)};
  return Inverse(FitSimilarity(face, kTemplate));
}

Affine AlignByKeypoints(const std::array<PointF, 6>& keypoints) {
  const std::array<PointF, 4> targets = {
      kTemplate[0], kTemplate[1], kTemplate[2],
      PointF{(kTemplate[3].x + kTemplate[4].x) / 2,
             (kTemplate[3].y + kTemplate[4].y) / 2}};
  return Inverse(FitSimilarity(std::span(keypoints).first<4>(), targets));
}

}  // namespace ocelli
