#include "faces/face_quality.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "faces/alignment.h"
#include "faces/sampler.h"

namespace ocelli {
namespace {

constexpr std::size_t kRightEyeCorner = 33, kLeftEyeCorner = 263;
constexpr std::size_t kForehead = 10, kChin = 152;

float Sharpness(ImageView image, const Affine& alignment) {
  constexpr int kSide = kAlignedSide;
  constexpr float kHalf = 150;  // The variance that counts as 0.5.
  std::vector<float> pixels(3 * kSide * kSide);
  SampleReduced(image, alignment, kSide, kSide, Border::kReplicate,
                {.planar = true}, pixels);
  std::vector<float> grey(kSide * kSide);
  for (std::size_t i = 0; i < grey.size(); ++i) {
    // BT.601 luma.
    grey[i] = .299f * pixels[i] + .587f * pixels[i + grey.size()] +
              .114f * pixels[i + 2 * grey.size()];
  }
  double sum = 0, squares = 0;
  for (std::size_t y = 1; y + 1 < kSide; ++y) {
    for (std::size_t x = 1; x + 1 < kSide; ++x) {
      const float* p = &grey[y * kSide + x];
      const float laplacian = p[-kSide] + p[kSide] + p[-1] + p[1] - 4 * p[0];
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  constexpr double kCount = (kSide - 2) * (kSide - 2);
  const double variance = squares / kCount - (sum / kCount) * (sum / kCount);
  return static_cast<float>(variance / (variance + kHalf));
}

Point3F Minus(const Point3F& a, const Point3F& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

float FrontalityOf(const std::array<PointF, 6>& keypoints) {
  const PointF right = keypoints[0], left = keypoints[1], nose = keypoints[2];
  const float dx = left.x - right.x, dy = left.y - right.y;
  const float square = dx * dx + dy * dy;
  if (!(square > 0)) return 0;
  const float along =
      ((nose.x - right.x) * dx + (nose.y - right.y) * dy) / square;
  return std::clamp(1 - std::abs(2 * along - 1), 0.f, 1.f);
}

float FrontalityOf(std::span<const Point3F> mesh) {
  const Point3F across = Minus(mesh[kLeftEyeCorner], mesh[kRightEyeCorner]);
  const Point3F down = Minus(mesh[kChin], mesh[kForehead]);
  const float x = across.y * down.z - across.z * down.y;
  const float y = across.z * down.x - across.x * down.z;
  const float z = across.x * down.y - across.y * down.x;
  const float square = x * x + y * y + z * z;
  return square > 0 && z > 0 ? z * z / square : 0;
}

}  // namespace

FaceQuality MeasureQuality(ImageView image, const Face& face,
                           const Affine& alignment) {
  FaceQuality quality;
  quality.size = std::clamp(std::min(face.box.width, face.box.height) /
                                static_cast<float>(kAlignedSide),
                            0.f, 1.f);
  quality.sharpness = Sharpness(image, alignment);
  quality.frontality = face.mesh.empty() ? FrontalityOf(face.keypoints)
                                         : FrontalityOf(face.mesh);
  quality.overall =
      std::cbrt(quality.size * quality.sharpness * quality.frontality);
  return quality;
}

}  // namespace ocelli
