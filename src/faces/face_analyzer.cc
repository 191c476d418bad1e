#include "faces/face_analyzer.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>

#include "faces/alignment.h"
#include "faces/face_describer.h"
#include "faces/face_detector.h"
#include "faces/face_finder.h"
#include "faces/face_mesh.h"
#include "faces/face_quality.h"
#include "faces/lazy.h"

namespace ocelli {
namespace {

// Count up when the code changes what Analyze() answers.
constexpr int kAnalyzerVersion = 1;

struct Cards {
  ModelCard detector;
  std::optional<ModelCard> mesh;
  std::optional<ModelCard> describer;
};

Result<Cards> FindCards(const ModelStore& models,
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
  Cards cards;
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

FaceFinderOptions FinderOptions(const FaceAnalyzerOptions& options) {
  return {.mesh_passes = options.mesh_passes,
          .min_face = options.min_face,
          .min_score = options.min_score};
}

class Analyzer final : public FaceAnalyzer {
 public:
  Analyzer(std::unique_ptr<Lazy<FaceDetector>> detector,
           std::unique_ptr<Lazy<FaceMesher>> mesher,
           std::unique_ptr<Lazy<FaceDescriber>> describer,
           const FaceFinderOptions& options)
      : describer_(std::move(describer)),
        mesher_(std::move(mesher)),
        detector_(std::move(detector)),
        finder_(*detector_, mesher_.get(), options) {
    detector_->Start();
    if (mesher_) mesher_->Start();
  }

  Result<std::vector<Face>> Analyze(ImageView image) const override {
    const auto detector = detector_->Get();
    if (!detector) return detector.Failure();
    if (describer_) describer_->Start();
    auto faces = finder_.Find(image);
    if (!faces) return faces;
    std::sort(faces->begin(), faces->end(),
              [](const Face& a, const Face& b) { return a.box.x < b.box.x; });
    std::vector<Affine> alignments;
    for (Face& face : *faces) {
      alignments.push_back(face.mesh.empty() ? AlignByKeypoints(face.keypoints)
                                             : AlignByMesh(face.mesh));
      face.quality = MeasureQuality(image, face, alignments.back());
    }
    if (!describer_ || faces->empty()) return faces;
    const auto describer = describer_->Get();
    if (!describer) return describer.Failure();
    auto descriptors = (*describer)->Describe(image, alignments);
    if (!descriptors) return descriptors.Failure();
    for (std::size_t i = 0; i < faces->size(); ++i) {
      (*faces)[i].descriptor = std::move((*descriptors)[i]);
    }
    return faces;
  }

 private:
  // Null where not asked for. Outlives mesher_, whose thread starts it.
  const std::unique_ptr<Lazy<FaceDescriber>> describer_;
  const std::unique_ptr<Lazy<FaceMesher>> mesher_;  // Likewise.
  const std::unique_ptr<Lazy<FaceDetector>> detector_;
  const FaceFinder finder_;
};

}  // namespace

Result<std::unique_ptr<FaceAnalyzer>> FaceAnalyzer::Open(
    const ModelStore& models, const FaceAnalyzerOptions& options) {
  const auto cards = FindCards(models, options);
  if (!cards) return cards.Failure();
  const SessionOptions session{.threads = options.threads,
                               .provider = options.provider};
  auto detector = OpenLater<FaceDetector>(models, cards->detector, session);
  if (!detector) return detector.Failure();
  std::unique_ptr<Lazy<FaceDescriber>> describer;
  if (cards->describer) {
    auto opened = OpenLater<FaceDescriber>(models, *cards->describer, session);
    if (!opened) return opened.Failure();
    describer = std::move(*opened);
  }
  std::unique_ptr<Lazy<FaceMesher>> mesher;
  if (cards->mesh) {
    // One after the other, for they are not needed at once and the detector,
    // which is, has a processor to itself.
    auto opened = OpenLater<FaceMesher>(models, *cards->mesh, session,
                                        [describer = describer.get()] {
                                          if (describer) describer->Start();
                                        });
    if (!opened) return opened.Failure();
    mesher = std::move(*opened);
  }
  return std::make_unique<Analyzer>(std::move(*detector), std::move(mesher),
                                    std::move(describer),
                                    FinderOptions(options));
}

Result<float> FaceScoreThreshold(const ModelStore& models,
                                 const FaceAnalyzerOptions& options) {
  const auto cards = FindCards(models, options);
  if (!cards) return cards.Failure();
  return ScoreThreshold(cards->detector, cards->mesh.has_value(),
                        FinderOptions(options));
}

Result<Digest> FaceFingerprint(const ModelStore& models,
                               const FaceAnalyzerOptions& options) {
  const auto cards = FindCards(models, options);
  if (!cards) return cards.Failure();
  char numbers[128];
  std::snprintf(numbers, sizeof(numbers), "faces %d %d %a %a", kAnalyzerVersion,
                options.mesh_passes, static_cast<double>(options.min_face),
                static_cast<double>(options.min_score));
  std::string text = numbers;
  text += " detector " + cards->detector.Fingerprint().ToHex();
  if (cards->mesh) text += " mesh " + cards->mesh->Fingerprint().ToHex();
  if (cards->describer) {
    text += " describer " + cards->describer->Fingerprint().ToHex();
  }
  return Sha256(text);
}

}  // namespace ocelli
