#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "effects/face_region.h"
#include "effects/kinds.h"

namespace ocelli {
namespace {

// Pulls the picture about inside one circle: Gustafson, "Interactive Image
// Warping", 1993, with a falloff whose slope is 0 at the rim.
struct LocalWarp {
  PointF center;
  float radius = 0;
  float growth = 0;  // By which share the middle grows.
  PointF shift;      // By how far the middle moves.
};

bool IsFinite(const LocalWarp& warp) {
  constexpr float kFarthest = 1e6f;
  return std::abs(warp.center.x) <= kFarthest &&
         std::abs(warp.center.y) <= kFarthest &&
         std::abs(warp.shift.x) <= kFarthest &&
         std::abs(warp.shift.y) <= kFarthest && warp.radius >= 2 &&
         warp.radius <= kFarthest;
}

float Distance(PointF a, PointF b) { return std::hypot(a.x - b.x, a.y - b.y); }

// From a point of the new picture to where its colour comes from.
PointF SourceOffset(std::span<const LocalWarp> warps, PointF point) {
  PointF sum;
  for (const LocalWarp& warp : warps) {
    const float x = point.x - warp.center.x, y = point.y - warp.center.y;
    const float inside = 1 - (x * x + y * y) / (warp.radius * warp.radius);
    if (!(inside > 0)) continue;
    const float weight = inside * inside;
    sum.x -= weight * (warp.growth * x + warp.shift.x);
    sum.y -= weight * (warp.growth * y + warp.shift.y);
  }
  return sum;
}

// Where a point of the old picture comes to lie: the fixed point of
// new = old - SourceOffset(new).
PointF Moved(std::span<const LocalWarp> warps, PointF old) {
  PointF point = old;
  for (int i = 0; i < 8; ++i) {
    const PointF offset = SourceOffset(warps, point);
    if (offset == PointF{}) break;
    point = {old.x - offset.x, old.y - offset.y};
  }
  return point;
}

class Reshape final : public Effect {
 public:
  Reshape(float slim, float eyes) : slim_(slim), eyes_(eyes) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    for (std::size_t i = 0; i < faces.size(); ++i) {
      if (!IsFresh(faces[i]) || !FindWarps(faces[i].face)) continue;
      const PixelRect rect = Reach(frame.pixels);
      if (rect.empty()) continue;
      ComputeOffsets(rect);
      Resample(frame.pixels.MutableView(), rect);
      for (TrackedFace& face : faces) MovePoints(face.face);
    }
    return {};
  }

 private:
  bool FindWarps(const Face& face) {
    warps_.clear();
    if (eyes_ != 0) {
      for (const auto eye :
           {std::span<const std::uint16_t>(face_outline::kRightEye),
            std::span<const std::uint16_t>(face_outline::kLeftEye)}) {
        if (!OutlinePoints(face, eye, points_)) return false;
        LocalWarp warp;
        const auto count = static_cast<float>(points_.size());
        for (const PointF& point : points_) {
          warp.center.x += point.x / count;
          warp.center.y += point.y / count;
        }
        // The corners are the first and the ninth point.
        warp.radius = Distance(points_[0], points_[8]);
        warp.growth = .4f * eyes_;
        Keep(warp);
      }
    }
    if (slim_ != 0) {
      // Cheek and jaw, the person's right and left.
      constexpr std::array<std::uint16_t, 4> kSides = {132, 361, 136, 365};
      if (!OutlinePoints(face, kSides, points_)) return false;
      for (std::size_t i = 0; i < kSides.size(); i += 2) {
        const PointF right = points_[i], left = points_[i + 1];
        const float share = (i == 0 ? .055f : .07f) * slim_;
        const PointF inwards = {(left.x - right.x) * share,
                                (left.y - right.y) * share};
        LocalWarp warp;
        warp.radius = .42f * Distance(right, left);
        warp.center = right;
        warp.shift = inwards;
        Keep(warp);
        warp.center = left;
        warp.shift = {-inwards.x, -inwards.y};
        Keep(warp);
      }
    }
    return !warps_.empty();
  }

