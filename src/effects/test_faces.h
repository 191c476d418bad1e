#pragma once

#include <cmath>
#include <numbers>
#include <span>

#include "core/tracked_face.h"
#include "effects/face_region.h"

namespace ocelli {

// For tests: a face that looks ahead, its mesh an ellipse of `height` pixels
// about `center`, with eyes, brows, lips and cheeks at plausible places. Points
// that no outline uses lie on the centre.
inline TrackedFace FaceAt(PointF center, float height) {
  const float width = height * .75f;
  TrackedFace tracked;
  tracked.track = 1;
  Face& face = tracked.face;
  face.score = 1;
  face.box = {center.x - width / 2, center.y - height / 2, width, height};
  face.mesh.assign(478, {center.x, center.y, 0});
  // Ellipses about (x, y) in units of the face's height; `turn` radians
  // clockwise from the top is where the first index lies.
  const auto ring = [&](std::span<const std::uint16_t> indices, float x,
                        float y, float rx, float ry, float turn,
                        float direction) {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const float angle = turn + direction * 2 * std::numbers::pi_v<float> *
                                     static_cast<float>(i) /
                                     static_cast<float>(indices.size());
      face.mesh[indices[i]] = {center.x + (x + rx * std::sin(angle)) * height,
                               center.y + (y - ry * std::cos(angle)) * height,
                               0};
    }
  };
  namespace outline = face_outline;
  constexpr float kQuarter = std::numbers::pi_v<float> / 2;
  // In the picture the person's right is on the left.
  ring(outline::kOval, 0, 0, .375f, .5f, 0, 1);
  ring(outline::kRightEye, -.16f, -.1f, .07f, .03f, -kQuarter, 1);
  ring(outline::kLeftEye, .16f, -.1f, .07f, .03f, kQuarter, -1);
  ring(outline::kRightBrow, -.16f, -.2f, .09f, .02f, -kQuarter, 1);
  ring(outline::kLeftBrow, .16f, -.2f, .09f, .02f, kQuarter, -1);
  ring(outline::kOuterLips, 0, .25f, .13f, .06f, -kQuarter, 1);
  ring(outline::kInnerLips, 0, .25f, .1f, .02f, -kQuarter, 1);
  ring(outline::kRightCheek, -.2f, .07f, .08f, .08f, -kQuarter, 1);
  ring(outline::kLeftCheek, .2f, .07f, .08f, .08f, kQuarter, -1);
  const auto point = [&](std::size_t index, float x, float y) {
    face.mesh[index] = {center.x + x * height, center.y + y * height, 0};
  };
  point(50, -.2f, .07f);
  point(280, .2f, .07f);
  point(1, 0, .07f);
  point(4, 0, .06f);
  face.keypoints = {{{center.x - .16f * height, center.y - .1f * height},
                     {center.x + .16f * height, center.y - .1f * height},
                     {center.x, center.y + .06f * height},
                     {center.x, center.y + .25f * height},
                     {center.x - width / 2, center.y},
                     {center.x + width / 2, center.y}}};
  return tracked;
}

}  // namespace ocelli
