#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/geometry.h"
#include "core/image.h"

namespace ocelli {

// A grey picture, halved again and again. Owns its pixels.
class GreyPyramid {
 public:
  GreyPyramid() = default;
  // Each level has the mean of 2 x 2 pixels of the one before.
  GreyPyramid(Image finest, int levels);

  int levels() const { return static_cast<int>(levels_.size()); }
  ImageView Level(int level) const {
    return levels_[static_cast<std::size_t>(level)];
  }

 private:
  std::vector<Image> levels_;
};

// Where a point of `from` went in `to`, by pyramidal Lucas-Kanade; nothing
// where the picture has no texture there or the way back ends elsewhere. Both
// pyramids have the same sizes.
std::optional<PointF> FollowPoint(const GreyPyramid& from,
                                  const GreyPyramid& to, PointF point);

// The similarity that most of the pairs agree on, or nothing: where fewer than
// half of them or fewer than six do. `tolerance` is how far a pair may be off.
std::optional<Affine> AgreeOnSimilarity(std::span<const PointF> from,
                                        std::span<const PointF> to,
                                        float tolerance);

// Carries one face from picture to picture by its pixels alone.
class LandmarkFlow {
 public:
  // Remembers the pixels around a face of the luma plane. Without mesh, points
  // of the box are followed.
  void Begin(ImageView luma, const RectF& box, std::span<const Point3F> mesh);

  // How the face moved from the last picture to this one, which is remembered
  // in its stead; nothing where the pixels do not tell. Pictures have one size.
  std::optional<Affine> Advance(ImageView luma);

  void Reset() { points_.clear(); }

 private:
  void Remember(ImageView luma);

  std::vector<PointF> points_;  // In the last picture. None: not begun.
  RectF box_;
  // The pixels around the face: where they begin, and how many are one.
  GreyPyramid pixels_;
  int left_ = 0, top_ = 0, width_ = 0, height_ = 0, factor_ = 1;
};

void Move(const Affine& motion, std::span<Point3F> points);
// The upright box of the moved box's centre and size.
RectF Moved(const Affine& motion, const RectF& box);

}  // namespace ocelli
