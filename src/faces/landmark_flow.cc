// Bouguet: Pyramidal Implementation of the Lucas Kanade Feature Tracker, 2000.
#include "faces/landmark_flow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "faces/sampler.h"

namespace ocelli {
namespace {

constexpr int kHalfWindow = 4;
constexpr int kWindow = 2 * kHalfWindow + 1;
constexpr std::size_t kPixels = kWindow * kWindow;
constexpr int kLevels = 3;
constexpr int kIterations = 8;
constexpr float kConverged = .02f;    // Pixels.
constexpr float kLeastTexture = 4;    // Grey levels squared, a pixel.
constexpr float kMostBackward = .7f;  // Pixels that the way back may be off.

// Corners of eyes and mouth, lids, brows, nose, lips, cheeks, chin and
// forehead: what has texture and lies within the face.
constexpr std::uint16_t kFollowed[] = {33,  133, 159, 145, 263, 362, 386, 374,
                                       70,  105, 107, 336, 334, 300, 168, 6,
                                       4,   98,  327, 61,  291, 0,   17,  13,
                                       152, 199, 50,  280, 10,  151, 205, 425};

float At(ImageView image, float x, float y) {
  const float right = static_cast<float>(image.width - 1);
  const float bottom = static_cast<float>(image.height - 1);
  x = std::clamp(x, 0.f, right);
  y = std::clamp(y, 0.f, bottom);
  const int left = std::min(static_cast<int>(x), std::max(0, image.width - 2));
  const int top = std::min(static_cast<int>(y), std::max(0, image.height - 2));
  const float u = x - static_cast<float>(left);
  const float v = y - static_cast<float>(top);
  const std::uint8_t* upper = image.Row(top) + left;
  const std::uint8_t* lower = image.height > 1 ? upper + image.stride : upper;
  const int next = image.width > 1 ? 1 : 0;
  return (1 - v) * ((1 - u) * upper[0] + u * upper[next]) +
         v * ((1 - u) * lower[0] + u * lower[next]);
}

// The pixels and gradients around a point of one level.
struct Patch {
  std::array<float, kPixels> value, dx, dy;
  float xx = 0, xy = 0, yy = 0;
};

// Centres of pixels are at whole numbers here, as At() has them.
Patch PatchOf(ImageView image, PointF centre) {
  constexpr int kSide = kWindow + 2;
  std::array<float, kSide * kSide> around;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      around[static_cast<std::size_t>(row * kSide + column)] =
          At(image, centre.x + static_cast<float>(column - kHalfWindow - 1),
             centre.y + static_cast<float>(row - kHalfWindow - 1));
    }
  }
  Patch patch;
  std::size_t i = 0;
  for (std::size_t row = 1; row <= kWindow; ++row) {
    for (std::size_t column = 1; column <= kWindow; ++column, ++i) {
      const float* p = &around[row * kSide + column];
      patch.value[i] = *p;
      patch.dx[i] = (p[1] - p[-1]) / 2;
      patch.dy[i] = (p[kSide] - p[-kSide]) / 2;
      patch.xx += patch.dx[i] * patch.dx[i];
      patch.xy += patch.dx[i] * patch.dy[i];
      patch.yy += patch.dy[i] * patch.dy[i];
    }
  }
  return patch;
}

bool HasTexture(const Patch& patch) {
  const float half = (patch.xx + patch.yy) / 2;
  const float difference = (patch.xx - patch.yy) / 2;
  const float smaller =
      half - std::sqrt(difference * difference + patch.xy * patch.xy);
  return smaller > kLeastTexture * static_cast<float>(kPixels) / 4;
}

