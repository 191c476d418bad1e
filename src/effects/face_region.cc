#include "effects/face_region.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/clones.h"

namespace ocelli {
namespace {

// Far beyond any picture, and near enough for float to tell pixels apart.
constexpr float kFarthest = 1e6f;

bool IsUsable(PointF point) {
  return std::abs(point.x) <= kFarthest && std::abs(point.y) <= kFarthest;
}

std::size_t Area(const PixelRect& rect) {
  return static_cast<std::size_t>(rect.width) *
         static_cast<std::size_t>(rect.height);
}

// x * y / 255 for bytes, exact at both ends.
std::uint8_t Scaled(unsigned x, unsigned y) {
  const unsigned product = x * y + 128;
  return static_cast<std::uint8_t>((product + (product >> 8)) >> 8);
}

// Adds what an edge covers to the right of itself in one row, as differences
// from pixel to pixel: `height` from -1 to 1, x0 and x1 from 0 to the width.
// Needs one float behind the row's last pixel plus one.
// After Raph Levien's font-rs, src/raster.rs.
void AccumulateRow(float* row, float height, float x0, float x1) {
  if (x0 > x1) std::swap(x0, x1);
  const int first = static_cast<int>(x0);
  const int last = static_cast<int>(std::ceil(x1));
  if (last <= first + 1) {
    const float middle = (x0 + x1) / 2 - static_cast<float>(first);
    row[first] += height * (1 - middle);
    row[first + 1] += height * middle;
    return;
  }
  const float slope = 1 / (x1 - x0);
  float before = 0;
  float before_difference = 0;
  for (int x = first; x < last; ++x) {
    // The part of the edge left of x + 1, and the area that it leaves covered
    // in this pixel.
    const float left = std::max(x0, static_cast<float>(x));
    const float right = std::min(x1, static_cast<float>(x + 1));
    const float part = (right - left) * slope;
    const float area =
        before + part * (static_cast<float>(x + 1) - (left + right) / 2);
    row[x] += height * (area - before_difference);
    before_difference = area;
    before += part;
  }
  row[last] += height * (1 - before_difference);
}

// Means of sums of pixels, of which each is worth `inverse` / 65536.
OCELLI_CLONES
void WriteMeans(const std::uint32_t* sums, std::size_t count, unsigned inverse,
                std::uint8_t* means) {
  for (std::size_t i = 0; i < count; ++i) {
    means[i] = static_cast<std::uint8_t>((sums[i] * inverse + 32768) >> 16);
  }
}

OCELLI_CLONES
void MoveSums(const std::uint8_t* next, const std::uint8_t* oldest,
              std::size_t count, std::uint32_t* sums) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += std::uint32_t{next[i]} - oldest[i];
  }
}

}  // namespace

bool IsFresh(const TrackedFace& face) {
  return face.unseen_for <= std::chrono::milliseconds(250);
}

bool OutlinePoints(const Face& face, std::span<const std::uint16_t> indices,
                   std::vector<PointF>& points) {
  points.clear();
  for (const std::uint16_t index : indices) {
    const bool known = index < face.mesh.size();
    const PointF point =
        known ? PointF{face.mesh[index].x, face.mesh[index].y} : PointF{};
    if (!known || !IsUsable(point)) {
      points.clear();
      return false;
    }
    points.push_back(point);
  }
  return true;
}

PixelRect BoundsWithin(std::span<const PointF> points, float margin, int width,
                       int height) {
  if (points.empty() || !(margin >= 0 && margin <= kFarthest)) return {};
  PointF least = points[0], most = points[0];
  for (const PointF& point : points) {
    if (!IsUsable(point)) return {};
    least = {std::min(least.x, point.x), std::min(least.y, point.y)};
    most = {std::max(most.x, point.x), std::max(most.y, point.y)};
  }
  const auto down = [](float value, int end) {
    return std::clamp(static_cast<int>(std::floor(value)), 0, end) / 2 * 2;
  };
  const auto up = [](float value, int end) {
    const int whole = std::clamp(static_cast<int>(std::ceil(value)), 0, end);
    return std::min((whole + 1) / 2 * 2, end);
  };
  PixelRect rect;
  rect.x = down(least.x - margin, width);
  rect.y = down(least.y - margin, height);
  rect.width = up(most.x + margin, width) - rect.x;
  rect.height = up(most.y + margin, height) - rect.y;
  return rect.empty() ? PixelRect{} : rect;
}