  void Keep(const LocalWarp& warp) {
    if (IsFinite(warp)) warps_.push_back(warp);
  }

  PixelRect Reach(YuvView pixels) {
    points_.clear();
    for (const LocalWarp& warp : warps_) {
      points_.push_back(
          {warp.center.x - warp.radius, warp.center.y - warp.radius});
      points_.push_back(
          {warp.center.x + warp.radius, warp.center.y + warp.radius});
    }
    return BoundsWithin(points_, 1, pixels.width, pixels.height);
  }

  // SourceOffset() of each pixel's centre.
  void ComputeOffsets(const PixelRect& rect) {
    const auto count = static_cast<std::size_t>(rect.width) *
                       static_cast<std::size_t>(rect.height);
    offset_x_.assign(count, 0);
    offset_y_.assign(count, 0);
    for (const LocalWarp& warp : warps_) {
      const float inverse = 1 / (warp.radius * warp.radius);
      const PointF corners[] = {
          {warp.center.x - warp.radius, warp.center.y - warp.radius},
          {warp.center.x + warp.radius, warp.center.y + warp.radius}};
      const PixelRect part =
          BoundsWithin(corners, 0, rect.right(), rect.bottom());
      const int left = std::max(part.x, rect.x) - rect.x;
      const int right = part.right() - rect.x;
      for (int y = std::max(part.y, rect.y); y < part.bottom(); ++y) {
        const std::ptrdiff_t row = std::ptrdiff_t{y - rect.y} * rect.width;
        float* out_x = offset_x_.data() + row;
        float* out_y = offset_y_.data() + row;
        const float dy = static_cast<float>(y) + .5f - warp.center.y;
        const float first = static_cast<float>(rect.x) + .5f - warp.center.x;
        for (int x = left; x < right; ++x) {
          const float dx = first + static_cast<float>(x);
          const float inside = std::max(1 - (dx * dx + dy * dy) * inverse, 0.f);
          const float weight = inside * inside;
          out_x[x] -= weight * (warp.growth * dx + warp.shift.x);
          out_y[x] -= weight * (warp.growth * dy + warp.shift.y);
        }
      }
    }
  }

  void Resample(MutableYuvView pixels, const PixelRect& rect) {
    float farthest = 0;
    for (std::size_t i = 0; i < offset_x_.size(); ++i) {
      farthest =
          std::max({farthest, std::abs(offset_x_[i]), std::abs(offset_y_[i])});
    }
    const int margin = static_cast<int>(std::min(farthest, 1e6f)) + 2;
    ResamplePlane(pixels.LumaPlane(), rect, margin);

    // A chroma sample moves by the mean of its pixels, in samples.
    PixelRect half = {rect.x / 2, rect.y / 2, (rect.width + 1) / 2,
                      (rect.height + 1) / 2};
    std::size_t out = 0;
    for (int y = 0; y < half.height; ++y) {
      const std::ptrdiff_t upper = std::ptrdiff_t{2 * y} * rect.width;
      const std::ptrdiff_t lower =
          std::ptrdiff_t{std::min(2 * y + 1, rect.height - 1)} * rect.width;
      for (int x = 0; x < half.width; ++x, ++out) {
        const int left = 2 * x;
        const int right = std::min(2 * x + 1, rect.width - 1);
        const auto mean = [&](const std::vector<float>& plane) {
          const float* above = plane.data() + upper;
          const float* below = plane.data() + lower;
          return (above[left] + above[right] + below[left] + below[right]) / 8;
        };
        // In place: `out` never overtakes what is still to be read.
        const float x_mean = mean(offset_x_), y_mean = mean(offset_y_);
        offset_x_[out] = x_mean;
        offset_y_[out] = y_mean;
      }
    }
    ResamplePlane(pixels.UPlane(), half, margin);
    ResamplePlane(pixels.VPlane(), half, margin);
  }

