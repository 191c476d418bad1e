#include "faces/detection.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ocelli {
namespace {

Detection WeightedMean(std::span<const Detection> heap) {
  float total = 0;
  float left = 0, top = 0, right = 0, bottom = 0;
  std::array<PointF, 6> keypoints{};
  for (const Detection& one : heap) {
    total += one.score;
    left += one.score * one.box.x;
    top += one.score * one.box.y;
    right += one.score * one.box.right();
    bottom += one.score * one.box.bottom();
    for (std::size_t i = 0; i < keypoints.size(); ++i) {
      keypoints[i].x += one.score * one.keypoints[i].x;
      keypoints[i].y += one.score * one.keypoints[i].y;
    }
  }
  if (total <= 0) return heap.front();
  for (PointF& point : keypoints) {
    point.x /= total;
    point.y /= total;
  }
  return {{left / total, top / total, (right - left) / total,
           (bottom - top) / total},
          heap.front().score,
          keypoints};
}

}  // namespace

std::vector<std::size_t> FindBest(std::span<const Detection> detections,
                                  const Overlap& limit) {
  std::vector<std::size_t> order(detections.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) {
                     return detections[a].score > detections[b].score;
                   });
  std::vector<std::size_t> best;
  for (const std::size_t candidate : order) {
    const RectF& box = detections[candidate].box;
    const bool covered =
        std::any_of(best.begin(), best.end(), [&](std::size_t better) {
          const RectF& other = detections[better].box;
          return IntersectionOverUnion(other, box) > limit.union_ratio ||
                 IntersectionOverSmaller(other, box) > limit.smaller_ratio;
        });
    if (!covered) best.push_back(candidate);
  }
  return best;
}

std::vector<Detection> Suppress(std::vector<Detection> detections,
                                const Overlap& limit) {
  std::vector<Detection> kept;
  for (const std::size_t i : FindBest(detections, limit)) {
    kept.push_back(detections[i]);
  }
  return kept;
}

std::vector<Detection> SuppressByUnion(std::vector<Detection> detections,
                                       float union_limit) {
  return Suppress(std::move(detections), {.union_ratio = union_limit});
}

std::vector<Detection> SuppressWeighted(std::vector<Detection> detections,
                                        float union_limit) {
  std::stable_sort(
      detections.begin(), detections.end(),
      [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::vector<Detection> kept, heap, rest;
  while (!detections.empty()) {
    heap.assign(1, detections.front());
    rest.clear();
    for (std::size_t i = 1; i < detections.size(); ++i) {
      const bool near = IntersectionOverUnion(heap.front().box,
                                              detections[i].box) > union_limit;
      (near ? heap : rest).push_back(detections[i]);
    }
    kept.push_back(WeightedMean(heap));
    detections.swap(rest);
  }
  return kept;
}

}  // namespace ocelli
