// Decoding as in OpenCV's face_detect.cpp (FaceDetectorYN).
#include <algorithm>
#include <cmath>
#include <string>

#include "faces/face_detector.h"

namespace ocelli {
namespace {

constexpr int kStrides[] = {8, 16, 32};

// Outputs: class score, objectness, box, points; each at the three strides.
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
    const auto classes = output(0), objects = output(1), boxes = output(2),
               points = output(3);
    const std::size_t cells = columns * rows;
    if (classes.size() != cells || objects.size() != cells ||
        boxes.size() != cells * 4 || points.size() != cells * 10) {
      return Fail(ErrorCode::kDataLoss,
                  "model " + card.name + " does not answer as a YuNet does");
    }
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const float score = std::sqrt(std::clamp(classes[cell], 0.f, 1.f) *
                                    std::clamp(objects[cell], 0.f, 1.f));
      if (!(score >= min_score)) continue;
      const float column = static_cast<float>(cell % columns);
      const float row = static_cast<float>(cell / columns);
      const auto place = [&](float dx, float dy) {
        return PointF{(column + dx) * stride, (row + dy) * stride};
      };
      const float* box = &boxes[cell * 4];
      const PointF centre = place(box[0], box[1]);
      const float width = std::exp(box[2]) * stride;
      const float height = std::exp(box[3]) * stride;
      std::array<PointF, 5> five;
      for (std::size_t i = 0; i < five.size(); ++i) {
        five[i] =
            place(points[cell * 10 + 2 * i], points[cell * 10 + 2 * i + 1]);
      }
      detections.push_back(
          {{centre.x - width / 2, centre.y - height / 2, width, height},
           score,
           SixPointsFromFive(five)});
    }
  }
  return detections;
}

}  // namespace

const DetectorFamily kYuNet{"yunet", Decode, SuppressByUnion};

}  // namespace ocelli
