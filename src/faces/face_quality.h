#pragma once

#include "core/face.h"
#include "core/geometry.h"
#include "core/image.h"

namespace ocelli {

// How well a face can be recognised, each figure from 0 to 1:
// - size: the shorter side of its box over 112 px, what the descriptor sees;
// - sharpness: v / (v + 150) of the variance v of the Laplacian of the aligned
//   face in grey; small faces are enlarged, so they are blurred too;
// - frontality: squared cosine of the angle between where the face looks and
//   the camera; 0.5 at 45 degrees; without mesh a guess from where the nose
//   tip is between the eyes;
// - overall: their geometric mean.
FaceQuality MeasureQuality(ImageView image, const Face& face,
                           const Affine& alignment);

}  // namespace ocelli
