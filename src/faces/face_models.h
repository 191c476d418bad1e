#pragma once

#include <memory>
#include <optional>

#include "core/result.h"
#include "faces/face_analyzer.h"
#include "faces/face_describer.h"
#include "faces/face_detector.h"
#include "faces/face_finder.h"
#include "faces/face_mesh.h"
#include "faces/lazy.h"
#include "models/model_card.h"
#include "models/model_store.h"

namespace ocelli {

struct FaceCards {
  ModelCard detector;
  std::optional<ModelCard> mesh;
  std::optional<ModelCard> describer;
};

// Checks names, tasks and the number of mesh passes; opens no model.
Result<FaceCards> FindFaceCards(const ModelStore& models,
                                const FaceAnalyzerOptions& options);

FaceFinderOptions FinderOptionsOf(const FaceAnalyzerOptions& options);

// The models of one set of options.
struct FaceModels {
  // Null where not asked for. Outlives `mesher`, whose thread starts it.
  std::unique_ptr<Lazy<FaceDescriber>> describer;
  std::unique_ptr<Lazy<FaceMesher>> mesher;  // Likewise.
  std::unique_ptr<Lazy<FaceDetector>> detector;
};

// Checks that the models are installed and begins to open detector and mesh;
// the describer, where there is one, after the mesh.
Result<FaceModels> OpenFaceModels(const ModelStore& models,
                                  const FaceCards& cards,
                                  const FaceAnalyzerOptions& options);

}  // namespace ocelli
