#include "faces/face_analyzer.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include "faces/alignment.h"
#include "faces/face_models.h"
#include "faces/face_quality.h"

namespace ocelli {
namespace {

// Count up when the code changes what Analyze() answers.
constexpr int kAnalyzerVersion = 1;

class Analyzer final : public FaceAnalyzer {
 public:
  Analyzer(FaceModels models, const FaceFinderOptions& options)
      : models_(std::move(models)),
        finder_(*models_.detector, models_.mesher.get(), options) {}

  Result<std::vector<Face>> Analyze(ImageView image) const override {
    const auto detector = models_.detector->Get();
    if (!detector) return detector.Failure();
    if (models_.describer) models_.describer->Start();
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
    if (!models_.describer || faces->empty()) return faces;
    const auto describer = models_.describer->Get();
    if (!describer) return describer.Failure();
    auto descriptors = (*describer)->Describe(image, alignments);
    if (!descriptors) return descriptors.Failure();
    for (std::size_t i = 0; i < faces->size(); ++i) {
      (*faces)[i].descriptor = std::move((*descriptors)[i]);
    }
    return faces;
  }

  Result<> Warm() const override {
    constexpr int kSide = 256;
    Image grey(kSide, kSide, PixelFormat::kRgb8);
    std::memset(grey.view().data, 128, grey.size_bytes());
    if (models_.describer) models_.describer->Start();
    if (auto faces = Analyze(grey); !faces) return faces.Failure();
    // Nobody is in it, so that the other models have not run.
    if (models_.mesher) {
      const auto mesher = models_.mesher->Get();
      if (!mesher) return mesher.Failure();
      const Region middle = {{kSide / 2, kSide / 2}, kSide / 2, kSide / 2, 0};
      const auto meshes = (*mesher)->Run(grey, std::span(&middle, 1));
      if (!meshes) return meshes.Failure();
    }
    if (models_.describer) {
      const auto describer = models_.describer->Get();
      if (!describer) return describer.Failure();
      const Affine upright;
      const auto descriptors =
          (*describer)->Describe(grey, std::span(&upright, 1));
      if (!descriptors) return descriptors.Failure();
    }
    return {};
  }

 private:
  const FaceModels models_;
  const FaceFinder finder_;
};

}  // namespace

Result<std::unique_ptr<FaceAnalyzer>> FaceAnalyzer::Open(
    const ModelStore& models, const FaceAnalyzerOptions& options) {
  const auto cards = FindFaceCards(models, options);
  if (!cards) return cards.Failure();
  auto opened = OpenFaceModels(models, *cards, options);
  if (!opened) return opened.Failure();
  return std::make_unique<Analyzer>(std::move(*opened),
                                    FinderOptionsOf(options));
}

Result<float> FaceScoreThreshold(const ModelStore& models,
                                 const FaceAnalyzerOptions& options) {
  const auto cards = FindFaceCards(models, options);
  if (!cards) return cards.Failure();
  return ScoreThreshold(cards->detector, cards->mesh.has_value(),
                        FinderOptionsOf(options));
}

Result<Digest> FaceFingerprint(const ModelStore& models,
                               const FaceAnalyzerOptions& options) {
  const auto cards = FindFaceCards(models, options);
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
