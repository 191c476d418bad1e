#include "faces/face_detector.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "faces/model_input.h"

namespace ocelli {
namespace {

constexpr const DetectorFamily* kFamilies[] = {&kBlazeFace, &kYuNet, &kScrfd};

bool IsFinite(const Detection& detection) {
  const RectF& box = detection.box;
  return std::isfinite(box.x + box.y + box.width + box.height) &&
         std::all_of(detection.keypoints.begin(), detection.keypoints.end(),
                     [](PointF p) { return std::isfinite(p.x + p.y); });
}

}  // namespace

float Logit(float probability) {
  return std::log(probability / (1 - probability));
}

float Sigmoid(float logit) { return 1 / (1 + std::exp(-logit)); }

std::array<PointF, 6> SixPointsFromFive(std::span<const PointF, 5> points) {
  const PointF right = points[0], left = points[1];
  const float dx = (left.x - right.x) / 2, dy = (left.y - right.y) / 2;
  return {
      right,
      left,
      points[2],
      PointF{(points[3].x + points[4].x) / 2, (points[3].y + points[4].y) / 2},
      PointF{right.x - dx, right.y - dy},
      PointF{left.x + dx, left.y + dy}};
}

bool FusesWithMesh(const ModelCard& detector) {
  return detector.family == kBlazeFace.name && detector.input.width == 0;
}

FaceDetector::FaceDetector(ModelCard card, const DetectorFamily& family,
                           std::unique_ptr<Session> session)
    : card_(std::move(card)), family_(family), session_(std::move(session)) {
  native_size_ = any_size()
                     ? static_cast<int>(ParameterOf(card_, "native_size", 640))
                     : card_.input.width;
  nms_iou_ = ParameterOf(card_, "nms_iou", .3f);
}

Result<std::unique_ptr<FaceDetector>> FaceDetector::Open(
    const std::filesystem::path& model, const ModelCard& card,
    const SessionOptions& options) {
  const auto* family = std::find_if(
      std::begin(kFamilies), std::end(kFamilies),
      [&](const DetectorFamily* one) { return one->name == card.family; });
  if (family == std::end(kFamilies)) {
    return Fail(ErrorCode::kInvalidArgument,
                card.name + " is no face detector that is known here: family " +
                    card.family);
  }
  auto session = OpenModel(model, card, options);
  if (!session) return session.Failure();
  return std::unique_ptr<FaceDetector>(
      new FaceDetector(card, **family, std::move(*session)));
}

Result<std::vector<Detection>> FaceDetector::Detect(
    ImageView image, const DetectorWindow& window, float min_score) const {
  Tensor input = MakeInput(card_, 1, window.height, window.width);
  const Affine to_image{window.scale,   0, window.origin.x, 0, window.scale,
                        window.origin.y};
  // MediaPipe samples plainly; so do the models that come in its one size.
  const auto sample = getenv("PLAIN") ? Sample
                      : any_size()    ? SampleReduced
                                      : Sample;
  sample(image, to_image, window.width, window.height, Border::kBlack,
         EncodingOf(card_), input.floats());
  const auto outputs = RunModel(*session_, card_, input);
  if (!outputs) return outputs.Failure();
  auto decoded = family_.decode(card_, *outputs, window, min_score);
  if (!decoded) return decoded.Failure();
  std::erase_if(*decoded, [](const Detection& one) { return !IsFinite(one); });
  std::vector<Detection> detections =
      family_.suppress(std::move(*decoded), nms_iou_);
  for (Detection& detection : detections) {
    RectF& box = detection.box;
    const PointF corner = to_image.Apply({box.x, box.y});
    box = {corner.x, corner.y, box.width * window.scale,
           box.height * window.scale};
    for (PointF& point : detection.keypoints) point = to_image.Apply(point);
  }
  return detections;
}

}  // namespace ocelli
