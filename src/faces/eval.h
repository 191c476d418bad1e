#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/face.h"
#include "core/geometry.h"
#include "core/result.h"

namespace ocelli {

// Verification: are two photos of the same person?

struct FacePair {
  bool same = false;
  std::string a;  // File names.
  std::string b;
};

// Lines "same<TAB>image_a<TAB>image_b" with same 0 or 1, after a line of
// headings. kInvalidArgument names the line.
Result<std::vector<FacePair>> ParseFacePairs(std::string_view tsv);

struct ScoredPair {
  float similarity = 0;
  bool same = false;
};

struct VerificationScore {
  double accuracy = 0;       // Mean of ten folds, each at the others' best.
  float threshold = 0;       // The best over all pairs.
  double tar_at_far_1 = 0;   // Same pairs accepted where 1 % of others are.
  double tar_at_far_01 = 0;  // 0.1 %.
};

// Folds are dealt out in order, same and different pairs apart.
VerificationScore ScoreVerification(std::span<const ScoredPair> pairs);

// The face that a portrait is of: large and near the middle. Null of none.
const Face* MainFace(std::span<const Face> faces, int width, int height);

// Detection: which faces of a picture are found?

struct LabelledFace {
  RectF box;
  bool ignored = false;  // Neither a hit nor a miss nor a false positive.
};

struct LabelledImage {
  std::string name;
  std::vector<LabelledFace> faces;
};

// WIDER FACE's format: file name, count, then "x y w h blur expression
// illumination invalid occlusion pose" for each face. kInvalidArgument names
// the line.
Result<std::vector<LabelledImage>> ParseWider(std::string_view text);

// Every face found in one picture, however doubtful, for ScoreDetection().
struct DetectedImage {
  const LabelledImage* labels = nullptr;
  std::vector<Face> faces;
};

struct DetectionRecall {
  double recall_50 = 0;     // Of faces 50 px tall or more.
  double recall_20_50 = 0;  // Of faces from 20 to less than 50 px.
  double false_positives_per_image = 0;
};

// With faces that score `threshold` or more, matched at IoU 0.5.
DetectionRecall ScoreDetection(std::span<const DetectedImage> images,
                               float threshold);

// At the lowest threshold that gives at most `limit` false positives an image.
DetectionRecall ScoreDetectionAt(std::span<const DetectedImage> images,
                                 double limit);

}  // namespace ocelli
