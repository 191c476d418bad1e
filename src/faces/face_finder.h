#pragma once

#include <vector>

#include "core/face.h"
#include "core/image.h"
#include "core/result.h"
#include "faces/face_detector.h"
#include "faces/face_mesh.h"
#include "faces/lazy.h"

namespace ocelli {

struct FaceFinderOptions {
  int mesh_passes = 2;
  float min_face = 0;   // Pixels of the picture; 0: what costs little.
  float min_score = 0;  // 0 to 1; 0: the detector's own.
  // With a detector of any size: one quick look for faces of a fifteenth of the
  // long side and more, which the detector does not doubt.
  bool quick = false;
};

// From which score on `card`'s faces are faces, `with_mesh` or without.
float ScoreThreshold(const ModelCard& card, bool with_mesh,
                     const FaceFinderOptions& options);

// Finds faces and lays a mesh on them; no descriptors. Thread-safe.
class FaceFinder {
 public:
  // Without `mesher` (null) faces have no mesh. Both must outlive this.
  FaceFinder(const Lazy<FaceDetector>& detector, const Lazy<FaceMesher>* mesher,
             const FaceFinderOptions& options);

  // In no particular order. Without mesh where the mesh model sees no face.
  Result<std::vector<Face>> Find(ImageView image) const;

 private:
  Result<std::vector<Face>> FindPlain(const FaceDetector& detector,
                                      ImageView image) const;
  Result<std::vector<Face>> FindFused(const FaceDetector& detector,
                                      ImageView image) const;

  const Lazy<FaceDetector>& detector_;
  const Lazy<FaceMesher>* mesher_;
  const FaceFinderOptions options_;
};

}  // namespace ocelli