void RegionMask::Reset(const PixelRect& rect) {
  rect_ = rect.empty() ? PixelRect{} : rect;
  mask_.assign(Area(rect_), 0);
}

PixelRect RegionMask::Rasterize(std::span<const PointF> polygon) {
  if (rect_.empty() || polygon.size() < 3) return {};
  // Eyes are small in a face: only what the polygon spans is looked at.
  PixelRect span = BoundsWithin(polygon, 0, rect_.right(), rect_.bottom());
  const int left = std::max(span.x, rect_.x), top = std::max(span.y, rect_.y);
  span = {left, top, span.right() - left, span.bottom() - top};
  if (span.empty()) return {};
  const auto stride = static_cast<std::size_t>(span.width) + 2;
  coverage_.assign(stride * static_cast<std::size_t>(span.height), 0);
  const auto width = static_cast<float>(span.width);
  const auto height = static_cast<float>(span.height);
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    PointF a = polygon[i];
    PointF b = polygon[i + 1 < polygon.size() ? i + 1 : 0];
    a = {a.x - static_cast<float>(span.x), a.y - static_cast<float>(span.y)};
    b = {b.x - static_cast<float>(span.x), b.y - static_cast<float>(span.y)};
    float direction = 1;
    if (a.y > b.y) {
      std::swap(a, b);
      direction = -1;
    }
    const float upper = std::max(a.y, 0.f);
    const float lower = std::min(b.y, height);
    if (!(upper < lower)) continue;
    const float slope = (b.x - a.x) / (b.y - a.y);
    const auto x_at = [&](float y) {
      return std::clamp(a.x + (y - a.y) * slope, 0.f, width);
    };
    for (int y = static_cast<int>(upper); static_cast<float>(y) < lower; ++y) {
      const float from = std::max(upper, static_cast<float>(y));
      const float to = std::min(lower, static_cast<float>(y + 1));
      AccumulateRow(coverage_.data() + static_cast<std::size_t>(y) * stride,
                    direction * (to - from), x_at(from), x_at(to));
    }
  }
  return span;
}

template <typename Combine>
void RegionMask::Cover(std::span<const PointF> polygon, Combine combine) {
  const PixelRect span = Rasterize(polygon);
  const auto width = static_cast<std::size_t>(span.width);
  for (int y = 0; y < span.height; ++y) {
    const float* difference =
        coverage_.data() + static_cast<std::size_t>(y) * (width + 2);
    std::uint8_t* out = mask_.data() +
                        static_cast<std::size_t>(span.y - rect_.y + y) *
                            static_cast<std::size_t>(rect_.width) +
                        static_cast<std::size_t>(span.x - rect_.x);
    float sum = 0;
    for (std::size_t x = 0; x < width; ++x) {
      sum += difference[x];
      const float covered = std::min(std::abs(sum), 1.f) * 255 + .5f;
      out[x] = combine(out[x], static_cast<std::uint8_t>(covered));
    }
  }
}

void RegionMask::Add(std::span<const PointF> polygon) {
  Cover(polygon, [](std::uint8_t mask, std::uint8_t covered) {
    return std::max(mask, covered);
  });
}

void RegionMask::Cut(std::span<const PointF> polygon) {
  Cover(polygon, [](std::uint8_t mask, std::uint8_t covered) {
    return Scaled(mask, 255u - covered);
  });
}

