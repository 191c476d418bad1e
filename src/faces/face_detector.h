#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/image.h"
#include "core/result.h"
#include "faces/detection.h"
#include "infer/session.h"
#include "models/model_card.h"

namespace ocelli {

// What a detector looks at: `width` x `height` input pixels from `origin` of
// the picture, `scale` picture pixels each. Black where there is no picture.
struct DetectorWindow {
  PointF origin;
  float scale = 1;
  int width = 0;
  int height = 0;
};

// How one family of models is read. The list is in face_detector.cc.
struct DetectorFamily {
  std::string_view name;  // ModelCard::family.
  // Every anchor that scores `min_score` or more, in input pixels. kDataLoss
  // where the outputs are not what the family's models give.
  Result<std::vector<Detection>> (*decode)(const ModelCard& card,
                                           std::span<const Tensor> outputs,
                                           const DetectorWindow& window,
                                           float min_score);
  std::vector<Detection> (*suppress)(std::vector<Detection> detections,
                                     float union_limit);
};

// Whether what the mesh model says of a face is to count in its score and box:
// BlazeFace run on windows larger than it was trained on is often in doubt.
bool FusesWithMesh(const ModelCard& detector);

extern const DetectorFamily kBlazeFace;
extern const DetectorFamily kYuNet;
extern const DetectorFamily kScrfd;

// The logit of a probability, and the way back.
float Logit(float probability);
float Sigmoid(float logit);

// The six points of a detection from the five of YuNet and SCRFD (right eye,
// left eye, nose tip, corners of the mouth). They see no ears: those are set
// where the line of the eyes leaves the face, half an eye distance outwards.
std::array<PointF, 6> SixPointsFromFive(std::span<const PointF, 5> points);

// Finds faces in a window of a picture. Thread-safe.
class FaceDetector {
 public:
  static Result<std::unique_ptr<FaceDetector>> Open(
      const std::filesystem::path& model, const ModelCard& card,
      const SessionOptions& options);

  // Best first, without doubles, in pixels of the picture.
  Result<std::vector<Detection>> Detect(ImageView image,
                                        const DetectorWindow& window,
                                        float min_score) const;

  const ModelCard& card() const { return card_; }

  // Whether windows may have any width and height that are multiples of 32;
  // otherwise only native_size() squared.
  bool any_size() const { return card_.input.width == 0; }
  int native_size() const { return native_size_; }

 private:
  FaceDetector(ModelCard card, const DetectorFamily& family,
               std::unique_ptr<Session> session);

  ModelCard card_;
  const DetectorFamily& family_;
  std::unique_ptr<Session> session_;
  int native_size_;
  float nms_iou_;
};

}  // namespace ocelli
