#include "faces/face_finder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "faces/model_input.h"

namespace ocelli {
namespace {

constexpr float kAnySize = std::numeric_limits<float>::infinity();

// The picture at one scale: its long side in input pixels, and how tall the
// boxes are that this scale is trusted with.
struct Level {
  int long_side = 0;
  float min_box = 0;
  float max_box = kAnySize;
};

constexpr float kSmallestBox = 12;  // Input pixels a face needs to be found.
constexpr int kTile = 640;          // Input pixels.
constexpr int kTileOverlap = 96;
constexpr float kTallestInTile = 64;

// What lies on `canvas` of the picture, in windows of a detector of any size.
std::vector<DetectorWindow> WindowsOf(const RectF& canvas, int long_side) {
  const float scale =
      std::max(canvas.width, canvas.height) / static_cast<float>(long_side);
  const auto starts = [](int length) {
    std::vector<int> places = {0};
    while (places.back() + kTile < length) {
      places.push_back(places.back() + kTile - kTileOverlap);
    }
    return places;
  };
  const auto padded = [](int length) {
    return (std::min(length, kTile) + 31) / 32 * 32;
  };
  const int width = static_cast<int>(std::ceil(canvas.width / scale));
  const int height = static_cast<int>(std::ceil(canvas.height / scale));
  std::vector<DetectorWindow> windows;
  for (const int top : starts(height)) {
    for (const int left : starts(width)) {
      windows.push_back({{canvas.x + static_cast<float>(left) * scale,
                          canvas.y + static_cast<float>(top) * scale},
                         scale,
                         padded(width - left),
                         padded(height - top)});
    }
  }
  return windows;
}

// The whole picture, centred, for a detector of one size.
DetectorWindow Letterbox(ImageView image, int side) {
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  const float long_side = std::max(width, height);
  return {{(width - long_side) / 2, (height - long_side) / 2},
          long_side / static_cast<float>(side),
          side,
          side};
}

// `base`, without what would only enlarge a small picture, and finer levels
// where the smallest face wanted asks for them. Those cover faces from 12 to 64
// input pixels, so four times finer is enough.
std::vector<Level> LevelsFor(std::vector<Level> base, ImageView image,
                             float min_face) {
  constexpr float kMostEnlarged = 2;
  constexpr float kStep = 4;
  const float long_side =
      static_cast<float>(std::max(image.width, image.height));
  const float most = kMostEnlarged * long_side;
  while (base.size() > 1 && most < static_cast<float>(base.back().long_side)) {
    base.back().long_side = static_cast<int>(most);
    if (base.back().long_side > base[base.size() - 2].long_side) break;
    base.pop_back();
  }
  if (min_face <= 0) return base;
  const float wanted = std::min(long_side * kSmallestBox / min_face, most);
  const float finest = static_cast<float>(base.back().long_side);
  if (wanted <= finest) return base;
  const float steps = std::ceil(std::log(wanted / finest) / std::log(kStep));
  for (float step = 1; step <= steps; ++step) {
    const float side = finest * std::pow(wanted / finest, step / steps);
    base.push_back({static_cast<int>(std::ceil(side)), 0, kTallestInTile});
  }
  return base;
}

RectF WholeOf(ImageView image) {
  return {0, 0, static_cast<float>(image.width),
          static_cast<float>(image.height)};
}

// A score is worth less the smaller the face is: so much less that, where two
// levels see the same face, the finer one wins. `trusted_box` is the height in
// input pixels from which scores are taken as they are; 0: all are.
float Discount(float score, float height, float trusted_box) {
  if (height >= trusted_box) return score;
  return Sigmoid(Logit(score) + std::log(height / trusted_box));
}

Result<std::vector<Detection>> DetectAt(const FaceDetector& detector,
                                        ImageView image, const RectF& canvas,
                                        const std::vector<Level>& levels,
                                        float trusted_box, float min_score) {
  if (!detector.any_size()) {
    return detector.Detect(image, Letterbox(image, detector.native_size()),
                           min_score);
  }
  std::vector<Detection> all;
  for (const Level& level : levels) {
    for (const DetectorWindow& window : WindowsOf(canvas, level.long_side)) {
      // Anchors of half that score still have a say in a weighted mean.
      const auto found = detector.Detect(image, window, min_score / 2);
      if (!found) return found.Failure();
      for (Detection one : *found) {
        const float height = one.box.height / window.scale;
        if (height < level.min_box || height > level.max_box) continue;
        one.score = Discount(one.score, height, trusted_box);
        if (one.score >= min_score) all.push_back(one);
      }
    }
  }
  return all;
}

Result<std::vector<FaceMesh>> MeshOf(const FaceMesher& mesher, ImageView image,
                                     const std::vector<Detection>& detections,
                                     int passes) {
  std::vector<Region> regions;
  for (const Detection& one : detections) regions.push_back(MeshRegion(one));
  auto meshes = mesher.Run(image, regions);
  for (int pass = 1; meshes && pass < passes; ++pass) {
    for (std::size_t i = 0; i < regions.size(); ++i) {
      regions[i] = MeshRegion((*meshes)[i].points);
    }
    meshes = mesher.Run(image, regions);
  }
  return meshes;
}

bool Accepted(const FaceMesh& mesh) { return mesh.logit > 0; }

std::vector<Face> AsFaces(const std::vector<Detection>& detections,
                          std::vector<FaceMesh> meshes) {
  std::vector<Face> faces;
  for (std::size_t i = 0; i < detections.size(); ++i) {
    Face& face = faces.emplace_back();
    face.box = detections[i].box;
    face.score = detections[i].score;
    face.keypoints = detections[i].keypoints;
    if (i < meshes.size() && Accepted(meshes[i])) {
      face.mesh = std::move(meshes[i].points);
    }
  }
  return faces;
}

// The default pipeline: what the detector doubts, the mesh may confirm, and
// the other way round. Constants measured on WIDER FACE.
namespace fusion {

constexpr Level kCoarse{192, 12, kAnySize};
constexpr Level kFine{640, 0, 128};

constexpr float kMinCandidate = .1f;  // Of the detector's own score.
constexpr float kFlagWeight = .10f;   // Of the mesh's logit.
constexpr float kTrustedBox = 32;     // Input pixels.
constexpr float kThreshold = .37f;    // 0.1 false positives a picture.
constexpr Overlap kSameCandidate{.3f, .7f};
constexpr Overlap kSameFace{.4f, .8f};

// Annotators draw faces taller than either model does.
RectF Adjust(const RectF& box, bool from_mesh) {
  const float width = box.width * (from_mesh ? .97f : .90f);
  const float height = box.height * (from_mesh ? 1.11f : 1.14f);
  const PointF centre{box.center().x + (from_mesh ? 0 : .01f * box.width),
                      box.center().y - (from_mesh ? .04f : .03f) * box.height};
  return {centre.x - width / 2, centre.y - height / 2, width, height};
}

std::vector<Face> Fuse(ImageView image,
                       const std::vector<Detection>& detections,
                       std::vector<FaceMesh> meshes, float min_score) {
  std::vector<Detection> fused;
  std::vector<FaceMesh> kept;
  for (std::size_t i = 0; i < detections.size(); ++i) {
    Detection one = detections[i];
    const float score = std::clamp(one.score, 1e-6f, 1 - 1e-6f);
    one.score = Sigmoid(Logit(score) + kFlagWeight * meshes[i].logit);
    if (!(one.score >= min_score)) continue;
    if (Accepted(meshes[i])) {
      one.box = BoundsOf(meshes[i].points);
      one.keypoints = KeypointsOf(meshes[i].points);
    }
    fused.push_back(one);
    kept.push_back(std::move(meshes[i]));
  }
  std::vector<Detection> best;
  std::vector<FaceMesh> best_meshes;
  for (const std::size_t i : FindBest(fused, kSameFace)) {
    fused[i].box = ClipTo(Adjust(fused[i].box, Accepted(kept[i])), image.width,
                          image.height);
    if (fused[i].box.area() <= 0) continue;
    best.push_back(fused[i]);
    best_meshes.push_back(std::move(kept[i]));
  }
  return AsFaces(best, std::move(best_meshes));
}

Result<std::vector<Face>> Find(const FaceDetector& detector,
                               const Lazy<FaceMesher>& lazy_mesher,
                               ImageView image, const RectF& canvas,
                               const std::vector<Level>& levels,
                               float min_score, int mesh_passes) {
  auto detections =
      DetectAt(detector, image, canvas, levels, kTrustedBox, kMinCandidate);
  if (!detections) return detections.Failure();
  if (detections->empty()) return std::vector<Face>();
  *detections = Suppress(std::move(*detections), kSameCandidate);
  const auto mesher = lazy_mesher.Get();
  if (!mesher) return mesher.Failure();
  auto meshes = MeshOf(**mesher, image, *detections, mesh_passes);
  if (!meshes) return meshes.Failure();
  return Fuse(image, *detections, std::move(*meshes), min_score);
}

// A second look for a face that fills the picture, which the detector doubts.
constexpr float kTightThreshold = .25f;
constexpr float kTightMargin = .3f;  // Of the long side, all round.

bool FillsPicture(const Face& face, ImageView image) {
  constexpr float kShare = .3f;
  return !face.mesh.empty() &&
         face.box.height >=
             kShare * static_cast<float>(std::min(image.width, image.height));
}

}  // namespace fusion
}  // namespace

float ScoreThreshold(const ModelCard& card, bool with_mesh,
                     const FaceFinderOptions& options) {
  if (options.min_score > 0) return options.min_score;
  if (with_mesh && FusesWithMesh(card)) return fusion::kThreshold;
  return ParameterOf(card, "score_threshold", .5f);
}

FaceFinder::FaceFinder(const Lazy<FaceDetector>& detector,
                       const Lazy<FaceMesher>* mesher,
                       const FaceFinderOptions& options)
    : detector_(detector), mesher_(mesher), options_(options) {}

Result<std::vector<Face>> FaceFinder::Find(ImageView image) const {
  if (image.empty()) return std::vector<Face>();
  const auto detector = detector_.Get();
  if (!detector) return detector.Failure();
  const bool fuses = mesher_ != nullptr && FusesWithMesh((*detector)->card());
  return fuses ? FindFused(**detector, image) : FindPlain(**detector, image);
}

Result<std::vector<Face>> FaceFinder::FindPlain(const FaceDetector& detector,
                                                ImageView image) const {
  const auto levels =
      LevelsFor({{detector.native_size()}}, image, options_.min_face);
  auto detections =
      DetectAt(detector, image, WholeOf(image), levels, 0,
               ScoreThreshold(detector.card(), mesher_ != nullptr, options_));
  if (!detections) return detections.Failure();
  if (levels.size() > 1) {
    *detections = Suppress(std::move(*detections), fusion::kSameCandidate);
  }
  if (mesher_ == nullptr || detections->empty()) {
    return AsFaces(*detections, {});
  }
  const auto mesher = mesher_->Get();
  if (!mesher) return mesher.Failure();
  auto meshes = MeshOf(**mesher, image, *detections, options_.mesh_passes);
  if (!meshes) return meshes.Failure();
  return AsFaces(*detections, std::move(*meshes));
}

Result<std::vector<Face>> FaceFinder::FindFused(const FaceDetector& detector,
                                                ImageView image) const {
  const auto look = [&](const RectF& canvas, const std::vector<Level>& levels,
                        float threshold) {
    return fusion::Find(detector, *mesher_, image, canvas, levels, threshold,
                        options_.mesh_passes);
  };
  const RectF whole = WholeOf(image);
  if (options_.quick) {
    return look(whole, {fusion::kCoarse},
                ScoreThreshold(detector.card(), true, options_));
  }
  const auto levels =
      LevelsFor({fusion::kCoarse, fusion::kFine}, image, options_.min_face);
  if (options_.min_score > 0) return look(whole, levels, options_.min_score);

  auto faces = look(whole, levels, fusion::kTightThreshold);
  if (!faces) return faces;
  const auto sure = [](const Face& face) {
    return face.score >= fusion::kThreshold;
  };
  if (std::any_of(faces->begin(), faces->end(), sure)) {
    std::erase_if(*faces, std::not_fn(sure));
    return faces;
  }
  const auto too_small = [&](const Face& face) {
    return !fusion::FillsPicture(face, image);
  };
  std::erase_if(*faces, too_small);
  if (!faces->empty()) return faces;
  const float margin =
      fusion::kTightMargin * std::max(whole.width, whole.height);
  faces = look(
      {-margin, -margin, whole.width + 2 * margin, whole.height + 2 * margin},
      {fusion::kCoarse}, fusion::kTightThreshold);
  if (faces) std::erase_if(*faces, too_small);
  return faces;
}

}  // namespace ocelli
