#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/geometry.h"
#include "core/image.h"
#include "core/tracked_face.h"

namespace ocelli {

// Outlines on MediaPipe's canonical face mesh of 468 points, each a closed
// polygon of indices. Right and left are the person's own.
// mediapipe/python/solutions/face_mesh_connections.py, in order.
namespace face_outline {
inline constexpr std::uint16_t kOval[] = {
    10,  338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288,
    397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136,
    172, 58,  132, 93,  234, 127, 162, 21,  54,  103, 67,  109};
inline constexpr std::uint16_t kRightEye[] = {33,  246, 161, 160, 159, 158,
                                              157, 173, 133, 155, 154, 153,
                                              145, 144, 163, 7};
inline constexpr std::uint16_t kLeftEye[] = {263, 466, 388, 387, 386, 385,
                                             384, 398, 362, 382, 381, 380,
                                             374, 373, 390, 249};
inline constexpr std::uint16_t kRightBrow[] = {70, 63, 105, 66, 107,
                                               55, 65, 52,  53, 46};
inline constexpr std::uint16_t kLeftBrow[] = {300, 293, 334, 296, 336,
                                              285, 295, 282, 283, 276};
inline constexpr std::uint16_t kOuterLips[] = {
    61,  185, 40,  39,  37,  0,  267, 269, 270, 409,
    291, 375, 321, 405, 314, 17, 84,  181, 91,  146};
inline constexpr std::uint16_t kInnerLips[] = {
    78,  191, 80,  81,  82,  13, 312, 311, 310, 415,
    308, 324, 318, 402, 317, 14, 87,  178, 88,  95};
inline constexpr std::uint16_t kRightCheek[] = {116, 117, 118, 101,
                                                36,  205, 187, 123};
inline constexpr std::uint16_t kLeftCheek[] = {345, 346, 347, 330,
                                               266, 425, 411, 352};
}  // namespace face_outline

// Whether the face was seen a moment ago, so that what follows its skin still
// fits and does not flicker when a frame misses it.
bool IsFresh(const TrackedFace& face);

// Whole pixels of the luma plane.
struct PixelRect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  int right() const { return x + width; }
  int bottom() const { return y + height; }
  bool empty() const { return width <= 0 || height <= 0; }
  bool operator==(const PixelRect&) const = default;
};

// Replaces `points` by the mesh's points at `indices`. False, and empty, where
// the face has no mesh or one of them is not finite or beyond a million.
bool OutlinePoints(const Face& face, std::span<const std::uint16_t> indices,
                   std::vector<PointF>& points);

// What the points take up, grown by `margin`, cut to a picture of width x
// height. It begins at even pixels and ends at even ones or the picture's edge,
// so that its chroma samples are its own. Empty where nothing remains, or a
// number is not finite or beyond a million.
PixelRect BoundsWithin(std::span<const PointF> points, float margin, int width,
                       int height);

// How far each pixel of a rectangle belongs to a region: 0 to 255. Keeps its
// memory from one use to the next. One thread at a time.
class RegionMask {
 public:
  // All 0.
  void Reset(const PixelRect& rect);

  // The polygon's smooth-edged inside, with what is there already: the greater
  // of both, or what remains after it is cut out. Points are of the picture; a
  // polygon with one that is not finite or beyond a million counts as empty.
  void Add(std::span<const PointF> polygon);
  void Cut(std::span<const PointF> polygon);

  // Widens edges to a smooth ramp of `feather` pixels to both sides, at most
  // 200. The border of the rectangle counts as going on outside.
  void Feather(float feather);

  const PixelRect& rect() const { return rect_; }
  ImageView view() const;  // Grey, of the rectangle's size.
  std::uint8_t* Row(int y) {
    return mask_.data() + std::ptrdiff_t{y} * rect_.width;
  }

  // The same for the chroma samples that the rectangle covers: means of 2 x 2.
  // Needs a rectangle of BoundsWithin(). Valid until the next call.
  ImageView Chroma();

 private:
  // The polygon's edges into coverage_, which spans the pixels of the picture
  // that are returned: empty where nothing of it is inside.
  PixelRect Rasterize(std::span<const PointF> polygon);
  // combine(mask, how much of the pixel the polygon covers) for each pixel.
  template <typename Combine>
  void Cover(std::span<const PointF> polygon, Combine combine);

  PixelRect rect_;
  std::vector<std::uint8_t> mask_;
  std::vector<std::uint8_t> chroma_;
  std::vector<float> coverage_;  // Signed areas of the last polygon.
  std::vector<std::uint8_t> line_;
  std::vector<std::uint8_t> blurred_;
  std::vector<std::uint32_t> sums_;
};

// The feathered inside of one polygon at `rect`, grey.
Image PolygonMask(std::span<const PointF> polygon, const PixelRect& rect,
                  float feather);

}  // namespace ocelli
