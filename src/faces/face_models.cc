#include "faces/face_models.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace ocelli {
namespace {

// The model of T, opened on the first Start() or Get(); then `then` is called.
template <typename T>
Result<std::unique_ptr<Lazy<T>>> OpenLater(
    const ModelStore& models, const ModelCard& card,
    const SessionOptions& options, std::function<void()> then = [] {}) {
  const auto path = models.PathOf(card);
  if (!path) return path.Failure();
  return std::make_unique<Lazy<T>>([path = *path, card, options, then] {
    auto opened = T::Open(path, card, options);
    then();
    return opened;
  });
}

}  // namespace

Result<FaceCards> FindFaceCards(const ModelStore& models,
                                const FaceAnalyzerOptions& options) {
  if (options.mesh_passes < 1 || options.mesh_passes > 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "mesh passes can be 1 or 2, not " +
                    std::to_string(options.mesh_passes));
  }
  const auto find = [&](const std::string& name, std::string_view task) {
    auto card = models.Find(name);
    if (card && card->task != task) {
      card = Fail(ErrorCode::kInvalidArgument, "model " + name + " is for " +
                                                   card->task + ", not " +
                                                   std::string(task));
    }
    return card;
  };
  FaceCards cards;
  auto detector = find(options.detector, "face-detection");
  if (!detector) return detector.Failure();
  cards.detector = std::move(*detector);
  if (options.mesh.empty()) return cards;
  auto mesh = find(options.mesh, "face-mesh");
  if (!mesh) return mesh.Failure();
  cards.mesh = std::move(*mesh);
  if (options.describer.empty()) return cards;
  auto describer = find(options.describer, "face-descriptor");
  if (!describer) return describer.Failure();
  cards.describer = std::move(*describer);
  return cards;
}

FaceFinderOptions FinderOptionsOf(const FaceAnalyzerOptions& options) {
  return {.mesh_passes = options.mesh_passes,
          .min_face = options.min_face,
          .min_score = options.min_score};
}

Result<FaceModels> OpenFaceModels(const ModelStore& models,
                                  const FaceCards& cards,
                                  const FaceAnalyzerOptions& options) {
  const SessionOptions session{.threads = options.threads,
                               .provider = options.provider};
  FaceModels opened;
  auto detector = OpenLater<FaceDetector>(models, cards.detector, session);
  if (!detector) return detector.Failure();
  opened.detector = std::move(*detector);
  if (cards.describer) {
    auto describer =
        OpenLater<FaceDescriber>(models, *cards.describer, session);
    if (!describer) return describer.Failure();
    opened.describer = std::move(*describer);
  }
  if (cards.mesh) {
    // One after the other, for they are not needed at once and the detector,
    // which is, has a processor to itself.
    auto mesher = OpenLater<FaceMesher>(models, *cards.mesh, session,
                                        [describer = opened.describer.get()] {
                                          if (describer) describer->Start();
                                        });
    if (!mesher) return mesher.Failure();
    opened.mesher = std::move(*mesher);
  }
  opened.detector->Start();
  if (opened.mesher) opened.mesher->Start();
  return opened;
}

}  // namespace ocelli
