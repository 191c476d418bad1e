// Decoding as in InsightFace's scrfd.py: distances from the anchor to the four
// sides, and offsets to the points, in strides.
#include <string>

#include "faces/face_detector.h"

namespace ocelli {
namespace {

constexpr int kStrides[] = {8, 16, 32};
constexpr std::size_t kAnchors = 2;  // At the upper left of every cell.

// Outputs: score, box, points; each at the three strides.
Result<std::vector<Detection>> Decode(const ModelCard& card,
                                      std::span<const Tensor> outputs,
                                      const DetectorWindow& window,
                                      float min_score) {
  std::vector<Detection> detections;
  for (std::size_t level = 0; level < std::size(kStrides); ++level) {
    const float stride = static_cast<float>(kStrides[level]);
    const std::size_t columns =
        static_cast<std::size_t>(window.width / kStrides[level]);
    const std::size_t rows =
        static_cast<std::size_t>(window.height / kStrides[level]);
    const auto output = [&](std::size_t kind) {
      const std::size_t index = kind * std::size(kStrides) + level;
      return index < outputs.size() ? outputs[index].floats()
                                    : std::span<const float>();
    };
    const auto scores = output(0), sides = output(1), points = output(2);
    const std::size_t anchors = columns * rows * kAnchors;
    if (scores.size() != anchors || sides.size() != anchors * 4 ||
        points.size() != anchors * 10) {
      return Fail(ErrorCode::kDataLoss,
                  "model " + card.name + " does not answer as an SCRFD does");
    }
    for (std::size_t anchor = 0; anchor < anchors; ++anchor) {
      if (!(scores[anchor] >= min_score)) continue;
      const std::size_t cell = anchor / kAnchors;
      const float x = static_cast<float>(cell % columns) * stride;
      const float y = static_cast<float>(cell / columns) * stride;
      const float* side = &sides[anchor * 4];
      std::array<PointF, 5> five;
      for (std::size_t i = 0; i < five.size(); ++i) {
        five[i] = {x + points[anchor * 10 + 2 * i] * stride,
                   y + points[anchor * 10 + 2 * i + 1] * stride};
      }
      detections.push_back(
          {{x - side[0] * stride, y - side[1] * stride,
            (side[0] + side[2]) * stride, (side[1] + side[3]) * stride},
           scores[anchor],
           SixPointsFromFive(five)});
    }
  }
  return detections;
}

}  // namespace

const DetectorFamily kScrfd{"scrfd", Decode, SuppressByUnion};

}  // namespace ocelli