// Moves `place` in `image` to where it looks most like the patch.
void Refine(ImageView image, const Patch& patch, PointF& place) {
  const float determinant = patch.xx * patch.yy - patch.xy * patch.xy;
  if (!(determinant > 1e-3f)) return;
  const PointF start = place;
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    float bx = 0, by = 0;
    std::size_t i = 0;
    for (int row = -kHalfWindow; row <= kHalfWindow; ++row) {
      for (int column = -kHalfWindow; column <= kHalfWindow; ++column, ++i) {
        const float difference =
            patch.value[i] - At(image, place.x + static_cast<float>(column),
                                place.y + static_cast<float>(row));
        bx += difference * patch.dx[i];
        by += difference * patch.dy[i];
      }
    }
    const float x = (patch.yy * bx - patch.xy * by) / determinant;
    const float y = (patch.xx * by - patch.xy * bx) / determinant;
    place.x += x;
    place.y += y;
    if (!(std::hypot(place.x - start.x, place.y - start.y) < 2 * kWindow)) {
      place = start;
      return;
    }
    if (std::abs(x) < kConverged && std::abs(y) < kConverged) return;
  }
}

std::optional<PointF> FollowOneWay(const GreyPyramid& from,
                                   const GreyPyramid& to, PointF point) {
  PointF shift;  // In pixels of the level.
  for (int level = from.levels() - 1; level >= 0; --level) {
    const float unit = 1 / static_cast<float>(1 << level);
    const PointF centre{point.x * unit - .5f, point.y * unit - .5f};
    const Patch patch = PatchOf(from.Level(level), centre);
    if (level == 0 && !HasTexture(patch)) return std::nullopt;
    PointF place{centre.x + shift.x, centre.y + shift.y};
    Refine(to.Level(level), patch, place);
    shift = {place.x - centre.x, place.y - centre.y};
    if (level > 0) shift = {2 * shift.x, 2 * shift.y};
  }
  const PointF found{point.x + shift.x, point.y + shift.y};
  const ImageView finest = to.Level(0);
  const bool inside = found.x >= 0 && found.y >= 0 &&
                      found.x <= static_cast<float>(finest.width) &&
                      found.y <= static_cast<float>(finest.height);
  return inside ? std::optional(found) : std::nullopt;
}

float MedianOf(std::vector<float> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool Finite(PointF point) {
  return std::isfinite(point.x) && std::isfinite(point.y);
}

}  // namespace

GreyPyramid::GreyPyramid(Image finest, int levels) {
  levels_.push_back(std::move(finest));
  while (this->levels() < levels &&
         std::min(levels_.back().width(), levels_.back().height()) >=
             4 * kWindow) {
    levels_.push_back(Shrink(levels_.back(), 2));
  }
}

std::optional<PointF> FollowPoint(const GreyPyramid& from,
                                  const GreyPyramid& to, PointF point) {
  if (!Finite(point) || from.levels() == 0 || from.Level(0).empty()) {
    return std::nullopt;
  }
  const auto there = FollowOneWay(from, to, point);
  if (!there) return std::nullopt;
  const auto back = FollowOneWay(to, from, *there);
  if (!back ||
      !(std::hypot(back->x - point.x, back->y - point.y) <= kMostBackward)) {
    return std::nullopt;
  }
  return there;
}

std::optional<Affine> AgreeOnSimilarity(std::span<const PointF> from,
                                        std::span<const PointF> to,
                                        float tolerance) {
  constexpr std::size_t kLeast = 6;
  constexpr int kRounds = 4;
  if (from.size() < kLeast) return std::nullopt;
  // The median shift first, with room for a turn and a change of size; then
  // fits of those that agree with the last fit.
  std::vector<float> dx, dy;
  for (std::size_t i = 0; i < from.size(); ++i) {
    dx.push_back(to[i].x - from[i].x);
    dy.push_back(to[i].y - from[i].y);
  }
  Affine motion{1, 0, MedianOf(dx), 0, 1, MedianOf(dy)};
  float limit = 6 * tolerance;
  std::size_t agreeing = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<PointF> kept_from, kept_to;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const PointF expected = motion.Apply(from[i]);
      if (!(std::hypot(expected.x - to[i].x, expected.y - to[i].y) <= limit)) {
        continue;
      }
      kept_from.push_back(from[i]);
      kept_to.push_back(to[i]);
    }
    agreeing = kept_from.size();
    if (agreeing < kLeast || 2 * agreeing < from.size()) return std::nullopt;
    motion = FitSimilarity(kept_from, kept_to);
    limit = std::max(tolerance, limit / 2);
  }
  const float scale = std::hypot(motion.a, motion.c);
  const bool sane = scale > .7f && scale < 1.4f && std::isfinite(motion.tx) &&
                    std::isfinite(motion.ty);
  return sane ? std::optional(motion) : std::nullopt;
}

