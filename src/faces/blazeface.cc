// MediaPipe's tensors_to_detections_calculator.cc and ssd_anchors_calculator.cc
// with the options of face_detection_{short,full}_range.pbtxt.
#include <algorithm>
#include <string>

#include "faces/face_detector.h"
#include "faces/model_input.h"

namespace ocelli {
namespace {

constexpr std::size_t kValues = 16;  // x, y, width, height, 6 points.

Detection Read(const float* values, PointF anchor, float logit) {
  Detection detection;
  const float width = values[2], height = values[3];
  detection.box = {values[0] + anchor.x - width / 2,
                   values[1] + anchor.y - height / 2, width, height};
  detection.score = Sigmoid(std::clamp(logit, -100.f, 100.f));
  for (std::size_t i = 0; i < detection.keypoints.size(); ++i) {
    detection.keypoints[i] = {values[4 + 2 * i] + anchor.x,
                              values[5 + 2 * i] + anchor.y};
  }
  return detection;
}

// The card's stride_1, anchors_1, stride_2, ...: so many anchors in the middle
// of every cell of stride x stride input pixels, row by row.
Result<std::vector<Detection>> Decode(const ModelCard& card,
                                      std::span<const Tensor> outputs,
                                      const DetectorWindow& window,
                                      float min_score) {
  const std::span<const float> boxes = outputs[0].floats();
  const std::span<const float> logits = outputs[1].floats();
  const float min_logit = min_score > 0 ? Logit(min_score) : -100.f;
  const auto mismatch = [&]() -> Result<std::vector<Detection>> {
    return Fail(ErrorCode::kDataLoss,
                "model " + card.name + " gives " +
                    std::to_string(logits.size()) +
                    " anchors, not what its card describes");
  };
  std::vector<Detection> detections;
  std::size_t anchor = 0;
  for (int layer = 1;; ++layer) {
    const std::string number = std::to_string(layer);
    const int stride =
        static_cast<int>(ParameterOf(card, "stride_" + number, 0));
    if (stride <= 0) break;
    const std::size_t anchors = static_cast<std::size_t>(
        std::max(0.f, ParameterOf(card, "anchors_" + number, 1)));
    const int columns = (window.width + stride - 1) / stride;
    const int rows = (window.height + stride - 1) / stride;
    const std::size_t end =
        anchor + anchors * static_cast<std::size_t>(columns * rows);
    if (end > logits.size() || end * kValues > boxes.size()) return mismatch();
    for (int row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) {
        const PointF centre{
            (static_cast<float>(column) + .5f) * static_cast<float>(stride),
            (static_cast<float>(row) + .5f) * static_cast<float>(stride)};
        for (std::size_t i = 0; i < anchors; ++i, ++anchor) {
          if (!(logits[anchor] >= min_logit)) continue;
          const Detection detection =
              Read(&boxes[anchor * kValues], centre, logits[anchor]);
          if (detection.box.area() > 0) detections.push_back(detection);
        }
      }
    }
  }
  if (anchor != logits.size() || anchor * kValues != boxes.size()) {
    return mismatch();
  }
  return detections;
}

}  // namespace

const DetectorFamily kBlazeFace{"blazeface", Decode, SuppressWeighted};

}  // namespace ocelli
