#include "faces/awaited_faces.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "faces/face_describer.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;

float SideOf(const RectF& box) { return (box.width + box.height) / 2; }

}  // namespace

std::optional<float> DistanceOfFaces(const RectF& last, const RectF& found) {
  constexpr float kFarthest = 1.2f;
  constexpr float kMostGrowth = 2;
  const float growth = SideOf(found) / SideOf(last);
  if (!(growth < kMostGrowth && growth > 1 / kMostGrowth)) return std::nullopt;
  const PointF a = last.center(), b = found.center();
  const float distance =
      std::hypot(a.x - b.x, a.y - b.y) / std::max(SideOf(last), SideOf(found));
  if (!(distance < kFarthest)) return std::nullopt;
  return distance;
}

AwaitedFaces::AwaitedFaces(const Options& options,
                           std::vector<TrackState> faces, int width, int height,
                           microseconds gap)
    : options_(options),
      faces_(std::move(faces)),
      width_(width),
      height_(height) {
  Pass(std::max(gap, microseconds(0)));
}

bool AwaitedFaces::AnyDescriptor() const {
  return std::any_of(faces_.begin(), faces_.end(), [](const TrackState& face) {
    return !face.descriptor.empty();
  });
}

void AwaitedFaces::PictureIs(int width, int height) {
  if (width == width_ && height == height_) return;
  width_ = width;
  height_ = height;
  ForgetPlaces();
}

void AwaitedFaces::ForgetPlaces() {
  for (TrackState& face : faces_) face.box = {};
  Pass(microseconds(0));
}

void AwaitedFaces::Pass(microseconds time) {
  std::erase_if(faces_, [&](TrackState& face) {
    face.unseen_for += time;
    if (face.unseen_for > options_.by_place) face.box = {};
    const bool described =
        !face.descriptor.empty() && face.unseen_for <= options_.by_descriptor;
    return face.box.area() <= 0 && !described;
  });
}

std::optional<TrackState> AwaitedFaces::Take(const RectF& box,
                                             std::span<const float> found) {
  if (auto known = Take(found)) return known;
  std::optional<std::size_t> nearest;
  float least = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < faces_.size(); ++i) {
    if (!found.empty() && !faces_[i].descriptor.empty() &&
        !(CosineSimilarity(faces_[i].descriptor, found) >= options_.denial)) {
      continue;
    }
    const auto distance = DistanceOfFaces(faces_[i].box, box);
    if (!distance || *distance >= least) continue;
    least = *distance;
    nearest = i;
  }
  return nearest ? TakeAt(*nearest) : std::nullopt;
}

std::optional<TrackState> AwaitedFaces::Take(std::span<const float> found) {
  std::optional<std::size_t> best;
  float most = options_.threshold;
  for (std::size_t i = 0; i < faces_.size() && !found.empty(); ++i) {
    if (faces_[i].descriptor.empty()) continue;
    const float cosine = CosineSimilarity(faces_[i].descriptor, found);
    if (!(cosine >= most)) continue;
    most = cosine;
    best = i;
  }
  return best ? TakeAt(*best) : std::nullopt;
}

std::optional<TrackState> AwaitedFaces::TakeAt(std::size_t index) {
  TrackState taken = std::move(faces_[index]);
  faces_.erase(faces_.begin() + static_cast<std::ptrdiff_t>(index));
  return taken;
}

}  // namespace ocelli