  // Pixels whose offset is 0 stay as they are.
  void ResamplePlane(MutableImageView plane, const PixelRect& rect,
                     int margin) {
    const int left = std::max(rect.x - margin, 0);
    const int top = std::max(rect.y - margin, 0);
    const int width = std::min(rect.right() + margin, plane.width) - left;
    const int height = std::min(rect.bottom() + margin, plane.height) - top;
    const auto stride = static_cast<std::size_t>(width) + 1;
    source_.resize(stride * (static_cast<std::size_t>(height) + 1));
    for (int y = 0; y <= height; ++y) {
      const std::uint8_t* in = plane.Pixel(left, top + std::min(y, height - 1));
      std::uint8_t* out = source_.data() + static_cast<std::size_t>(y) * stride;
      std::memcpy(out, in, static_cast<std::size_t>(width));
      out[width] = in[width - 1];
    }
    const auto last_x = static_cast<float>(width - 1);
    const auto last_y = static_cast<float>(height - 1);
    for (int y = 0; y < rect.height; ++y) {
      const std::ptrdiff_t row = std::ptrdiff_t{y} * rect.width;
      const float* offset_x = offset_x_.data() + row;
      const float* offset_y = offset_y_.data() + row;
      std::uint8_t* out = plane.Pixel(rect.x, rect.y + y);
      const auto base_x = static_cast<float>(rect.x - left);
      const auto base_y = static_cast<float>(rect.y + y - top);
      for (int x = 0; x < rect.width; ++x) {
        if (offset_x[x] == 0 && offset_y[x] == 0) continue;
        const float from_x = std::min(
            std::max(base_x + static_cast<float>(x) + offset_x[x], 0.f),
            last_x);
        const float from_y =
            std::min(std::max(base_y + offset_y[x], 0.f), last_y);
        const int whole_x = static_cast<int>(from_x);
        const int whole_y = static_cast<int>(from_y);
        const int part_x =
            static_cast<int>((from_x - static_cast<float>(whole_x)) * 256);
        const int part_y =
            static_cast<int>((from_y - static_cast<float>(whole_y)) * 256);
        const std::uint8_t* upper = source_.data() +
                                    static_cast<std::size_t>(whole_y) * stride +
                                    whole_x;
        const std::uint8_t* lower = upper + stride;
        const int above = upper[0] * 256 + (upper[1] - upper[0]) * part_x;
        const int below = lower[0] * 256 + (lower[1] - lower[0]) * part_x;
        out[x] = static_cast<std::uint8_t>(
            (above * 256 + (below - above) * part_y + 32768) >> 16);
      }
    }
  }

  void MovePoints(Face& face) {
    for (Point3F& point : face.mesh) {
      const PointF moved = Moved(warps_, {point.x, point.y});
      point.x = moved.x;
      point.y = moved.y;
    }
    for (PointF& point : face.keypoints) point = Moved(warps_, point);
  }

  const float slim_;
  const float eyes_;
  std::vector<LocalWarp> warps_;
  std::vector<PointF> points_;
  std::vector<float> offset_x_, offset_y_;  // Pixels.
  std::vector<std::uint8_t> source_;
};

}  // namespace

EffectKind ReshapeKind() {
  return {
      .name = "reshape",
      .help = "makes faces slimmer or wider, eyes larger or smaller",
      .parameters = {{.name = "slim",
                      .help = "how much slimmer; below 0 wider",
                      .least = -1,
                      .fallback = "0.3"},
                     {.name = "eyes",
                      .help = "how much larger; below 0 smaller",
                      .least = -1,
                      .fallback = "0.2"}},
      .need = [](const EffectValues&) { return EffectNeed::kFaces; },
      .make = [](const EffectValues& values,
                 const EffectContext&) -> Result<std::unique_ptr<Effect>> {
        return std::make_unique<Reshape>(
            static_cast<float>(values.Number("slim")),
            static_cast<float>(values.Number("eyes")));
      },
  };
}

}  // namespace ocelli
