#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/geometry.h"
#include "core/image.h"
#include "core/result.h"
#include "faces/detection.h"
#include "infer/session.h"
#include "models/model_card.h"

namespace ocelli {

// The first 468 points are MediaPipe's face mesh; the attention model adds
// 468..472, the iris at the picture's left, and 473..477, the other.
struct FaceMesh {
  std::vector<Point3F> points;  // Pixels of the picture.
  float logit = 0;              // Of "this is a face".
};

// Where the mesh model is to look, from a detection or from a mesh: upright
// by the line of the eyes, square, half as large again as the face
// (face_detection_front_detection_to_roi.pbtxt,
// face_landmark_landmarks_to_roi.pbtxt).
Region MeshRegion(const Detection& detection);
Region MeshRegion(std::span<const Point3F> mesh);

// The upright box of a mesh.
RectF BoundsOf(std::span<const Point3F> mesh);

// The six points of a detection (detection.h), as the mesh has them.
std::array<PointF, 6> KeypointsOf(std::span<const Point3F> mesh);

// Thread-safe.
class FaceMesher {
 public:
  static Result<std::unique_ptr<FaceMesher>> Open(
      const std::filesystem::path& model, const ModelCard& card,
      const SessionOptions& options);

  // One mesh for each region, in their order.
  Result<std::vector<FaceMesh>> Run(ImageView image,
                                    std::span<const Region> regions) const;

 private:
  FaceMesher(ModelCard card, std::unique_ptr<Session> session);

  ModelCard card_;
  std::unique_ptr<Session> session_;
};

}  // namespace ocelli