void RegionMask::Feather(float feather) {
  if (rect_.empty() || !(feather > 0)) return;
  // Two box filters make a tent; each reaches half as far.
  const int radius =
      static_cast<int>(std::lround(std::min(feather, 200.f) / 2));
  if (radius == 0) return;
  const int width = rect_.width, height = rect_.height;
  const auto stride = static_cast<std::size_t>(width);
  const unsigned inverse = (65536u + static_cast<unsigned>(radius)) /
                           (2 * static_cast<unsigned>(radius) + 1);
  const auto row = [&](std::vector<std::uint8_t>& plane, int y) {
    return plane.data() +
           static_cast<std::size_t>(std::clamp(y, 0, height - 1)) * stride;
  };
  blurred_.resize(mask_.size());
  sums_.resize(stride);
  line_.resize(stride + 2 * static_cast<std::size_t>(radius) + 1);
  for (int pass = 0; pass < 2; ++pass) {
    for (int y = 0; y < height; ++y) {
      std::uint8_t* out = row(mask_, y);
      std::memset(line_.data(), out[0], static_cast<std::size_t>(radius));
      std::memcpy(line_.data() + radius, out, stride);
      std::memset(line_.data() + radius + width, out[width - 1],
                  static_cast<std::size_t>(radius) + 1);
      unsigned sum = 0;
      for (int x = 0; x <= 2 * radius; ++x) {
        sum += line_[static_cast<std::size_t>(x)];
      }
      const std::uint8_t* oldest = line_.data();
      const std::uint8_t* next = line_.data() + 2 * radius + 1;
      for (int x = 0; x < width; ++x) {
        sums_[static_cast<std::size_t>(x)] = sum;
        if (x + 1 < width) sum += unsigned{next[x]} - oldest[x];
      }
      WriteMeans(sums_.data(), stride, inverse, row(blurred_, y));
    }
    std::fill(sums_.begin(), sums_.end(), 0);
    for (int y = -radius; y <= radius; ++y) {
      const std::uint8_t* in = row(blurred_, y);
      for (std::size_t x = 0; x < stride; ++x) sums_[x] += in[x];
    }
    for (int y = 0; y < height; ++y) {
      WriteMeans(sums_.data(), stride, inverse, row(mask_, y));
      MoveSums(row(blurred_, y + radius + 1), row(blurred_, y - radius), stride,
               sums_.data());
    }
  }
}

ImageView RegionMask::view() const {
  return {mask_.data(), rect_.width, rect_.height, rect_.width,
          PixelFormat::kGrey8};
}

ImageView RegionMask::Chroma() {
  const int width = (rect_.width + 1) / 2, height = (rect_.height + 1) / 2;
  chroma_.resize(static_cast<std::size_t>(width) *
                 static_cast<std::size_t>(height));
  const ImageView mask = view();
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* upper = mask.Row(2 * y);
    const std::uint8_t* lower = mask.Row(std::min(2 * y + 1, rect_.height - 1));
    std::uint8_t* out = chroma_.data() + std::ptrdiff_t{y} * width;
    for (int x = 0; x < rect_.width / 2; ++x) {
      out[x] = static_cast<std::uint8_t>((upper[2 * x] + upper[2 * x + 1] +
                                          lower[2 * x] + lower[2 * x + 1] + 2) /
                                         4);
    }
    if (rect_.width % 2 != 0) {
      out[width - 1] = static_cast<std::uint8_t>(
          (upper[rect_.width - 1] + lower[rect_.width - 1] + 1) / 2);
    }
  }
  return {chroma_.data(), width, height, width, PixelFormat::kGrey8};
}

Image PolygonMask(std::span<const PointF> polygon, const PixelRect& rect,
                  float feather) {
  RegionMask mask;
  mask.Reset(rect);
  mask.Add(polygon);
  mask.Feather(feather);
  return CopyOf(mask.view());
}

}  // namespace ocelli
