#pragma once

#include <array>
#include <span>

#include "core/geometry.h"

namespace ocelli {

inline constexpr int kAlignedSide = 112;

// Maps pixels of the upright 112 x 112 face that SFace and ArcFace are fed to
// those of the picture: the least-squares similarity that brings the face's
// eyes, nose tip and mouth corners to the template's.
Affine AlignByMesh(std::span<const Point3F> mesh);

// The same from a detector's six points, which know only the middle of the
// mouth.
Affine AlignByKeypoints(const std::array<PointF, 6>& keypoints);

}  // namespace ocelli