void LandmarkFlow::Begin(ImageView luma, const RectF& box,
                         std::span<const Point3F> mesh) {
  points_.clear();
  box_ = box;
  const float most = 4 * static_cast<float>(std::max(luma.width, luma.height));
  if (luma.empty() || !Finite({box.x, box.y}) ||
      !(box.width > 0 && box.height > 0 && box.width < most &&
        box.height < most && std::abs(box.x) < most && std::abs(box.y) < most))
    return;
  if (!mesh.empty()) {
    for (const std::uint16_t i : kFollowed) {
      if (i < mesh.size()) points_.push_back({mesh[i].x, mesh[i].y});
    }
  } else {
    constexpr int kGrid = 6;
    for (int i = 0; i < kGrid * kGrid; ++i) {
      const auto along = [](int step) {
        return .15f + .7f * static_cast<float>(step) / (kGrid - 1);
      };
      points_.push_back({box.x + box.width * along(i % kGrid),
                         box.y + box.height * along(i / kGrid)});
    }
  }
  Remember(luma);
}

// A margin of half a face is what it may move between two pictures.
void LandmarkFlow::Remember(ImageView luma) {
  constexpr float kUsefulSide = 128;
  const float side = std::max(box_.width, box_.height);
  factor_ = std::clamp(static_cast<int>(side / kUsefulSide), 1, 64);
  const RectF around = ClipTo({box_.x - side / 2, box_.y - side / 2,
                               box_.width + side, box_.height + side},
                              luma.width, luma.height);
  left_ = static_cast<int>(around.x);
  top_ = static_cast<int>(around.y);
  width_ = static_cast<int>(std::ceil(around.right())) - left_;
  height_ = static_cast<int>(std::ceil(around.bottom())) - top_;
  if (width_ <= 0 || height_ <= 0) {
    points_.clear();
    return;
  }
  pixels_ = GreyPyramid(
      Shrink(luma.Crop(left_, top_, width_, height_), factor_), kLevels);
}

std::optional<Affine> LandmarkFlow::Advance(ImageView luma) {
  if (points_.empty()) return std::nullopt;
  const ImageView now = luma.Crop(left_, top_, width_, height_);
  if (now.width != width_ || now.height != height_) {
    points_.clear();
    return std::nullopt;
  }
  const GreyPyramid pixels(Shrink(now, factor_), kLevels);
  const float unit = static_cast<float>(factor_);
  const PointF origin{static_cast<float>(left_), static_cast<float>(top_)};
  std::vector<PointF> from, to;
  for (const PointF& point : points_) {
    const auto found =
        FollowPoint(pixels_, pixels,
                    {(point.x - origin.x) / unit, (point.y - origin.y) / unit});
    if (!found) continue;
    from.push_back(point);
    to.push_back({origin.x + found->x * unit, origin.y + found->y * unit});
  }
  const float side = std::max(box_.width, box_.height);
  std::optional<Affine> motion;
  if (2 * from.size() >= points_.size()) {
    motion = AgreeOnSimilarity(from, to, std::max(.75f * unit, .015f * side));
  }
  if (!motion) {
    // The points are kept: a face that is hidden for a moment is where it was.
    Remember(luma);
    return std::nullopt;
  }
  for (PointF& point : points_) point = motion->Apply(point);
  box_ = Moved(*motion, box_);
  Remember(luma);
  return motion;
}

void Move(const Affine& motion, std::span<Point3F> points) {
  const float scale = std::hypot(motion.a, motion.c);
  for (Point3F& point : points) {
    const PointF moved = motion.Apply({point.x, point.y});
    point = {moved.x, moved.y, point.z * scale};
  }
}

RectF Moved(const Affine& motion, const RectF& box) {
  const float scale = std::hypot(motion.a, motion.c);
  const PointF centre = motion.Apply(box.center());
  const float width = box.width * scale, height = box.height * scale;
  return {centre.x - width / 2, centre.y - height / 2, width, height};
}

}  // namespace ocelli
